"""The merger of two organismes: one file for each person's service, nothing fused in silence, a trace that leads back (D3)."""

"""The common trunk: what all corridors share, always on (decision D5)."""

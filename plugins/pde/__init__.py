"""Corridor PDE: child protection (MS2)."""

"""Corridor AHI: shelter, housing, insertion (MS3)."""

"""Corridor PJM: legal protection of adults (MS3)."""

"""Corridor PDS: people with specific difficulties (MS2)."""

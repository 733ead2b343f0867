"""Corridor PH: people with disabilities (MS1)."""

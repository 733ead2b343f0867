"""Corridor DOM: support at home (MS1)."""

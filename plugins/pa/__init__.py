"""Corridor PA: elderly people (MS1)."""

"""Reproducible measures: ``./run bench``. Nothing here is imported by the server or by the tests."""

"""Hypothesis: new cases at each run for whoever develops, the same ones at each run for the integration machine."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

"""The daily pass of clock-driven rules: files of a tenant, what is late in each, and the tasks that say so."""

from dui_fhir.clock_rules.passing import Report, run_day
from dui_fhir.clock_rules.watch import Watch

__all__ = ["Report", "Watch", "run_day"]

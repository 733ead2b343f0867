"""When the daily pass runs: once a day for each tenant, in whatever process keeps a watch."""

import logging
import threading
import traceback
from datetime import date

from dui_fhir.clock_rules.passing import Report, run_day, today
from dui_fhir.service.engine import Engine
from dui_fhir.service.publication import publish_questionnaires

log = logging.getLogger("dui_fhir.clock")
PAUSE_S = 300.0
"""Between two looks at the calendar, and before a pass that failed is tried again."""


class Watch:
    """The days already passed, by tenant. Two watches of one deployment do no harm: a second pass changes nothing.

    The first look at a tenant also brings the Questionnaires of its corridors up to date, after an upgrade for instance.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._done: dict[str, date] = {}

    def tick(self, stop: threading.Event | None = None) -> dict[str, Report]:
        """Run the pass of the day for the tenants that have not had it; one that fails is tried at the next tick."""
        day = today(self._engine)
        stop = stop or threading.Event()
        reports = {}
        for tenant in self._engine.stores.names():
            if stop.is_set() or self._done.get(tenant) == day:
                continue
            try:
                publish_questionnaires(self._engine.stores.open(tenant), self._engine.extractor, self._engine.host)
                report = run_day(self._engine, tenant, day, stopped=stop.is_set)
            except Exception as error:  # the next tenants, and the next day, must still have their pass
                _note(tenant, error)
                continue
            if report.finished:
                self._done[tenant] = day
                reports[tenant] = report
                log.info("%s", report.line(tenant))
        return reports

    def run_forever(self, stop: threading.Event) -> None:
        """Tick until told to stop; returns within a moment of it."""
        while not stop.is_set():
            self.tick(stop)
            stop.wait(PAUSE_S)


def _note(tenant: str, error: Exception) -> None:
    # frames, not the message: a message may hold data of a person
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[1:]]
    log.error("daily rules of tenant %s: %s (%s)", tenant, type(error).__name__, " < ".join(reversed(frames)))

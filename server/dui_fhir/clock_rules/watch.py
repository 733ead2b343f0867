"""When the daily pass runs: once a day for each tenant, in whatever process keeps a watch."""

import logging
import threading
from datetime import date

from dui_fhir.clock_rules.passing import Report, run_day, today
from dui_fhir.domain.errors import DuiError
from dui_fhir.service.engine import Engine

log = logging.getLogger("dui_fhir.clock")
PAUSE_S = 300.0
"""Between two looks at the calendar, and before a pass that failed is tried again."""


class Watch:
    """The days already passed, by tenant. Two watches of one deployment do no harm: a second pass changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._done: dict[str, date] = {}

    def tick(self) -> dict[str, Report]:
        """Run the pass of the day for the tenants that have not had it; one that fails is tried at the next tick."""
        day = today(self._engine)
        reports = {}
        for tenant in self._engine.stores.names():
            if self._done.get(tenant) == day:
                continue
            try:
                reports[tenant] = run_day(self._engine, tenant, day)
            except DuiError as error:
                log.error("daily rules of tenant %s: %s", tenant, error.issues[0].id)
                continue
            self._done[tenant] = day
            log.info("%s", reports[tenant].line(tenant))
        return reports

    def run_forever(self, stop: threading.Event) -> None:
        """Tick until told to stop; returns within a moment of it."""
        while not stop.is_set():
            self.tick()
            stop.wait(PAUSE_S)

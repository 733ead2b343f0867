"""The log: one JSON object per line on standard error, without personal data (no query, no id of a resource)."""

import json
import logging
import sys
from datetime import UTC, datetime

_FIELDS = ("method", "route", "interaction", "status", "ms", "request_id", "tenant")


class JsonFormatter(logging.Formatter):
    """Writes the message, its level and time, and the known fields given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["stack"] = self._stack(record)
        return json.dumps(line, ensure_ascii=False)

    def _stack(self, record: logging.LogRecord) -> list[str]:
        # the message of an unknown exception may quote a resource: its type and its place are enough to find the fault
        kind, _, trace = record.exc_info or (None, None, None)
        frames: list[str] = []
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        return [*frames, kind.__name__ if kind else ""]


def configure(level: str) -> None:
    """Send the log of ``dui_fhir`` to standard error; doing it again changes nothing but the level."""
    logger = logging.getLogger("dui_fhir")
    logger.setLevel(level.upper())
    if not any(isinstance(h.formatter, JsonFormatter) for h in logger.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.propagate = False

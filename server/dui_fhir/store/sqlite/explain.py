"""How SQLite runs a search: the statements it is given, and the plan that it makes for each."""

import re
from typing import Final

from dui_fhir.domain.query import Query
from dui_fhir.ports import Statement
from dui_fhir.store.sqlite import reading
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection

STATEMENTS_MAX: Final = 50
_VALUES: Final = re.compile(
    r"'(?:[^']|'')*'|\bx'[0-9a-f]*'|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])", re.IGNORECASE
)


def explain(connection: Connection, dictionary: Dictionary, query: Query) -> tuple[Statement, ...]:
    """Run the search and return what was asked of SQLite, in order, without any value of the search."""
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    try:
        reading.search(connection, dictionary, query)
    finally:
        connection.set_trace_callback(None)
    selects = [s for s in dict.fromkeys(asked) if s.lstrip().upper().startswith(("SELECT", "WITH"))]
    return tuple(_explained(connection, statement) for statement in selects[:STATEMENTS_MAX])


def _explained(connection: Connection, statement: str) -> Statement:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    depth: dict[int, int] = {0: -1}
    lines = []
    for id, parent, _, detail in rows:
        depth[id] = depth.get(parent, -1) + 1
        lines.append("  " * depth[id] + detail)
    return Statement(text=_VALUES.sub("?", statement), plan=tuple(lines))

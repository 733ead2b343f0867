"""``_explain=true`` on a search, for administrators: what was understood, what the store is asked, how long it takes.

No value of the search is told again: the answer may be shown to somebody else.
"""

import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from dui_fhir.domain.errors import BadRequest, Forbidden
from dui_fhir.domain.query import Query
from dui_fhir.search.parse import ParsedSearch
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse

PARAM: Final = "_explain"
_SHOWN: Final = frozenset({"param", "type", "types", "comparator", "how", "where", "missing", "kind", "descending"})
"""Fields of the nodes of a query that say how, and not what."""


def asked(call: Call) -> bool:
    """Tell whether the search is to be explained. Raises: BadRequest, Forbidden (``core-explain-disabled``)."""
    given = [value for name, value in call.request.params if name == PARAM]
    if not given:
        return False
    if given[0] not in ("true", "false"):
        raise BadRequest.of("search-value", "_explain vaut true ou false.", "_explain is true or false")
    if given[0] == "true" and not (call.engine.settings.explain_allowed and call.request.actor.kind == "system"):
        raise Forbidden.of(
            "core-explain-disabled",
            "L'explication des recherches n'est pas ouverte sur ce serveur : l'administrateur l'autorise par explain_allowed.",
            "setting explain_allowed",
        )
    return given[0] == "true"


def explained(call: Call, wanted: ParsedSearch) -> ServiceResponse:
    """Return a Parameters: ``query``, one ``statement`` per thing asked of the store, ``matches``, ``elapsedMs``."""
    started = time.perf_counter()
    page = call.store.search(wanted.query)
    elapsed_ms = (time.perf_counter() - started) * 1000
    content: list[dict[str, Any]] = [
        {"name": "query", "valueString": "\n".join(_lines(wanted.query))},
        {"name": "matches", "valueInteger": len(page.matches)},
        {"name": "elapsedMs", "valueDecimal": round(elapsed_ms, 3)},
    ]
    if page.total is not None:
        content.append({"name": "total", "valueInteger": page.total})
    for statement in call.store.explain(wanted.query):
        parts = [{"name": "text", "valueString": statement.text}]
        parts += [{"name": "plan", "valueString": line} for line in statement.plan]
        content.append({"name": "statement", "part": parts})
    return ServiceResponse(status=200, body={"resourceType": "Parameters", "parameter": content})


def _lines(query: Query) -> Iterator[str]:
    yield f"types: {', '.join(query.types) or 'all'}"
    yield from (f"where: {line}" for line in _node(query.where))
    for key in query.sort:
        yield f"sort: {_shown(key)}"
    yield f"limit: {query.limit}, total: {query.total}, {'first page' if query.after is None else 'following page'}"


def _node(node: Any, depth: int = 0) -> Iterator[str]:
    yield "  " * depth + _shown(node)
    for field in fields(node):
        value = getattr(node, field.name)
        for child in value if isinstance(value, tuple) else (value,):
            if is_dataclass(child):
                yield from _node(child, depth + 1)


def _shown(node: Any) -> str:
    said = [f"{f.name}={getattr(node, f.name)}" for f in fields(node) if f.name in _SHOWN]
    return f"{type(node).__name__}({', '.join(said)})"

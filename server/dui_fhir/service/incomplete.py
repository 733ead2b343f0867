"""Searches on a parameter that is not indexed in all resources yet: they say so, and writes do not rely on them."""

from dataclasses import replace
from typing import Final

from dui_fhir.domain.errors import BadRequest, Unavailable
from dui_fhir.domain.issues import Issue
from dui_fhir.search.indexing import ABSTRACT
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import ParsedSearch, parse
from dui_fhir.search.used import used
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Params

RETRY_AFTER_S: Final = 30


def parsed(call: Call, type: str | None, params: Params, *, lenient: bool | None = None) -> ParsedSearch:
    """Parse a search with the tenant's parameters as they are now, whoever changed them.

    Those not indexed in all resources yet are told by a warning (``search-index-incomplete``).
    Raises: BadRequest (``search-…``); with ``handling=strict``, Unavailable (``search-index-incomplete``).
    """
    try:
        found = parse(type, params, _options(call, lenient))
    except BadRequest:
        if not call.renewed():
            raise
        found = parse(type, params, _options(call, lenient))
    if not (call.tuned.own or call.tuned.guided or call.tuned.pending):
        return found
    if _concerned(call, found) and call.renewed():
        found = parse(type, params, _options(call, lenient))
    pending = _pending(call, found)
    if pending and call.request.prefer.handling == "strict":
        raise Unavailable([replace(_issue(pending), severity="error")], retry_after_s=RETRY_AFTER_S)
    return replace(found, issues=(*found.issues, _issue(pending))) if pending else found


def relied_on(call: Call, type: str, params: Params) -> ParsedSearch:
    """Parse criteria that decide of a write. Raises: as :func:`parsed`; Unavailable where a match might be missed."""
    found = parsed(call, type, params, lenient=False)
    pending = _pending(call, found)
    if pending:
        raise Unavailable([replace(_issue(pending), severity="error")], retry_after_s=RETRY_AFTER_S)
    return found


def _options(call: Call, lenient: bool | None) -> SearchOptions:
    return call.options if lenient is None else replace(call.options, lenient=lenient)


def _concerned(call: Call, found: ParsedSearch) -> bool:
    """Tell whether the search uses a parameter that others may have changed meanwhile."""
    codes = {p.code for p in (*call.tuned.own.values(), *call.tuned.guided)} | {one.code for one in call.tuned.pending}
    return any(code in codes for _, code in used(found))


def _pending(call: Call, found: ParsedSearch) -> list[str]:
    """Return the codes used of which some resources have no values yet, sorted."""
    pending = call.tuned.pending
    if not pending:
        return []
    asked = used(found)
    return sorted(
        {
            one.code
            for one in pending
            for type, code in asked
            if code == one.code and (type is None or one.base == type or one.base in ABSTRACT)
        }
    )


def _issue(codes: list[str]) -> Issue:
    names = ", ".join(codes)
    return Issue(
        severity="warning",
        code="incomplete",
        id="search-index-incomplete",
        text=f"L'indexation du paramètre de recherche {names} n'est pas terminée : des ressources peuvent manquer dans la réponse.",
        diagnostics=f"not fully indexed yet: {names}; see SearchParameter/$index-status",
    )

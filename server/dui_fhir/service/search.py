"""search of a type, of all types, of a compartment. Source: FHIR R4, http.html#search and search.html."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.version import Version
from dui_fhir.ports import SearchPage
from dui_fhir.search import paging
from dui_fhir.search.parse import ParsedSearch, compartment_node
from dui_fhir.service import bundles, content, explaining, projection
from dui_fhir.service.engine import Call
from dui_fhir.service.including import Including
from dui_fhir.service.incomplete import parsed
from dui_fhir.service.message import Params, ServiceResponse
from dui_fhir.service.visibility import Visibility

_ESTIMATED = Issue(
    severity="information",
    code="informational",
    id="search-total-estimated",
    text="Le total est une estimation, arrondie à deux chiffres ; _total=accurate le compte.",
    diagnostics="total estimated from a sample of the candidates",
)


def search(call: Call) -> ServiceResponse:
    """Return one page of matches, with what they include; stored bytes are not parsed unless a part is asked for.

    Raises: BadRequest (``search-…``), NotFound (unknown type, no such compartment), Unavailable (``store-too-costly``).
    """
    to_explain = explaining.asked(call)
    wanted = _limited(call, _parsed(call))
    if to_explain:
        return explaining.explained(call, wanted)
    page = _page(call, wanted)
    included = Including(call, wanted, page.matches)
    issues = (*wanted.issues, *included.issues, *([_ESTIMATED] if page.estimated else []))
    part = projection.Wanted(summary=wanted.summary, elements=wanted.elements)
    entries = [_entry(call, v, "match", part) for v in page.matches]
    entries += [_entry(call, v, "include", part) for v in included.versions.values()]
    if issues:
        entries.append(bundles.entry({"search": {"mode": "outcome"}}, outcome(issues)))
    body = bundles.bundle(
        "searchset",
        entries,
        links=_links(call, wanted, page),
        total=_total(call, wanted, page),
        now_ms=call.engine.clock.now_ms(),
    )
    return ServiceResponse(status=200, body=body, issues=issues)


def _parsed(call: Call) -> ParsedSearch:
    type = _type(call)
    token = next((value for name, value in call.request.params if name == paging.PARAM), None)
    if token is None:
        return parsed(call, type, tuple(pair for pair in call.request.params if pair[0] != explaining.PARAM))
    continuation = paging.decode(call.engine.page_key, token, _place(call))
    return parsed(call, continuation.type, continuation.params, lenient=False).at(continuation.cursor)


def _type(call: Call) -> str | None:
    """Return the type searched: the last one of the path, None for all (``*`` in a compartment)."""
    member = call.names.get("member")
    if "type" in call.names:
        content.known_type(call.type)
    if member is not None:
        return None if member == "*" else content.known_type(member)
    return call.names.get("type")


def _place(call: Call) -> str:
    """Return where a page token is valid: the tenant and the path."""
    return f"{call.request.tenant} {call.request.path.removesuffix('/_search').removesuffix('_search')}"


def _limited(call: Call, wanted: ParsedSearch) -> ParsedSearch:
    """Narrow to the compartment of the path, and to what plugins let the actor see."""
    if "member" in call.names:
        wanted = wanted.within(compartment_node(call.type, call.id, wanted.type))
    for node in Visibility(call).of(wanted.type):
        wanted = wanted.within(node)
    return wanted


def _page(call: Call, wanted: ParsedSearch) -> SearchPage:
    if wanted.count_only and wanted.total == "estimate":
        return replace(call.store.search(replace(wanted.query, limit=1)), matches=(), next=None)
    if wanted.count_only:
        return SearchPage(matches=(), total=call.store.count(wanted.query))
    return call.store.search(wanted.query)


def _total(call: Call, wanted: ParsedSearch, page: SearchPage) -> int | None:
    """Return the total where it was asked for, or where it costs nothing: all matches are on this page."""
    if page.total is not None or wanted.total == "none":
        return page.total
    return len(page.matches) if wanted.query.after is None and page.next is None else None


def _links(call: Call, wanted: ParsedSearch, page: SearchPage) -> dict[str, str]:
    path = call.request.path.removesuffix("_search").rstrip("/")
    base = f"{call.request.base_url}/{path}" if path else call.request.base_url
    links = {"self": f"{base}?{urlencode(wanted.self_params)}" if wanted.self_params else base}
    if page.next is not None:
        token = paging.encode(call.engine.page_key, wanted, page.next, _place(call))
        formats: Params = tuple((n, v) for n, v in wanted.self_params if n in ("_format", "_pretty"))
        links["next"] = f"{base}?{urlencode([*formats, (paging.PARAM, token)])}"
    return links


def _entry(call: Call, version: Version, mode: str, part: projection.Wanted) -> bytes:
    url = f"{call.request.base_url}/{version.type}/{version.id}"
    if part.whole and version.body is not None:
        return bundles.found(url, version.body, mode)
    fields: dict[str, Any] = {"fullUrl": url, "search": {"mode": mode}}
    return bundles.entry(fields, projection.of_version(version, part))

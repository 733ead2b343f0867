"""Pages of an operation's answer: the inputs and the position travel in a sealed link, as those of searches do."""

from typing import Any
from urllib.parse import urlencode

from dui_fhir.domain.change import Resource
from dui_fhir.domain.query import Cursor, Query
from dui_fhir.search import paging
from dui_fhir.search.parse import ParsedSearch
from dui_fhir.service import parameters
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Params

_FORMATS = ("_format", "_pretty")


def inputs(call: Call, definition: Resource) -> tuple[dict[str, Any], Cursor | None]:
    """Return the inputs of an operation, and where the page starts (None = the first one).

    Raises: BadRequest (``search-page-token``, ``core-parameter-…``).
    """
    token = next((value for name, value in call.request.params if name == paging.PARAM), None)
    if token is None:
        return parameters.of_call(call, definition), None
    found = paging.decode(call.engine.page_key, token, _place(call))
    return parameters.of_query(definition, found.params), found.cursor


def links(call: Call, inputs: dict[str, Any], following: Cursor | None) -> dict[str, str]:
    """Return the links of a page whose next one starts after ``following`` (None = it is the last)."""
    base = f"{call.request.base_url}/{call.request.path}"
    given = tuple((name, _text(value)) for name, value in inputs.items())
    found = {"self": f"{base}?{urlencode(given)}" if given else base}
    if following is not None:
        search = ParsedSearch(type=None, query=Query(types=()), self_params=given)
        token = paging.encode(call.engine.page_key, search, following, _place(call))
        formats: Params = tuple((n, v) for n, v in call.request.params if n in _FORMATS)
        found["next"] = f"{base}?{urlencode([*formats, (paging.PARAM, token)])}"
    return found


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(call: Call) -> str:
    return f"{call.request.tenant} {call.request.path}"

"""One entry of a batch or transaction, read and checked."""

from typing import Any, Literal, TypeAlias

from dui_fhir.definitions import resource_types
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, DuiError, TooLarge
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.value import dataclass
from dui_fhir.service import conditional, content
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Conditions, Params

Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_METHODS: dict[str, Method] = {
    "GET": "GET",
    "HEAD": "HEAD",
    "POST": "POST",
    "PUT": "PUT",
    "PATCH": "PATCH",
    "DELETE": "DELETE",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """``path`` and ``params`` are those of ``request.url``, below the base. ``issues``: what was understood in spite of a fault."""

    index: int
    method: Method
    path: str
    params: Params
    resource: Resource | None
    full_url: str | None
    conditions: Conditions
    issues: tuple[Issue, ...] = ()

    @property
    def where(self) -> str:
        """The element path of the entry."""
        return f"Bundle.entry[{self.index}]"

    @property
    def at(self) -> str:
        """The element path of its resource."""
        return f"Bundle.entry[{self.index}].resource"


def entries(call: Call, bundle: Resource) -> list[Any]:
    """Return the raw entries. Raises: BadRequest (``core-bundle-entries``), TooLarge (``core-bundle-too-long``)."""
    found = bundle.get("entry", [])
    if not isinstance(found, list):
        raise BadRequest.of("core-bundle-entries", "« entry » doit être une liste.", "Bundle.entry is not a list")
    limit = call.engine.settings.bundle_entries_max
    if len(found) > limit:
        raise TooLarge.of(
            "core-bundle-too-long", f"Un Bundle compte au plus {limit} entrées.", f"limit {limit} entries"
        )
    return found


def read_all(call: Call, bundle: Resource) -> list[Entry]:
    """Read every entry. Raises: BadRequest with the faults of all entries together."""
    read: list[Entry] = []
    faults: list[Issue] = []
    for index, raw in enumerate(entries(call, bundle)):
        try:
            read.append(read_one(call, index, raw))
        except DuiError as error:
            faults += error.issues
    if faults:
        raise BadRequest(faults)
    return read


def read_one(call: Call, index: int, raw: Any) -> Entry:
    """Read one entry. Raises: BadRequest (``core-entry-…``, ``core-resource-…``)."""
    where = f"Bundle.entry[{index}]"
    request = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(request, dict):
        raise _wrong("core-entry-request", "Chaque entrée a un élément « request ».", f"{where}.request")
    method = _method(request.get("method"), where)
    url = request.get("url")
    if not isinstance(url, str):
        raise _wrong("core-entry-url", "« request.url » manque.", f"{where}.request.url")
    resource = raw.get("resource")
    if resource is not None:
        resource = content.checked(resource, None, f"{where}.resource")
    path, params = split(call, url)
    path, issues = _named_by_profile(method, path, resource, where)
    return Entry(
        index=index,
        method=method,
        path=path,
        params=params,
        resource=resource,
        full_url=_text(raw, "fullUrl", where),
        conditions=_conditions(request, f"{where}.request"),
        issues=issues,
    )


def _wrong(id: str, text: str, where: str) -> BadRequest:
    return BadRequest.of(id, text, "malformed Bundle entry", [where])


def _method(value: Any, where: str) -> Method:
    if isinstance(value, str) and value in _METHODS:
        return _METHODS[value]
    raise _wrong(
        "core-entry-method", "« request.method » : GET, HEAD, POST, PUT, PATCH ou DELETE.", f"{where}.request.method"
    )


def _text(element: dict[str, Any], name: str, where: str) -> str | None:
    value = element.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong("core-entry-element", f"« {name} » est un texte.", f"{where}.{name}")
    return value


def _conditions(request: dict[str, Any], where: str) -> Conditions:
    return Conditions(
        if_match=_text(request, "ifMatch", where),
        if_none_match=_text(request, "ifNoneMatch", where),
        if_none_exist=_text(request, "ifNoneExist", where),
        if_modified_since=_text(request, "ifModifiedSince", where),
    )


def split(call: Call, url: str) -> tuple[str, Params]:
    """Return path and parameters of a request URL, relative to the base or absolute under it."""
    text = url.removeprefix(call.request.base_url)
    path, _, query = text.partition("?")
    return path.strip("/"), conditional.query_params(query)


def _named_by_profile(
    method: Method, path: str, resource: Resource | None, where: str
) -> tuple[str, tuple[Issue, ...]]:
    """Understand a POST to a profile's name, as TDDUI 2.4.0-ballot publishes it (docs/decisions/0006)."""
    if method != "POST" or resource is None or path in resource_types() or not path.isalnum():
        return path, ()
    if not (path.startswith("TDDUI") or _squeezed(path) in _claimed(resource)):
        return path, ()
    type = resource["resourceType"]
    issue = Issue(
        severity="warning",
        code="value",
        id="core-request-url-profile",
        text=f"« request.url » nomme un profil ({path[:64]}) au lieu du type : la ressource est créée comme {type}.",
        diagnostics="request.url holds the name of a profile; the type of the resource is used",
        expression=(f"{where}.request.url",),
    )
    return type, (issue,)


def _claimed(resource: Resource) -> frozenset[str]:
    profiles = resource.get("meta", {}).get("profile")
    if not isinstance(profiles, list):
        return frozenset()
    return frozenset(_squeezed(str(p).rsplit("/", 1)[-1].split("|")[0]) for p in profiles)


def _squeezed(name: str) -> str:
    return name.replace("-", "").lower()

"""Which interaction serves a request: one table, read from top to bottom. Source: FHIR R4, http.html#summary."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from dui_fhir.domain.errors import MethodNotAllowed, NotFound
from dui_fhir.domain.value import dataclass
from dui_fhir.service import content
from dui_fhir.service.bundle.interaction import bundle
from dui_fhir.service.capabilities import capabilities
from dui_fhir.service.create import create
from dui_fhir.service.delete import conditional_delete, delete
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.history import history
from dui_fhir.service.message import ServiceRequest, ServiceResponse
from dui_fhir.service.operation import operation
from dui_fhir.service.patch import conditional_patch, patch
from dui_fhir.service.read import read
from dui_fhir.service.search import search
from dui_fhir.service.update import conditional_update, update
from dui_fhir.service.vread import vread

Handler: TypeAlias = Callable[[Call], ServiceResponse]


@dataclass(frozen=True, slots=True)
class Route:
    """``pattern``: segments; ``{name}`` takes any one, ``${name}`` one that starts with ``$``."""

    method: str
    pattern: str
    interaction: str
    handler: Handler

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts between slashes; none for the base."""
        return tuple(s for s in self.pattern.split("/") if s)


ROUTES: tuple[Route, ...] = (
    Route("GET",    "metadata",                    "capabilities",         capabilities),
    Route("POST",   "",                            "transaction",          bundle),
    Route("GET",    "",                            "search-system",        search),
    Route("POST",   "_search",                     "search-system",        search),
    Route("GET",    "_history",                    "history-system",       history),
    Route("GET",    "${operation}",                "operation",            operation),
    Route("POST",   "${operation}",                "operation",            operation),
    Route("DELETE", "${operation}",                "operation",            operation),
    Route("GET",    "{type}",                      "search-type",          search),
    Route("POST",   "{type}",                      "create",               create),
    Route("PUT",    "{type}",                      "conditional-update",   conditional_update),
    Route("PATCH",  "{type}",                      "conditional-patch",    conditional_patch),
    Route("DELETE", "{type}",                      "conditional-delete",   conditional_delete),
    Route("POST",   "{type}/_search",              "search-type",          search),
    Route("GET",    "{type}/_history",             "history-type",         history),
    Route("GET",    "{type}/${operation}",         "operation",            operation),
    Route("POST",   "{type}/${operation}",         "operation",            operation),
    Route("GET",    "{type}/{id}",                 "read",                 read),
    Route("PUT",    "{type}/{id}",                 "update",               update),
    Route("PATCH",  "{type}/{id}",                 "patch",                patch),
    Route("DELETE", "{type}/{id}",                 "delete",               delete),
    Route("GET",    "{type}/{id}/_history",        "history-instance",     history),
    Route("GET",    "{type}/{id}/${operation}",    "operation",            operation),
    Route("POST",   "{type}/{id}/${operation}",    "operation",            operation),
    Route("GET",    "{type}/{id}/{member}",        "search-compartment",   search),
    Route("POST",   "{type}/{id}/{member}/_search", "search-compartment",  search),
    Route("GET",    "{type}/{id}/_history/{vid}",  "vread",                vread),
)  # fmt: skip
"""The first route that fits wins: literals stand before names."""

READ = next(route for route in ROUTES if route.interaction == "read")
SEARCH = next(route for route in ROUTES if route.interaction == "search-type")

_BY_LENGTH: dict[int, tuple[tuple[Route, tuple[str, ...]], ...]] = {
    length: tuple((r, r.segments) for r in ROUTES if len(r.segments) == length) for length in range(5)
}
_LITERALS = frozenset(s for r in ROUTES for s in r.segments if s[0] not in "{$")


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request, and the named parts of its path."""

    route: Route
    names: dict[str, str]


def match(method: str, path: str) -> Match:
    """Return the route of a request. Raises: NotFound (``core-url-unknown``), MethodNotAllowed (``core-method``)."""
    segments = tuple(path.split("/")) if path else ()
    fitting = list(_fitting(segments))
    for found in fitting:
        if found.route.method == method:
            return found
    if not fitting:
        raise NotFound.of("core-url-unknown", "Cette adresse ne correspond à aucune interaction FHIR.", "no route")
    allowed = ", ".join(dict.fromkeys(f.route.method for f in fitting))
    raise MethodNotAllowed.of(
        "core-method", f"Méthode non permise à cette adresse ; permises : {allowed}.", f"allowed: {allowed}"
    )


def allowed(path: str) -> tuple[str, ...]:
    """Return the methods served at a path."""
    segments = tuple(path.split("/")) if path else ()
    return tuple(dict.fromkeys(found.route.method for found in _fitting(segments)))


def _fitting(segments: tuple[str, ...]) -> Iterator[Match]:
    for route, patterns in _BY_LENGTH.get(len(segments), ()):
        names = _names(patterns, segments)
        if names is not None:
            yield Match(route, names)


def _names(patterns: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for pattern, segment in zip(patterns, segments, strict=True):
        if pattern.startswith("${"):
            if not segment.startswith("$"):
                return None
            names[pattern[2:-1]] = segment[1:]
        elif pattern.startswith("{"):
            if not segment or segment.startswith("$") or segment in _LITERALS:
                return None
            names[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return names


def dispatch(engine: Engine, request: ServiceRequest) -> ServiceResponse:
    """Serve a request. Raises: DuiError."""
    return serve(engine, request, match(request.method, request.path))


def serve(engine: Engine, request: ServiceRequest, found: Match) -> ServiceResponse:
    """Serve a request whose route is known. Raises: DuiError."""
    if "id" in found.names:
        content.check_id(found.names["id"], "Resource")
    call = Call(engine=engine, request=request, dispatch=lambda inner: dispatch(engine, inner), names=found.names)
    if request.prefer.respond_async and engine.defer is not None:
        deferred = engine.defer(call, found.route.interaction)
        if deferred is not None:
            return deferred
    return found.route.handler(call)

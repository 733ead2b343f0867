"""``Subscription.criteria`` → a node that one resource alone answers.

A change is judged in the writing process, on the values extracted from it: what needs other resources (chains, ``_has``) or
the instant of the write is refused when the subscription is made, not silently never true.
"""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from dui_fhir.definitions import resource_types
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.query import LastUpdatedIs, Node
from dui_fhir.search import match
from dui_fhir.search.match import Entry
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import FORMATS, RESULTS, parse

_NOT_CRITERIA = RESULTS | FORMATS


@dataclass(frozen=True, kw_only=True, slots=True)
class Criteria:
    """A resource type and what its resources must satisfy."""

    type: str
    node: Node

    def hold(self, entry: Entry) -> bool:
        """Return whether a resource satisfies the criteria."""
        return entry.type == self.type and match.matches(self.node, entry, _nothing, _nobody)


def entry_of(resource: Resource, index: IndexValues) -> Entry:
    """Return a resource as criteria judge it; the instant of its write is not known."""
    return Entry(type=resource["resourceType"], id=resource["id"], instant_ms=0, index=index)


def _nothing(type: str, id: str) -> None:
    return None


def _nobody(type: str, id: str, source: str, param: str) -> tuple[Entry, ...]:
    return ()


def compile_criteria(text: str, options: SearchOptions) -> Criteria:
    """Compile ``Type`` or ``Type?name=value&…``.

    Raises: BadRequest (``subscription-criteria``: no type, a parameter that is no criterion, a chain; ``search-…``).
    """
    type, _, query = text.partition("?")
    if type not in resource_types():
        raise _refused("un type de ressource FHIR suivi de critères est attendu", "criteria do not start with a type")
    params = parse_qsl(query, keep_blank_values=True)
    for name, _ in params:
        if name.partition(":")[0] in _NOT_CRITERIA:
            raise _refused(f"« {name[:40]} » n'est pas un critère", "result parameter in criteria")
    node = parse(type, params, replace(options, lenient=False)).query.where
    if not match.alone(node):
        raise _refused(
            "les critères qui passent par d'autres ressources ne sont pas admis", "chain or _has in criteria"
        )
    if any(isinstance(part, LastUpdatedIs) for part in match.parts(node)):
        raise _refused("_lastUpdated n'est pas admis", "_lastUpdated in criteria")
    return Criteria(type=type, node=node)


def _refused(why: str, diagnostics: str) -> BadRequest:
    return BadRequest.of(
        "subscription-criteria",
        f"Les critères de l'abonnement ne conviennent pas : {why}.",
        diagnostics,
        ["Subscription.criteria"],
    )

"""Whose resource is it? Computed at write from its owning links, because real data do not always say (decision D2).

TDDUI publishes Tasks without ``for`` and Consents without ``patient``: the first belong to the person of the plan or goal
they serve, the second to the person of the plan that cites them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.index import ReferenceValue
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.query import Query as StoreQuery
from dui_fhir.domain.query import ReferenceIs
from dui_fhir.domain.reference import Reference, elements
from dui_fhir.ports import Store
from dui_fhir.service.lookup import Lookup

DEPTH_MAX = 5
"""Links followed from a resource to its person: moyen → action → objectif → besoin → plan."""

IMPERSONAL = frozenset({
    "ActivityDefinition", "Binary", "Bundle", "CapabilityStatement", "CatalogEntry", "ChargeItemDefinition", "CodeSystem",
    "CompartmentDefinition", "ConceptMap", "DeviceDefinition", "DeviceMetric", "EffectEvidenceSynthesis", "Endpoint",
    "EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "GraphDefinition", "Group", "HealthcareService",
    "ImplementationGuide", "InsurancePlan", "Library", "Linkage", "Location", "Measure", "Medication", "MedicationKnowledge",
    "MessageDefinition", "MessageHeader", "NamingSystem", "ObservationDefinition", "OperationDefinition", "OperationOutcome",
    "Organization", "OrganizationAffiliation", "Parameters", "PlanDefinition", "Practitioner", "PractitionerRole",
    "Questionnaire", "ResearchDefinition", "ResearchElementDefinition", "ResearchStudy", "RiskEvidenceSynthesis",
    "SearchParameter", "SpecimenDefinition", "StructureDefinition", "StructureMap", "Subscription", "Substance",
    "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet", "VerificationResult",
})  # fmt: skip
"""Types that describe no person: no owner is looked for beyond what they name themselves, none is missed."""

_DIRECT = ("subject", "patient", "for", "beneficiary", "individual", "actor", "participant")
_LINKS = (
    "encounter", "context", "episodeOfCare", "basedOn", "partOf", "focus", "supportingInfo", "supportingInformation",
    "addresses", "schedule", "target", "derivedFrom", "input", "about", "securityContext", "slot", "appointment", "prescription",
    "authorizingPrescription", "request", "claim",
)  # fmt: skip
_LINK_EXTENSIONS = ("tddui-careplan-reference",)
SUPPORTS = "_dui_supports"
"""Internal search parameter: what a plan cites in ``supportingInfo``, so that a Consent finds its plan."""


def owners(resource: Resource, lookup: Lookup) -> frozenset[str]:
    """Return the ``Patient/id`` a resource belongs to: one, none where no link leads to a person, several where they disagree."""
    return _Search(lookup).of(resource, DEPTH_MAX)


def find(resource: Resource, lookup: Lookup, store: Store | None) -> tuple[str | None, tuple[Issue, ...]]:
    """Return the ``Patient/id`` a resource belongs to, and a remark where it is not known or not certain.

    ``store``: where a plan that cites the resource may be; None for a new id, which nothing stored can cite.
    """
    found = owners(resource, lookup) or _behind(resource, lookup, store)
    if len(found) == 1:
        return next(iter(found)), ()
    if found:
        return None, (_ambiguous(resource),)
    return None, () if resource["resourceType"] in IMPERSONAL else (_unknown(resource),)


def links(resource: Resource) -> Iterator[ReferenceValue]:
    """Yield the internal index values by which later resources find this one (:data:`SUPPORTS`)."""
    for element in _elements(resource, ("supportingInfo",)):
        target = Reference.parse(element["reference"])
        if target is not None and target.base is None:
            yield ReferenceValue(SUPPORTS, target.type, target.id)


class _Search:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._seen: set[str] = set()

    def of(self, resource: Resource, depth: int) -> frozenset[str]:
        type = resource["resourceType"]
        if type == "Patient":
            return frozenset({f"Patient/{resource['id']}"})
        named = [r for r in _references(_elements(resource, _DIRECT))]
        people = frozenset(r for r in named if r.startswith("Patient/"))
        if people or depth == 0:
            return people
        return self._through([*named, *_references(_linked(resource))], depth)

    def _through(self, references: list[str], depth: int) -> frozenset[str]:
        followed = [r for r in dict.fromkeys(references) if r not in self._seen and r.split("/")[0] not in IMPERSONAL]
        self._seen.update(followed)
        self._lookup.prefetch(followed)
        targets = [t for r in followed if (t := self._lookup.get(r)) is not None]
        return frozenset().union(*(self.of(target, depth - 1) for target in targets))


def _linked(resource: Resource) -> Iterator[dict[str, Any]]:
    yield from _elements(resource, _LINKS)
    for extension in resource.get("extension") or ():
        if isinstance(extension, dict) and str(extension.get("url", "")).endswith(_LINK_EXTENSIONS):
            yield from elements(extension)


def _elements(resource: Resource, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        if name in resource:
            yield from elements(resource[name])


def _references(elements: Iterable[dict[str, Any]]) -> Iterator[str]:
    for element in elements:
        parsed = Reference.parse(element["reference"])
        if parsed is not None and parsed.base is None:
            yield str(parsed)


def _behind(resource: Resource, lookup: Lookup, store: Store | None) -> frozenset[str]:
    """Return the owners of what points to a resource that points to nobody: its siblings, else the stored plans."""
    if resource["resourceType"] in IMPERSONAL - {"Binary"}:
        return frozenset()
    me = f"{resource['resourceType']}/{resource['id']}"
    found: frozenset[str] = frozenset().union(*(owners(sibling, lookup) for sibling in lookup.pointing_to(me)))
    if found or store is None:
        return found
    query = StoreQuery(types=(), where=ReferenceIs(SUPPORTS, resource["resourceType"], resource["id"]), limit=2)
    return frozenset().union(*(owners(v.resource(), lookup) for v in store.search(query).matches))


def _unknown(resource: Resource) -> Issue:
    return Issue(
        severity="warning",
        code="business-rule",
        id="core-owner-unknown",
        text="Aucun lien ne dit de quelle personne parle cette ressource : seuls les cadres de la structure la verront.",
        diagnostics="no owning link leads to a Patient",
        expression=(resource["resourceType"],),
    )


def _ambiguous(resource: Resource) -> Issue:
    return Issue(
        severity="warning",
        code="business-rule",
        id="core-owner-ambiguous",
        text="Les liens de cette ressource mènent à plusieurs personnes : elle n'est rattachée à aucune.",
        diagnostics="owning links lead to several Patients",
        expression=(resource["resourceType"],),
    )

"""The structures of a tenant, kept as Organizations of ours, and the one that a resource belongs to.

Source: FR Core, identifier idNatSt (``1`` + FINESS); TDDUI, business identifiers ``3`` + FINESS + ``/`` + number.
"""

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.index import ReferenceValue
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.json import objects
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.structure import Structure
from dui_fhir.ports import Store
from dui_fhir.search.extract import Extractor
from dui_fhir.service.lookup import Lookup
from dui_fhir.service.owner import IMPERSONAL

TAG_SYSTEM = "urn:dui-fhir:tag"
CORRIDOR_SYSTEM = "urn:dui-fhir:corridor"
IDNATST = "urn:oid:1.2.250.1.71.4.2.2"
FINESS_SYSTEM = "https://finess.esante.gouv.fr"
CATEGORY_SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_R66-CategorieEtablissement/FHIR/TRE-R66-CategorieEtablissement"
_FR_0203 = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
_FINESS = r"[0-9][0-9AB][0-9]{7}"
_BUSINESS = re.compile(rf"3({_FINESS})/.+")
_NATIONAL = re.compile(rf"1({_FINESS})")
CACHE_S = 5.0


def register(store: Store, structure: Structure, extractor: Extractor) -> None:
    """Store a structure as the Organization ``finess-<FINESS>``; the same again changes nothing.

    Raises: Unavailable (``store-…``).
    """
    resource = to_organization(structure)
    put = Put(
        type="Organization", id=resource["id"], body=Body.of(resource), index=extractor.extract(resource), method="PUT"
    )
    store.submit(Plan(operations=(put,)))


def list_structures(store: Store) -> tuple[Structure, ...]:
    """Return the structures of a tenant, by FINESS."""
    query = Query(types=("Organization",), where=TokenIs("_tag", TAG_SYSTEM, "structure"), limit=1000)
    found = [of_organization(version.resource()) for version in store.search(query).matches]
    return tuple(sorted((s for s in found if s is not None), key=lambda s: s.finess))


def to_organization(structure: Structure) -> Resource:
    """Return the FR Core Organization that stands for a structure."""
    tags = [{"system": TAG_SYSTEM, "code": "structure"}]
    tags += [{"system": CORRIDOR_SYSTEM, "code": corridor} for corridor in structure.corridors]
    identifiers = [
        {"use": "official", "type": _type("IDNST"), "system": IDNATST, "value": f"1{structure.finess}"},
        {"type": _type("FINEG"), "system": FINESS_SYSTEM, "value": structure.finess},
    ]
    return {
        "resourceType": "Organization",
        "id": f"finess-{structure.finess}",
        "meta": {"tag": tags},
        "identifier": identifiers,
        "active": True,
        "type": [{"coding": [{"system": CATEGORY_SYSTEM, "code": structure.category}]}],
        "name": structure.name,
        "address": [{"text": structure.address}],
    }


def _type(code: str) -> dict[str, Any]:
    return {"coding": [{"system": _FR_0203, "code": code}]}


def of_organization(organization: Resource) -> Structure | None:
    """Return the structure that an Organization of ours stands for; None where it names no FINESS."""
    finess = finess_of(organization)
    if finess is None:
        return None
    codings = [c for kind in _list(organization, "type") for c in _list(kind, "coding")]
    category = next((str(c.get("code", "")) for c in codings if c.get("system") == CATEGORY_SYSTEM), "")
    tags = _list(organization.get("meta", {}), "tag")
    return Structure(
        finess=finess,
        category=category,
        name=str(organization.get("name", "")),
        address=next((str(a.get("text", "")) for a in _list(organization, "address")), ""),
        corridors=tuple(str(t.get("code", "")) for t in tags if t.get("system") == CORRIDOR_SYSTEM),
    )


def finess_of(organization: Resource) -> str | None:
    """Return the FINESS an Organization names, as idNatSt or as FINESS number."""
    for identifier in _list(organization, "identifier"):
        value = str(identifier.get("value", ""))
        if identifier.get("system") == IDNATST and (match := _NATIONAL.fullmatch(value)):
            return match[1]
        if identifier.get("system") == FINESS_SYSTEM and re.fullmatch(_FINESS, value):
            return value
    return None


def _list(element: Any, name: str) -> list[dict[str, Any]]:
    return objects(element.get(name) if isinstance(element, dict) else None)


class Structures:
    """The structures of each tenant, read again after a few seconds: every write asks for them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[Structure, ...]]] = {}

    def of(self, tenant: str, store: Store) -> tuple[Structure, ...]:
        """Return the structures of a tenant, at most :data:`CACHE_S` old."""
        held = self._known.get(tenant)
        if held is None or time.monotonic() - held[0] > CACHE_S:
            held = (time.monotonic(), list_structures(store))
            self._known[tenant] = held
        return held[1]

    def forget(self, tenant: str) -> None:
        """Read them again at the next question: an Organization was written."""
        self._known.pop(tenant, None)


def index_value(structure: Structure) -> ReferenceValue:
    """Return the index value by which the resources of a structure are found."""
    return ReferenceValue("_dui_structure", "Organization", f"finess-{structure.finess}")


def resolve(
    resource: Resource, actor: Actor, known: tuple[Structure, ...], lookup: Lookup
) -> tuple[Structure | None, tuple[Issue, ...]]:
    """Return the structure of a resource: of its stay, else of the actor, else of its business identifiers.

    With the remark ``structure-unknown`` or ``structure-ambiguous`` where none, or more than one, is found for a resource
    that speaks of a person.
    """
    by_finess = {s.finess: s for s in known}
    for candidates in (_of_stay(resource, lookup), _of_actor(actor), _of_identifiers(resource)):
        named = sorted(set(candidates))
        found = [by_finess[f] for f in named if f in by_finess]
        if len(found) == 1:
            return found[0], ()
        if len(found) > 1:
            return None, _remarks(
                resource, "structure-ambiguous", "mènent à plusieurs structures de l'organisme", named
            )
    return None, _remarks(resource, "structure-unknown", "ne désignent aucune structure déclarée de l'organisme", ())


def _of_actor(actor: Actor) -> Iterator[str]:
    if actor.structure:
        yield actor.structure


def _of_stay(resource: Resource, lookup: Lookup) -> Iterator[str]:
    for stay in _stays(resource, lookup):
        holder = stay.get("serviceProvider") or stay.get("managingOrganization")
        finess = _of_holder(holder, lookup) if isinstance(holder, dict) else None
        if finess:
            yield finess


def _of_holder(holder: dict[str, Any], lookup: Lookup) -> str | None:
    """Return the FINESS of who holds a stay, by the Organization referred to, else by a logical reference."""
    target = Reference.parse(str(holder.get("reference", "")))
    if target is not None and target.base is None:
        organization = lookup.get(str(target))
        if organization is not None:
            return finess_of(organization)
    return finess_of({"identifier": [holder["identifier"]]}) if "identifier" in holder else None


def _stays(resource: Resource, lookup: Lookup) -> Iterator[Resource]:
    if resource["resourceType"] in ("Encounter", "EpisodeOfCare"):
        yield resource
    for reference in _stay_references(resource):
        target = Reference.parse(reference)
        if target is not None and target.base is None and target.type in ("Encounter", "EpisodeOfCare"):
            stay = lookup.get(str(target))
            if stay is not None:
                yield stay


def _stay_references(resource: Resource) -> Iterator[str]:
    context = resource.get("context")
    holders: list[Any] = [resource.get("encounter"), resource.get("episodeOfCare"), context]
    if isinstance(context, dict):
        holders.append(context.get("encounter"))
    for holder in holders:
        for element in holder if isinstance(holder, list) else [holder]:
            if isinstance(element, dict) and isinstance(element.get("reference"), str):
                yield element["reference"]


def _of_identifiers(resource: Resource) -> Iterator[str]:
    identifier = resource.get("identifier")
    for item in identifier if isinstance(identifier, list) else [identifier]:
        if isinstance(item, dict) and (match := _BUSINESS.fullmatch(str(item.get("value", "")))):
            yield match[1]


def _remarks(resource: Resource, id: str, what: str, named: Iterable[str]) -> tuple[Issue, ...]:
    type = resource["resourceType"]
    if type in IMPERSONAL:
        return ()
    issue = Issue(
        severity="warning",
        code="business-rule",
        id=id,
        text=f"Ni le séjour, ni l'auteur, ni les identifiants n'ont suffi : ils {what}. Seules les règles communes s'appliquent.",
        diagnostics=f"structures: {', '.join(named) or 'none'}",
        expression=(type,),
    )
    return (issue,)

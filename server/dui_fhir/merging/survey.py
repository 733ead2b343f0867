"""What a merger would do, before it does it: what goes as it is, what takes another id, who is the same person."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from dui_fhir.domain import json
from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import EVERYTHING, AnyOf, Not, Query, TokenIs
from dui_fhir.domain.version import Version
from dui_fhir.merging.trail import done_by
from dui_fhir.ports import Store, Stores, pages
from dui_fhir.service.calendar_links import CODE, OBJECT_SYSTEM
from dui_fhir.service.identity import unique_keys
from dui_fhir.service.structures import TAG_SYSTEM, finess_of

FIRST: Final = (
    "Organization",
    "Location",
    "Practitioner",
    "PractitionerRole",
    "Patient",
    "RelatedPerson",
    "EpisodeOfCare",
    "Encounter",
    "CarePlan",
)
"""Types that others lean on to find their person and their structure: they go first."""
LEFT: Final = ("Subscription", "Measure")
"""Types that belong to an installation, not to the files."""
PAGE: Final = 500
_JOB_STATES: Final = ("waiting", "leased")
_INS: Final = "urn:oid:1.2.250.1.213.1.4."


@dataclass(kw_only=True)
class Survey:
    """``renamed``: ``Type/id`` there → ``Type/id`` here, where another content has that id; ``same_person``: Patient there →
    Patient here, by the qualified INS; ``done``: what an earlier, interrupted run already wrote."""

    source: str
    target: str
    copied: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)
    same_person: dict[str, str] = field(default_factory=dict)
    structures: list[str] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    waiting: int = 0

    @property
    def run(self) -> str:
        """Name of the merger: the same each time it is run again."""
        return run_of(self.source, self.target)


def run_of(source: str, target: str) -> str:
    """Return the name of the merger of one tenant into another."""
    return hashlib.sha256(f"{source}|{target}".encode()).hexdigest()[:12]


def survey(stores: Stores, source: str, target: str) -> Survey:
    """Look at both tenants; nothing is written. Raises: NotFound (``tenant-unknown``), BadRequest (``merge-same``)."""
    if source == target:
        raise BadRequest.of("merge-same", "Un organisme ne se fusionne pas avec lui-même.", "source is target")
    theirs, ours = stores.open(source), stores.open(target)
    found = Survey(source=source, target=target, done=done_by(ours, run_of(source, target)))
    found.waiting = sum(len(theirs.jobs(state=state, limit=1000)) for state in _JOB_STATES)
    for versions in slices(theirs):
        keys = [(v.type, v.id) for v in versions]
        held = ours.read_many(keys)
        for version in versions:
            _look(found, ours, version, held.get((version.type, version.id)))
    return found


def slices(store: Store) -> Iterator[list[Version]]:
    """Yield the current resources that go, those that others lean on first."""
    links = Not(TokenIs("code", OBJECT_SYSTEM, CODE))
    types = store.types()
    order = [t for t in FIRST if t in types] + [t for t in types if t not in (*FIRST, *LEFT)]
    for type in order:
        query = Query(types=(type,), where=links if type == "Basic" else EVERYTHING, limit=PAGE)
        yield from (list(page.matches) for page in pages(store, query))


def _look(found: Survey, ours: Store, version: Version, held: Version | None) -> None:
    reference = f"{version.type}/{version.id}"
    if reference in found.done:
        if found.done[reference] != reference:
            found.renamed[reference] = found.done[reference]
        found.present[version.type] += 1
        return
    resource = version.resource()
    if version.type == "Organization" and _structure(resource):
        found.structures.append(str(finess_of(resource)))
    if held is None or held.deleted:
        found.copied[version.type] += 1
        _note_person(found, ours, resource)
    elif _equal(version, held) or (version.type == "Organization" and _structure(held.resource())):
        found.present[version.type] += 1
    else:
        found.renamed[reference] = f"{version.type}/{_other_id(found, version)}"
        found.copied[version.type] += 1
        _note_person(found, ours, resource)


def _note_person(found: Survey, ours: Store, resource: Resource) -> None:
    same = _same_person(ours, resource) if resource["resourceType"] == "Patient" else None
    if same is not None:
        found.same_person[f"Patient/{resource['id']}"] = same


def _structure(organization: Resource) -> bool:
    tags = organization.get("meta", {}).get("tag", ())
    return any(t.get("system") == TAG_SYSTEM and t.get("code") == "structure" for t in tags)


def _equal(one: Version, other: Version) -> bool:
    return Body.of(json.loads(one.body or b"{}")).digest == Body.of(json.loads(other.body or b"{}")).digest


def _other_id(found: Survey, version: Version) -> str:
    """Return the id that a resource takes where its own is taken: the same at each run."""
    mark = hashlib.sha256(f"{found.run}|{version.type}/{version.id}".encode()).hexdigest()[:12]
    return f"{version.id[:51]}-{mark}"


def _same_person(ours: Store, patient: Resource) -> str | None:
    """Return the Patient here that holds the same qualified INS."""
    keys = [key.split("|") for key in unique_keys(patient)]
    if not keys:
        return None
    nodes = tuple(TokenIs("identifier", f"urn:oid:{oid}", value.lower()) for _, oid, value in keys)
    page = ours.search(Query(types=("Patient",), where=AnyOf(nodes), limit=10))
    wanted = {"|".join(key) for key in keys}
    return next((f"Patient/{v.id}" for v in page.matches if wanted & set(unique_keys(v.resource()))), None)


def transformed(resource: Resource, found: Survey) -> Resource:
    """Return a resource as it is written here: its id, its references, and for a person known here a link, not a fusion."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    written: Resource = _rewritten(resource, found.renamed)
    written["id"] = found.renamed.get(reference, reference).partition("/")[2]
    if reference in found.same_person:
        written = _linked(written, found.same_person[reference])
    return written


def _linked(patient: Resource, other: str) -> Resource:
    """The INS is held once in a tenant (D1): here it becomes a former identifier, and the link says whose file is the other."""
    identifiers = [
        {**i, "use": "old"} if str(i.get("system", "")).startswith(_INS) else i for i in patient["identifier"]
    ]
    link = {"other": {"reference": other}, "type": "seealso"}
    return {**patient, "identifier": identifiers, "link": [*patient.get("link", ()), link]}


def _rewritten(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _reference(v, renamed) if k == "reference" else _rewritten(v, renamed) for k, v in value.items()}
    if isinstance(value, list):
        return [_rewritten(item, renamed) for item in value]
    return value


def _reference(value: Any, renamed: dict[str, str]) -> Any:
    if not isinstance(value, str):
        return _rewritten(value, renamed)
    # a version there is no version here: the reference to a resource that changed its id goes to the current one
    return renamed.get(value.partition("/_history/")[0], value)

"""Two organismes become one: nothing lost, nobody fused in silence, a stop is no harm, and the way back (decision D3)."""

from collections.abc import Iterator
from typing import Any

import pytest

from dui_fhir.app import build_engine
from dui_fhir.domain import json
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import BadRequest, Conflict, NotFound
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan
from dui_fhir.domain.query import Query, ReferenceIs
from dui_fhir.domain.structure import Structure
from dui_fhir.merging import apply
from dui_fhir.merging.survey import Survey, survey
from dui_fhir.service import router
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

CORE = "https://hl7.fr/ig/fhir/core"
THERE, HERE = "330000001", "330000002"
Resource = dict[str, Any]


def person(id: str, matricule: str = "", **more: Any) -> Resource:
    made: Resource = {"resourceType": "Patient", "id": id, "name": [{"use": "official", "family": "FICTIF"}], **more}
    if matricule:
        kind = {"coding": [{"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR"}]}
        status = {
            "url": "identityStatus",
            "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"},
        }
        made["identifier"] = [{"type": kind, "system": "urn:oid:1.2.250.1.213.1.4.8", "value": matricule}]
        made["extension"] = [{"url": f"{CORE}/StructureDefinition/fr-core-identity-reliability", "extension": [status]}]
    return made


def observation(id: str, patient: str, value: int = 1) -> Resource:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "poids"}, "valueInteger": value,
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip


class World:
    """Two tenants of one deployment."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_790_000_000_000)
        settings = Settings(
            {"store": "memory", "validation_structure": "warn", "plugin_folders": [], "log_level": "ERROR"}
        )
        self.engine = build_engine(settings, clock=self.clock, stores=MemoryStores(self.clock))
        for tenant, number in (("there", THERE), ("here", HERE)):
            store = self.engine.stores.create(tenant)
            structure = Structure(finess=number, category="500", name=tenant, address="1 rue", corridors=("pa",))
            register(store, structure, self.engine.extractor)

    def put(self, tenant: str, *resources: Resource) -> None:
        for resource in resources:
            path = f"{resource['resourceType']}/{resource['id']}"
            asked = ServiceRequest(
                tenant=tenant, method="PUT", path=path, base_url="http://x/fhir", resource=resource, reprise=True
            )
            assert router.dispatch(self.engine, asked).status in (200, 201)

    def read(self, reference: str, tenant: str = "here") -> Resource | None:
        type, _, id = reference.partition("/")
        found = self.engine.stores.open(tenant).read(type, id)
        return None if found is None or found.deleted else found.resource()

    def content(self, tenant: str = "here") -> dict[str, bytes]:
        page = self.engine.stores.open(tenant).search(Query(types=(), limit=1000))
        return {f"{v.type}/{v.id}": v.body or b"" for v in page.matches if v.type != "Provenance"}

    def survey(self) -> Survey:
        return survey(self.engine.stores, "there", "here")

    def merge(self) -> int:
        return apply.merge(self.engine, self.survey(), "décision 2026-12")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.engine.stores.close()


def _only(content: dict[str, bytes], type: str) -> list[str]:
    return sorted(r for r in content if r.startswith(f"{type}/"))


def test_survey__dry_run__writes_nothing_in_either(world: World) -> None:
    world.put("there", person("p"), observation("o", "p"))
    before = world.content("there"), world.content("here")

    found = world.survey()

    assert (found.copied["Patient"], found.copied["Observation"]) == (1, 1)
    assert found.structures == [THERE]
    assert (world.content("there"), world.content("here")) == before


def test_merge__no_collision__everything_arrives_with_its_person_and_structure(world: World) -> None:
    stay = {
        "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": {"reference": "Patient/p"},
        "managingOrganization": {"reference": f"Organization/finess-{THERE}"}, "period": {"start": "2026-01-01"},
    }  # fmt: skip
    plan = {
        "resourceType": "CarePlan",
        "id": "c",
        "status": "draft",
        "intent": "plan",
        "subject": {"reference": "Patient/p"},
    }
    world.put("there", person("p"), stay, plan, observation("o", "p"))

    assert world.merge() == 5

    store = world.engine.stores.open("here")
    mine = Query(types=(), where=ReferenceIs("_dui_patient", "Patient", "p"))
    assert {v.type for v in store.search(mine).matches} == {"Patient", "EpisodeOfCare", "CarePlan", "Observation"}
    placed = Query(types=(), where=ReferenceIs("_dui_structure", "Organization", f"finess-{THERE}"))
    assert {v.type for v in store.search(placed).matches} >= {"EpisodeOfCare"}
    assert world.read(f"Organization/finess-{THERE}") is not None


def test_merge__same_qualified_ins__two_files_linked_and_the_one_here_untouched(world: World) -> None:
    world.put("here", person("mine", "240056322012345"))
    world.put("there", person("yours", "240056322012345"), observation("o", "yours"))
    before = world.content()["Patient/mine"]

    assert world.survey().same_person == {"Patient/yours": "Patient/mine"}
    world.merge()

    yours = world.read("Patient/yours")
    assert yours is not None
    assert yours["link"] == [{"other": {"reference": "Patient/mine"}, "type": "seealso"}]
    assert yours["identifier"][0]["use"] == "old"
    assert world.content()["Patient/mine"] == before
    observed = world.read("Observation/o")
    assert observed is not None
    assert observed["subject"] == {"reference": "Patient/yours"}


def test_merge__id_taken_by_another_content__other_id_and_references_follow(world: World) -> None:
    world.put("here", person("p", gender="male"), observation("o", "p", value=1))
    world.put("there", person("p", gender="female"), observation("o", "p", value=2), observation("o2", "p", value=3))

    found = world.survey()
    world.merge()

    assert set(found.renamed) == {"Patient/p", "Observation/o"}
    new = found.renamed["Patient/p"]
    theirs, moved = world.read(new), world.read(found.renamed["Observation/o"])
    assert theirs is not None
    assert moved is not None
    assert (theirs["gender"], moved["valueInteger"], moved["subject"]["reference"]) == ("female", 2, new)
    kept, other = world.read("Observation/o"), world.read("Observation/o2")
    assert kept is not None
    assert other is not None
    assert kept["subject"] == {"reference": "Patient/p"}
    assert other["subject"] == {"reference": new}


def test_merge__same_content_in_both__is_written_once(world: World) -> None:
    world.put("here", person("p"))
    world.put("there", person("p"))

    assert world.survey().present["Patient"] == 1
    world.merge()

    assert _only(world.content(), "Patient") == ["Patient/p"]


@pytest.mark.parametrize("stops_after", [1, 2, 3, 5])
def test_merge__stopped_then_run_again__same_end_as_in_one_go(
    world: World, monkeypatch: pytest.MonkeyPatch, stops_after: int
) -> None:
    world.put("here", person("mine", "240056322012345"), observation("o3", "mine", value=9))
    world.put("there", person("yours", "240056322012345"), *(observation(f"o{n}", "yours") for n in range(6)))
    monkeypatch.setattr(apply, "BATCH", 1)
    store = world.engine.stores.open("here")
    submit, count = store.submit, iter(range(100))

    def dying(plan: Plan) -> Any:
        if next(count) == stops_after:
            raise ConnectionError("killed")
        return submit(plan)

    monkeypatch.setattr(store, "submit", dying)
    with pytest.raises(ConnectionError):
        world.merge()
    world.put("here", observation("o0", "mine", value=77)) if world.read("Observation/o0") is None else None
    monkeypatch.setattr(store, "submit", submit)
    world.merge()

    content = world.content()
    values = sorted(json.loads(content[r]).get("valueInteger", 0) for r in _only(content, "Observation"))
    assert [v for v in values if v == 1] == [1] * 6
    assert len(_only(content, "Patient")) == 2
    assert world.merge() == 0


def test_undo__unchanged_goes_and_changed_stays(world: World) -> None:
    world.put("there", person("p"), observation("o", "p"), observation("changed", "p"))
    before = world.content()
    world.merge()
    world.put("here", observation("changed", "p", value=5))

    undone = apply.undo(world.engine, "there", "here")

    assert undone.kept == ["Observation/changed"]
    assert undone.removed["Patient"] == 1
    assert world.content().keys() == before.keys() | {"Observation/changed"}
    with pytest.raises(Conflict):
        apply.undo(world.engine, "there", "here")


def test_undo__then_merged_again__everything_is_back(world: World) -> None:
    world.put("there", person("p"), observation("o", "p"))
    world.merge()
    first = world.content().keys()
    apply.undo(world.engine, "there", "here")

    world.merge()

    assert world.content().keys() == first
    assert apply.undo(world.engine, "there", "here").kept == []


def test_trace__each_lot__names_the_act_the_source_and_the_former_references(world: World) -> None:
    world.put("there", person("p"))
    world.merge()

    page = world.engine.stores.open("here").search(Query(types=("Provenance",)))
    traces = [v.resource() for v in page.matches]
    assert {t["reason"][0]["text"] for t in traces} == {"décision 2026-12"}
    assert {t["entity"][0]["what"]["identifier"]["value"] for t in traces} == {"there"}
    targets = [t["reference"] for trace in traces for t in trace["target"]]
    assert "Patient/p/_history/1" in targets


def test_merge__sendings_still_wait__is_refused(world: World) -> None:
    world.engine.stores.open("there").submit(Plan(jobs=(Job(id="j", kind="dmp", key="k", payload={}),)))

    with pytest.raises(Conflict) as caught:
        world.merge()

    assert caught.value.issues[0].id == "merge-outbox"


def test_merge__links_of_agendas_and_subscriptions__stay_there(world: World) -> None:
    link = {"coding": [{"system": "urn:dui-fhir:objet", "code": "lien-agenda"}]}
    world.put(
        "there",
        person("p"),
        {"resourceType": "Basic", "id": "agenda-x", "code": link, "subject": {"reference": "Patient/p"}},
    )

    world.merge()

    assert world.read("Basic/agenda-x") is None


def test_survey__wrong_tenants__are_refused(world: World) -> None:
    with pytest.raises(BadRequest):
        survey(world.engine.stores, "here", "here")
    with pytest.raises(NotFound):
        survey(world.engine.stores, "nulle-part", "here")

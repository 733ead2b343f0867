"""Jobs of changes, and what a process knows of the subscriptions."""

from dui_fhir.domain import marker
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.plan import ABSENT, Plan, Put, Refused
from dui_fhir.search.extract import Extractor, extract
from dui_fhir.search.options import SearchOptions
from dui_fhir.store.memory import MemoryStores
from dui_fhir.subscriptions import nde
from dui_fhir.subscriptions.criteria import compile_criteria
from dui_fhir.subscriptions.matching import Made, jobs_for
from dui_fhir.subscriptions.register import Register
from dui_fhir.subscriptions.subscription import Watched

OPTIONS = SearchOptions()
EXTRACTOR = Extractor()
MARK = marker.put(marker.resource([]), EXTRACTOR.extract(marker.resource([])))


def _watched(id, criteria="Task", **options):
    return Watched(id=id, criteria=compile_criteria(criteria, OPTIONS), **options)


def _made(id, version=1, type="Task", **content):
    resource = {"resourceType": type, "id": id, **content}
    return Made(version=version, resource=resource, index=extract(resource))


def _jobs(made, active, now_ms=5):
    return jobs_for(made, active, base_url="https://s/fhir", now_ms=now_ms)


def test_jobs_for__several__one_per_version_and_subscription_in_order():
    made = [_made("a", 2), _made("p", type="Patient"), _made("b", status="draft")]
    jobs = _jobs(made, [_watched("s1"), _watched("s2", "Task?status=draft")])

    assert [(j.stream, j.payload["focus"], j.payload["version"]) for j in jobs] == [
        ("subscription|s1", "Task/a", 2),
        ("subscription|s1", "Task/b", 1),
        ("subscription|s2", "Task/b", 1),
    ]
    assert jobs[0].key == "subscription|s1|Task/a/2"


def test_jobs_for__out_of_its_period__nothing():
    early, late = _watched("s1", start_ms=6), _watched("s2", end_ms=4)
    assert _jobs([_made("a")], [early, late]) == ()
    assert len(_jobs([_made("a")], [early, late], now_ms=6)) == 1


def test_jobs_for__payload__holds_ids_only():
    (job,) = _jobs([_made("a", description="Mme Durand")], [_watched("s1")])
    assert job.payload == {"subscription": "s1", "focus": "Task/a", "version": 1, "base": "https://s/fhir"}


def test_concerns__same_name_without_identifier__is_nobody():
    event = {"url": f"{nde.CANONICAL}/event-type", "valueCodeableConcept": {"coding": [{"code": "SOR"}]}}
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": "Robert"}], "birthDate": "1960-03-20"}
    declared = {
        "resourceType": "CommunicationRequest",
        "contained": [person],
        "extension": [event],
        "subject": {"reference": "#p"},
    }
    subject = {"url": f"{nde.CANONICAL}/subject", "valueReference": {"reference": "#p"}}
    interest = nde.interest({"contained": [person], "extension": [event, subject]})

    assert interest is not None
    assert not interest.concerns(declared)
    local = {"url": f"{nde.CANONICAL}/subject", "valueReference": {"reference": "Patient/7"}}
    interest = nde.interest({"extension": [event, local]})
    assert interest is not None
    assert interest.concerns({**declared, "subject": {"reference": "Patient/7"}})


def _subscription(id, status="active"):
    resource = {"resourceType": "Subscription", "id": id, "status": status, "criteria": "Task"}
    return Put(type="Subscription", id=id, body=Body.of(resource), index=EXTRACTOR.extract(resource))


def test_register__subscription_written_elsewhere__refuses_the_plan_then_is_known():
    store, register = MemoryStores(FixedClock(0)).create("t"), Register()
    known = register.of("t", store, OPTIONS, lambda: None)
    assert (known.marker, known.active) == (ABSENT, ())
    store.submit(Plan(operations=(_subscription("s"), MARK)))

    refused = store.submit(Plan(preconditions=(register.of("t", store, OPTIONS, lambda: None).precondition,)))
    assert isinstance(refused, Refused)
    register.refused("t", refused)

    known = register.of("t", store, OPTIONS, lambda: None)
    assert [watched.id for watched in known.active] == ["s"]
    assert not isinstance(store.submit(Plan(preconditions=(known.precondition,))), Refused)


def test_register__other_refusal__keeps_what_is_known():
    store, register = MemoryStores(FixedClock(0)).create("t"), Register()
    known = register.of("t", store, OPTIONS, lambda: None)
    register.refused("t", Refused(reason="version", type="Task", id="x"))
    assert register.of("t", store, OPTIONS, lambda: None) is known


def test_register__many_subscriptions__all_are_known_and_the_stopped_are_not():
    store, register = MemoryStores(FixedClock(0)).create("t"), Register()
    operations = [_subscription(f"s{n}") for n in range(501)] + [_subscription("off", "off")]
    store.submit(Plan(operations=(*operations, MARK)))
    assert len(register.of("t", store, OPTIONS, lambda: None).active) == 501

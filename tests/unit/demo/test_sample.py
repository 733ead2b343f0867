"""Fictitious structures: repeatable, distinct, and accepted by every rule of every corridor."""

import re
from datetime import date

import pytest

from dui_fhir.app import build_engine
from dui_fhir.demo.sample import DOMAINS, Sample, finess
from dui_fhir.demo.sample.people import matricule
from dui_fhir.domain import json
from dui_fhir.domain.errors import BadRequest
from dui_fhir.service import router
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def engine():
    found = build_engine(Settings({"store": "memory", "plugins": ["commun", *DOMAINS]}), writer="own")
    yield found
    found.stores.close()


def sample(corridor="pa", **others):
    return Sample(corridor, **{"persons": 4, "seed": 7, "today": TODAY} | others)


def text(of):
    return [json.dumps(bundle) for bundle in of.bundles()]


def test_sample__same_seed_and_day__is_the_same_to_the_byte():
    assert text(sample()) == text(sample())


@pytest.mark.parametrize("others", [{"seed": 8}, {"today": date(2026, 3, 3)}, {"number": 2}])
def test_sample__another_seed_day_or_structure__is_another(others):
    assert text(sample()) != text(sample(**others))


def test_sample__more_persons__begins_alike():
    assert text(sample(persons=9))[:5] == text(sample())


def test_sample__unknown_corridor__is_refused():
    with pytest.raises(BadRequest):
        sample("xyz")


def test_sample__ids__are_distinct_over_structures():
    ids = [
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for number, corridor in enumerate(DOMAINS, 1)
        for bundle in sample(corridor, number=number).bundles()
        for e in bundle["entry"]
    ]
    assert len(ids) == len(set(ids))


def test_sample__hundred_persons__matricules_are_distinct_well_formed_and_of_the_test_range():
    patients = [
        e["resource"]
        for b in sample(persons=100).bundles()
        for e in b["entry"]
        if e["resource"]["resourceType"] == "Patient"
    ]
    found = [i["value"] for p in patients for i in p["identifier"] if i["system"] == "urn:oid:1.2.250.1.213.1.4.10"]
    assert 80 < len(found) == len(set(found)) < 100, "some identities are provisional"
    for value in found:
        assert re.fullmatch(r"[12]\d{14}", value)
        assert 97 - int(value[:13]) % 97 == int(value[13:])
    assert all(p["meta"]["tag"][0]["code"] == "simule" for p in patients)


def test_matricule__sex_month_place_order__are_where_they_belong():
    assert matricule("female", date(1936, 6, 21), "63220", 836)[:13] == "2360663220836"


def test_finess__department_that_does_not_exist__with_its_key():
    assert finess(1).startswith("99")
    digits = [int(c) for c in reversed(finess(1))]
    doubled = [d if place % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for place, d in enumerate(digits)]
    assert sum(doubled) % 10 == 0


@pytest.mark.parametrize(("number", "corridor"), list(enumerate(DOMAINS, 1)))
def test_sample__each_corridor__is_accepted_by_its_rules_and_sent_again_changes_nothing(engine, number, corridor):
    tenant = f"fictif-{corridor}"
    store = engine.stores.create(tenant)
    made = sample(corridor, number=number)
    register(store, made.structure, engine.extractor)
    for _ in range(2):
        for bundle in made.bundles():
            request = ServiceRequest(tenant=tenant, method="POST", path="", base_url="http://x/fhir", resource=bundle)
            assert router.dispatch(engine, request).status == 200
    versions = {v.version for v in store.history(limit=1000).versions}
    assert versions == {1}

"""Criteria judged on one resource say what a search of the store says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.search.extract import extract
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse
from dui_fhir.store.memory import MemoryStores
from dui_fhir.subscriptions.criteria import compile_criteria, entry_of

OPTIONS = SearchOptions()
CRITERIA = st.lists(
    st.sampled_from(
        [
            "code=a",
            "code=urn:s|a,b",
            "code:not=a",
            "status=final",
            "status:missing=true",
            "date=ge2026-03",
            "date=2026",
            "value-quantity=gt5",
            "subject=Patient/1",
            "subject:missing=true",
            "_id=x",
            "_tag=t",
            "code-value-quantity=a$gt5",
        ]
    ),
    max_size=3,
).map("&".join)


@st.composite
def observations(draw):
    made = {"resourceType": "Observation", "id": draw(st.sampled_from(["x", "y"]))}
    code = {"coding": [{"code": draw(st.sampled_from("abc")), **draw(st.sampled_from([{}, {"system": "urn:s"}]))}]}
    optional = {
        "status": st.sampled_from(["final", "amended"]),
        "effectiveDateTime": st.sampled_from(["2026", "2026-03-02", "2025-12-31T23:30:00Z"]),
        "valueQuantity": st.sampled_from([{"value": 4}, {"value": 6.5, "unit": "kg"}]),
        "subject": st.sampled_from([{"reference": "Patient/1"}, {"reference": "Patient/2"}]),
        "meta": st.just({"tag": [{"code": "t"}]}),
    }
    chosen = draw(st.fixed_dictionaries({}, optional=optional))
    return {**made, "code": code, **chosen}


@settings(max_examples=150, deadline=None)
@given(resource=observations(), query=CRITERIA)
def test_hold__any_criteria__agree_with_a_search(resource, query):
    store = MemoryStores(FixedClock(0)).create("t")
    index = extract(resource)
    store.submit(Plan(operations=(Put(type="Observation", id=resource["id"], body=Body.of(resource), index=index),)))
    params = [tuple(part.split("=", 1)) for part in query.split("&") if part]

    found = bool(store.search(parse("Observation", params, OPTIONS).query).matches)

    text = f"Observation?{query}" if query else "Observation"
    assert compile_criteria(text, OPTIONS).hold(entry_of(resource, index)) == found


def test_hold__other_type__is_false():
    patient = {"resourceType": "Patient", "id": "1"}
    assert not compile_criteria("Observation", OPTIONS).hold(entry_of(patient, extract(patient)))


@pytest.mark.parametrize(
    "text", ["Observation?subject:Patient.name=a", "Patient?_has:Observation:subject:code=a", "Observation?_sort=date"]
)
def test_compile__what_one_resource_cannot_answer__refused(text):
    with pytest.raises(BadRequest) as refused:
        compile_criteria(text, OPTIONS)
    assert refused.value.issues[0].id == "subscription-criteria"

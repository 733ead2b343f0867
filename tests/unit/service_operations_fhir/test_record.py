"""What belongs to a person: nodes by type, references read from stored bytes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.definitions import resource_types
from dui_fhir.domain import json
from dui_fhir.domain.query import AnyOf, ReferenceIs
from dui_fhir.domain.reference import Reference, walk
from dui_fhir.service.operations.record import _named, of_encounter, of_patient

TEXTS = st.sampled_from(
    [
        "Patient/1",
        "Practitioner/a-b.c",
        "Group/1/_history/3",
        "#x",
        "urn:uuid:1",
        "http://x/Patient/1",
        'a"reference":"Patient/9"',
    ]
)
VALUES: Any = st.recursive(
    TEXTS | st.integers(-9, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "reference", "subject"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "reference", "subject"]), VALUES, max_size=3))
def test_named__any_resource__is_what_walking_it_finds(resource: dict[str, Any]) -> None:
    parsed = [Reference.parse(element["reference"]) for _, element in walk(resource)]
    expected = {(r.type, r.id) for r in parsed if r is not None and r.base is None}

    assert _named(json.dumps(resource)) == expected


def test_of_patient__every_type__is_asked_for_its_owner() -> None:
    members = of_patient("p").members

    assert set(members) == resource_types()
    for type in ("Binary", "Observation", "Consent"):
        node = members[type]
        nodes = node.nodes if isinstance(node, AnyOf) else (node,)
        assert ReferenceIs("_dui_patient", "Patient", "p") in nodes


def test_of_encounter__stay__is_a_member_of_itself() -> None:
    assert "Encounter" in of_encounter("e").members
    assert "Patient" not in of_encounter("e").members

"""References of a transaction, without a server."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.service.bundle.rewriting import Names, conditional_references

OURS, THEIRS = "http://nous.example/fhir", "http://eux.example/fhir"
NAMES = Names(
    targets={f"{THEIRS}/Patient/1": "Patient/new", "urn:uuid:a": "Goal/g", f"{OURS}/Task/t": "Task/u"},
    criteria={"Patient?identifier=x": "Patient/found"},
    base_url=OURS,
)


def _rewrite(reference: str, full_url: str | None, created: bool = True) -> str:
    resource = {"resourceType": "Basic", "subject": {"reference": reference, "display": reference}}
    found = NAMES.rewrite(resource, full_url, created)
    assert found["subject"]["display"] == reference
    return str(found["subject"]["reference"])


def test_rewrite__entry_from_elsewhere__relative_means_there() -> None:
    at = f"{THEIRS}/Basic/b"

    assert _rewrite("Patient/1", at) == "Patient/new"
    assert _rewrite("Patient/2", at) == f"{THEIRS}/Patient/2"
    assert _rewrite("Patient/2", at, created=False) == "Patient/2"
    assert _rewrite("Organization/2", at) == "Organization/2"


def test_rewrite__entry_of_ours__relative_means_here() -> None:
    assert _rewrite("Patient/1", f"{OURS}/Basic/b") == "Patient/1"
    assert _rewrite("Task/t", None) == "Task/u"
    assert _rewrite("Patient/1", "urn:uuid:z") == "Patient/1"


def test_rewrite__urn_criteria_and_fragments__each_its_way() -> None:
    assert _rewrite("urn:uuid:a", None) == "Goal/g"
    assert _rewrite("Patient?identifier=x", None) == "Patient/found"
    assert _rewrite("#contained", f"{THEIRS}/Basic/b") == "#contained"
    assert _rewrite("urn:uuid:other", None) == "urn:uuid:other"


_VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=10,
)


@given(value=st.dictionaries(st.text(max_size=9), _VALUES, max_size=4))
def test_rewrite__nothing_named__changes_nothing(value: dict[str, Any]) -> None:
    names = Names(targets={}, criteria={}, base_url=OURS)

    assert names.rewrite(value, None, True) is value


def test_conditional_references__anywhere__are_found_once() -> None:
    value = {"a": [{"reference": "Patient?x=1"}, {"reference": "Patient/1"}], "b": {"c": {"reference": "Patient?x=1"}}}

    assert conditional_references(value) == {"Patient?x=1"}

"""``$meta-add`` and ``$meta-delete`` treat profiles, tags and labels as sets."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.service.operations.meta import _identity, _merged, _reduced, _united

CODINGS = st.builds(lambda s, c: {"system": s, "code": c}, st.sampled_from("ab"), st.sampled_from("xyz"))
LISTS = st.lists(CODINGS | st.sampled_from(["urn:p", "urn:q"]), max_size=6)


def _set(values: list[Any]) -> set[Any]:
    return {_identity(value) for value in values}


@given(LISTS, LISTS)
def test_united__any__is_the_union_and_keeps_what_was_there_first(before: list[Any], given: list[Any]) -> None:
    found = _united(before, given)

    assert _set(found) == _set(before) | _set(given)
    assert found[: len(before)] == before
    assert len(found) - len(before) == len(_set(given) - _set(before))


@given(LISTS, LISTS)
def test_reduced__any__is_the_difference(before: list[Any], given: list[Any]) -> None:
    assert _set(_reduced(before, given)) == _set(before) - _set(given)


def test_merged__other_elements_of_meta__stay_and_empty_sets_go() -> None:
    before = {"versionId": "3", "source": "urn:s", "tag": [{"code": "x"}]}
    given = {"profile": [], "tag": [{"code": "x"}], "security": []}

    assert _merged(before, given, _reduced) == {"versionId": "3", "source": "urn:s"}


def test_identity__display__does_not_count() -> None:
    assert _identity({"system": "s", "code": "c", "display": "d"}) == _identity({"system": "s", "code": "c"})

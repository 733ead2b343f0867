"""domain/body.py: a body around the gap of its version, and content that is the same whatever the order of its properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import json
from dui_fhir.domain.body import Body, same

_NUMBERS = st.sampled_from(["1", "1.0", "1.00", "0.10", "1e2", "12345678901234567890"]).map(
    lambda text: json.loads(f'{{"n":{text}}}')["n"]
)
_VALUES = st.recursive(
    st.booleans() | st.text(max_size=5) | _NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
_CONTENTS = st.dictionaries(st.sampled_from(["active", "name", "note", "valueQuantity"]), _VALUES, max_size=4)


def _patient(**others: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "a", **others}


def _turned(value: Any) -> Any:
    """Return a value with the properties of all its objects the other way round."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


@given(_CONTENTS)
def test_same__properties_the_other_way_round__are_the_same_content(content: dict[str, Any]) -> None:
    assert same(_patient(**content), _turned(_patient(**content)))


@given(_CONTENTS, _CONTENTS)
def test_same__in_one_order__is_what_the_digest_says(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = _patient(**one), _patient(**other)
    ordered = [json.loads(json.dumps(resource, ordered=True)) for resource in (first, second)]

    assert same(first, second) == (Body.of(ordered[0]).digest == Body.of(ordered[1]).digest)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"value":1.0}', '{"value":1.00}'),
        ('{"value":1}', '{"value":1.0}'),
        ('{"value":1}', '{"value":true}'),
        ('{"value":0}', '{"value":-0}'),
        ('{"given":["a","b"]}', '{"given":["b","a"]}'),
        ('{"birthDate":"2026"}', '{"birthDate":"2026-01"}'),
        ('{"meta":{"tag":[]}}', '{"meta":{}}'),
    ],
)
def test_same__what_is_not_written_alike__is_another_content(one: str, other: str) -> None:
    assert not same(_patient(**json.loads(one)), _patient(**json.loads(other)))


def test_same__version_and_instant__do_not_count() -> None:
    assert same(_patient(meta={"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"}), _patient(meta={}))
    assert same(_patient(), _patient(meta={"versionId": "2"}))


def test_stored__joined_body__is_taken_apart_again() -> None:
    body = Body.of(_patient(meta={"tag": [{"code": "x"}]}, active=True))
    data = body.join(3, 1_750_000_000_000)

    assert Body.stored(data, 3, 1_750_000_000_000) == body
    assert Body.stored(data, 4, 1_750_000_000_000) is None

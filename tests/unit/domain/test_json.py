"""domain/json.py: decimals and long integers keep their text (FHIR R4, datatypes.html#decimal)."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import json

DECIMAL_TEXT = st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(DECIMAL_TEXT)
def test_loads_dumps__any_number__returns_the_same_bytes(text: str) -> None:
    document = f'{{"a":[null,{text},{{"b":{text}}}]}}'.encode()

    assert json.dumps(json.loads(document)) == document


@pytest.mark.parametrize("text", ["1.00", "0.10", "1e5", "1E+02", "12345678901234567890", "-0.0"])
def test_loads__number_a_float_would_change__is_a_float_with_its_text(text: str) -> None:
    value = json.loads(f'{{"a":{text}}}'.encode())["a"]

    assert isinstance(value, json.Decimal)
    assert value.text == text
    assert value == float(text)


def test_loads__integer__stays_an_int() -> None:
    assert type(json.loads(b'{"a":12,"b":1.5}')["a"]) is int


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1,]", b'{"a":NaN}', b'{"a":1.5,"b":Infinity}', b'{"a":1.5}x', b"\xff{}"]
)
def test_loads__not_json__raises_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is orjson's own
        json.loads(text)


def test_dumps__plain_values__are_those_of_orjson() -> None:
    value = {"é": ["œ", True, None, 3, 2.5, "‑’"]}

    assert json.dumps(value) == orjson.dumps(value)


def test_decimal__survives_pickle_and_copy() -> None:
    import copy

    value = json.Decimal("1.00")

    assert copy.deepcopy({"v": value})["v"].text == "1.00"
    assert math.isclose(value + 1, 2.0)

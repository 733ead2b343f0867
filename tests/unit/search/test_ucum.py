"""UCUM units in canonical form."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.search.ucum import canonical


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("1", "g"), ("1000", "mg")),
        (("1", "kg"), ("1000000000", "ug")),
        (("1", "L"), ("1", "dm3")),
        (("1", "mg/dL"), ("10", "mg/L")),
        (("1", "h"), ("60", "min")),
        (("2", "wk"), ("14", "d")),
        (("120", "mm[Hg]"), ("15.99864", "kPa")),
        (("37", "Cel"), ("310.15", "K")),
        (("98.6", "[degF]"), ("37", "Cel")),
        (("1", "10*9/L"), ("1000", "10*6/L")),
        (("1", "10*3/uL"), ("1", "10^9/L")),
        (("60", "/min"), ("1", "Hz")),
        (("60", "{beats}/min"), ("60", "/min")),
        (("1", "mmol/L"), ("1000", "umol/L")),
        (("1", "kcal"), ("4.184", "kJ")),
        (("5", "%"), ("0.05", "1")),
        (("1", "m2.kg/s2"), ("1", "J")),
        (("1", "kg/(m.s2)"), ("1", "Pa")),
        (("1", "U"), ("1", "umol/min")),
        (("1", "mm[H2O]"), ("9.80665", "Pa")),
    ],
)
def test_canonical__same_quantity_in_two_units__is_one_value(left, right):
    (a, unit_a), (b, unit_b) = left, right
    first, second = canonical(unit_a), canonical(unit_b)
    assert first is not None
    assert second is not None
    assert first.code == second.code
    assert first.of(Fraction(a)) == pytest.approx(second.of(Fraction(b)), rel=1e-12)


@pytest.mark.parametrize(
    "unit", ["", "foo", "mg/", "mg//L", "(mg", "5.foo", "kkg", "mmin", "m g", "10*999999", "g" * 500 + "!", "/"]
)
def test_canonical__not_in_the_table__is_none(unit):
    assert canonical(unit) is None


def test_canonical__mass_and_amount__do_not_mix():
    assert canonical("mg/dL").code != canonical("mmol/L").code


@given(st.text(max_size=30))
def test_canonical__any_text__never_fails(text):
    canonical(text)


@given(st.text(alphabet="mgkL/.()0123456789*^-+{}[]sd", max_size=12))
def test_canonical__near_units__never_fail(text):
    canonical(text)

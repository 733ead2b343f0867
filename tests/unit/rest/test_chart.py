"""The curves: scales, gaps, hostile titles."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.rest.chart import Point, chart, number, scale_top


@given(st.lists(st.floats(min_value=0.001, max_value=1e9), min_size=1))
def test_scale_top__any_values__not_below_them_and_not_ten_times_above(values: list[float]) -> None:
    highest = max(values)

    assert highest <= scale_top(values) <= 10 * highest * (1 + 1e-9)


@pytest.mark.parametrize(("values", "top"), [([], 1), ([0], 1), ([70], 100), ([100], 100), ([150], 200), ([535], 1000)])
def test_scale_top__usual_values__round(values: list[float], top: float) -> None:
    assert scale_top(values) == top


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=24), st.text(max_size=20))
def test_chart__any_series__well_formed_and_one_mark_a_month(values: list[float | None], title: str) -> None:
    title = "".join(c for c in title if c.isprintable())
    points = [Point(label=f"m{n}", value=v, text="x") for n, v in enumerate(values)]

    svg = ElementTree.fromstring(chart("i", title, points, unit="%", target=70))

    assert svg[0].text == (title or None)
    assert len(svg.findall("circle")) == sum(v is not None for v in values)
    assert sum(e.get("class") == "none" for e in svg.iter("text")) == sum(v is None for v in values)


def test_chart__month_without_rate__breaks_the_line() -> None:
    points = [Point(label=str(n), value=v, text="") for n, v in enumerate([1.0, 2.0, None, 3.0, 4.0])]

    assert chart("i", "t", points, unit="%", target=None).count("<polyline") == 2


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (70, "70"), (69.95, "69,95"), (100.0, "100"), (12.5, "12,5")])
def test_number__in_french(value: float, text: str) -> None:
    assert number(value) == text

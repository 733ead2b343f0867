"""validation/fhirpath: what the official suite does not say: budgets, roots, robustness."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.validation.fhirpath import BudgetSpent, Environment, FhirPathError, Node, compile_expression
from dui_fhir.validation.fhirpath.values import resource_node

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"given": ["Anne", "Zoé"], "family": "MARTIN"}, {"family": "DUPONT"}],
    "birthDate": "1950-04",
    "_gender": {"extension": [{"url": "urn:why", "valueCode": "unknown"}]},
}


def evaluate(text: str, focus: Any = None, **environment: Any) -> list[Any]:
    node = resource_node(PATIENT) if focus is None else focus
    found = compile_expression(text).evaluate(node, Environment(resource=node, **environment))
    return [i.value if isinstance(i, Node) else i for i in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient.name.given", ["Anne", "Zoé"]),
        ("name.where(family = 'DUPONT').exists()", [True]),
        ("gender.extension('urn:why').value", ["unknown"]),
        ("gender.hasValue()", [False]),
        ("birthDate <= @1950-05-01", [True]),
        ("birthDate <= @1950-04-10", []),
        ("%resource.name.count()", [2]),
        ("%limit + 1", [4]),
        ("birthDate.value is System.Date", [True]),
    ],
)
def test_evaluate__expression__yields_its_collection(text: str, expected: list[Any]) -> None:
    assert evaluate(text, variables={"limit": 3}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(1 | 2 | 3).repeat($this + 1)",
        "%resource.descendants().select(%resource.descendants().select(%resource.descendants().count()))",
    ],
)
def test_evaluate__endless_or_huge__stops_at_its_budget(text: str) -> None:
    with pytest.raises(BudgetSpent):
        evaluate(text, steps=200)


def test_evaluate__more_time_than_given__stops() -> None:
    with pytest.raises(BudgetSpent):
        evaluate("(1 | 2).repeat($this + 1).count()", seconds=0.02, steps=10**9)


@pytest.mark.parametrize(
    "text", ["", "name.", "name..family", "name.where(", "nope()", "name.first(1)", "@2020-13", "name is Nothing", "'a"]
)
def test_compile__wrong_expression__is_told(text: str) -> None:
    with pytest.raises(FhirPathError):
        compile_expression(text)


def test_compile__deep_nesting__is_refused() -> None:
    with pytest.raises(FhirPathError, match="nested"):
        compile_expression("(" * 500 + "1" + ")" * 500)


@given(st.text(alphabet="name.()'=|&+-*/ <>12@T:%$[]{}isaor", max_size=40))
def test_evaluate__any_text__yields_or_raises_its_own_error(text: str) -> None:
    try:
        evaluate(text, steps=10_000)
    except FhirPathError:
        return


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["family", "given", "period", "start", "_given", "extension", "url"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(_JSON)
def test_evaluate__any_content__yields_or_raises_its_own_error(content: Any) -> None:
    node = resource_node({"resourceType": "Patient", "name": content, "contact": content, "extension": content})
    for text in (
        "name.given.first().length()",
        "descendants().count()",
        "name.period.start <= today()",
        "extension('u').value",
    ):
        try:
            evaluate(text, node, steps=10_000)
        except FhirPathError:
            continue

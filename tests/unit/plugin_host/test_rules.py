"""Rules: severity in its circumstances (decisions D7, D8), places of the faults, the three ways to write one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.actor import SYSTEM
from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.plugin_host.rules import RANK, compile_check, declared, located
from dui_fhir.validation.fhirpath import BudgetSpent

WORDS = {"title": "Une phrase.", "resource": "CarePlan", "severity": "error", "source": "J"}
FINAL = {"resourceType": "CarePlan", "status": "active"}
DRAFT = {"resourceType": "CarePlan", "status": "draft"}


def _rule(**changes):
    return declared({"id": "XY-01", **WORDS, **changes}, plugin="xy", form="python", file="f")


def _context(**changes):
    values = {"tenant": "t", "actor": SYSTEM, "now": datetime(2026, 1, 15, tzinfo=UTC), "reader": None}
    return Context(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declaration", "resource", "reprise", "expected"),
    [
        ({}, DRAFT, False, "error"),
        ({}, FINAL, False, "error"),
        ({}, FINAL, True, "warning"),
        ({"always": True}, FINAL, True, "error"),
        ({"from": "final"}, FINAL, False, "error"),
        ({"from": "final"}, DRAFT, False, "warning"),
        ({"from": "final", "draft": "ignore"}, DRAFT, False, None),
        ({"from": "final", "draft": "ignore"}, FINAL, False, "error"),
        ({"from": "final", "always": True}, DRAFT, True, "warning"),
        ({"severity": "information"}, FINAL, True, "information"),
        ({"severity": "information", "from": "final"}, DRAFT, False, "information"),
    ],
)
def test_severity__draft_and_reprise__only_soften(declaration, resource, reprise, expected) -> None:
    assert _rule(**declaration).severity_for(resource, _context(reprise=reprise)) == expected


def test_severity__parameter_of_the_structure__may_harden() -> None:
    rule = _rule(severity="warning")

    assert rule.severity_for(FINAL, _context(parameters={"xy.severity.XY-01": "error"})) == "error"


@given(
    severity=st.sampled_from(["error", "warning", "information"]),
    from_=st.sampled_from(["draft", "final"]),
    always=st.booleans(),
    resource=st.sampled_from([FINAL, DRAFT]),
    reprise=st.booleans(),
)
def test_severity__any_circumstances__never_above_the_declaration(severity, from_, always, resource, reprise) -> None:
    rule = _rule(severity=severity, always=always, **{"from": from_})
    found = rule.severity_for(resource, _context(reprise=reprise))

    assert found is not None
    assert RANK[found] <= RANK[severity]
    assert not (reprise and not always and found == "error")


def _issue(value, resource, form, path="", **context):
    rule = declared(value, plugin="xy", form=form, file="f")
    check = compile_check(rule, value)
    assert check is not None
    change = Change(interaction="create", type=resource["resourceType"], id="1", after=resource, path=path)
    return check.issue(resource, change, _context(**context))


def _schema_rule(body, **words):
    return {
        "$id": "XY-01",
        "title": "Une phrase.",
        "x-dui": {k: v for k, v in {**WORDS, **words}.items() if k != "title"},
        **body,
    }


def test_schema__resource_correct__no_issue() -> None:
    assert _issue(_schema_rule({"required": ["status"]}), FINAL, "schema") is None


def test_schema__without_declared_path__the_places_are_those_of_the_faults() -> None:
    body = {"required": ["period", "title"], "properties": {"activity": {"items": {"required": ["detail"]}}}}
    resource = FINAL | {"title": "x", "activity": [{"detail": {}}, {}]}

    issue = _issue(_schema_rule(body), resource, "schema")

    assert issue.expression == ("CarePlan.period", "CarePlan.activity[1].detail")


def test_schema__with_declared_path__that_place_inside_the_bundle() -> None:
    rule = _schema_rule({"required": ["period"]}, expression=["CarePlan.period"])

    assert _issue(rule, FINAL, "schema", path="Bundle.entry[4].resource").expression == (
        "Bundle.entry[4].resource.period",
    )


def test_schema__keyword_left_to_jsonschema__is_enforced() -> None:
    rule = _schema_rule({"properties": {"status": {"$ref": "#/$defs/s"}}, "$defs": {"s": {"const": "draft"}}})

    assert _issue(rule, FINAL, "schema") is not None
    assert _issue(rule, DRAFT, "schema") is None


def test_fhirpath__parameter_and_today__are_known() -> None:
    rule = {"id": "XY-01", **WORDS, "expression": "period.start <= %today and note.count() <= %limite"}
    resource = FINAL | {"period": {"start": "2026-01-15"}}

    assert _issue(rule, resource, "fhirpath", parameters={"xy.limite": 0}) is None
    late = resource | {"period": {"start": "2026-01-16"}}
    assert _issue(rule, late, "fhirpath", parameters={"xy.limite": 0}) is not None


@pytest.mark.parametrize("expression", ["period.start", "{}", "false", "period.start <= %today"])
def test_fhirpath__anything_but_true__is_a_fault(expression) -> None:
    assert _issue({"id": "XY-01", **WORDS, "expression": expression}, FINAL, "fhirpath") is not None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("period.start <=", "ligne 1, colonne 16"),
        ("period.exists()\n  and )", "ligne 2, colonne 7"),
        ("period.start # 1", "ligne 1, colonne 14"),
        ("period.missing().nope()", "fonction inconnue : missing"),
        ("period is Nothing", "type inconnu : Nothing"),
        ("period.exists(1, 2)", "nombre d'arguments incorrect : exists"),
    ],
)
def test_fhirpath__expression_at_fault__is_told_with_its_place(expression, expected) -> None:
    with pytest.raises(ValueError, match="expression FHIRPath incorrecte") as error:
        _issue({"id": "XY-01", **WORDS, "expression": expression}, FINAL, "fhirpath")
    assert expected in str(error.value)


def test_fhirpath__a_decimal_parameter__compares_as_written() -> None:
    rule = {"id": "XY-01", **WORDS, "expression": "0.3 = %seuil"}
    assert _issue(rule, FINAL, "fhirpath", parameters={"xy.seuil": 0.3}) is None


def test_fhirpath__budget_spent__raises_and_never_passes() -> None:
    endless = "note.select($this | %resource.note).select($this | %resource.note).count() >= 0"
    resource = FINAL | {"note": [{"text": str(n)} for n in range(1500)]}
    with pytest.raises(BudgetSpent):
        _issue({"id": "XY-01", **WORDS, "expression": endless}, resource, "fhirpath")


def test_issue__what_a_client_reads__title_severity_and_id() -> None:
    issue = _issue(_schema_rule({"required": ["period"]}), FINAL, "schema")

    assert (issue.id, issue.severity, issue.text, issue.code) == ("XY-01", "error", "Une phrase.", "business-rule")


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("Goal.note", "", "Goal.note"),
        ("Goal.note", "Bundle.entry[0].resource", "Bundle.entry[0].resource.note"),
        ("Goal", "Bundle.entry[0].resource", "Bundle.entry[0].resource"),
        ("Bundle.entry[0].resource.note", "Bundle.entry[0].resource", "Bundle.entry[0].resource.note"),
    ],
)
def test_located__path__is_seen_from_the_request(path, prefix, expected) -> None:
    assert located(path, Change(interaction="create", type="Goal", id="1", path=prefix)) == expected

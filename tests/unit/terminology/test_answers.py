"""The answers of the operations, their limits and their refusals."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dui_fhir.api import Actor
from dui_fhir.domain.context import Context
from dui_fhir.domain.errors import BadRequest, DuiError, NotFound
from dui_fhir.domain.operation import OperationRequest
from dui_fhir.terminology import Registry, Terminology, operations, requests
from dui_fhir.terminology.faults import TooCostly, Unusable
from dui_fhir.terminology.languages import Languages
from dui_fhir.terminology.registry import Loaded
from dui_fhir.terminology.ucum import valid
from dui_fhir.terminology.versions import latest, matches

NOW = "2026-01-01T00:00:00Z"
S = "urn:s"
SYSTEM = {
    "resourceType": "CodeSystem",
    "url": S,
    "version": "1.0.0",
    "language": "fr",
    "content": "complete",
    "concept": [
        {"code": "edu", "display": "Éducateur", "designation": [{"language": "en", "value": "Educator"}]},
        {"code": "psy", "display": "Psychologue"},
    ],
}
MAP = {
    "resourceType": "ConceptMap",
    "url": "urn:map",
    "status": "active",
    "group": [
        {
            "source": S,
            "target": "urn:t",
            "element": [{"code": "edu", "target": [{"code": "E", "equivalence": "wider"}]}],
        }
    ],
}


def value_set(url: str, **compose: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose}


def registry(*more: dict[str, Any]) -> Registry:
    return Registry([Loaded([SYSTEM, MAP, value_set("urn:all", include=[{"system": S}]), *more])])


def named(answer: dict[str, Any], name: str) -> Any:
    return next((v for r in answer["parameter"] if r["name"] == name for k, v in r.items() if k != "name"), None)


def test_expand__filter_without_accents__finds_the_accented_label() -> None:
    answer = requests.expand(registry(), {"url": "urn:all", "filter": "EDUC"}, NOW)
    assert [row["display"] for row in answer["expansion"]["contains"]] == ["Éducateur"]


def test_expand__display_language__chooses_the_designation() -> None:
    answer = requests.expand(registry(), {"url": "urn:all", "displayLanguage": "en"}, NOW)
    assert [row["display"] for row in answer["expansion"]["contains"]] == ["Educator", "Psychologue"]


def test_expand__over_the_limit__too_costly_unless_paged() -> None:
    with pytest.raises(TooCostly) as caught:
        requests.expand(registry(), {"url": "urn:all"}, NOW, codes_max=1)
    assert caught.value.issues[0].code == "too-costly"
    page = requests.expand(registry(), {"url": "urn:all", "count": 1, "offset": 1}, NOW, codes_max=1)
    assert [row["code"] for row in page["expansion"]["contains"]] == ["psy"]
    assert page["expansion"]["total"] == 2


def test_expand__sets_that_include_one_another__refused() -> None:
    first = value_set("urn:one", include=[{"valueSet": ["urn:two"]}])
    second = value_set("urn:two", include=[{"valueSet": ["urn:one"]}])
    with pytest.raises(Unusable) as caught:
        requests.expand(registry(first, second), {"url": "urn:one"}, NOW)
    assert caught.value.issues[0].id == "terminology-circular"


def test_expand__regular_expression_without_end__refused() -> None:
    rows = [{"property": "code", "op": "regex", "value": "(a+)+"}]
    with pytest.raises(Unusable) as caught:
        requests.expand(
            registry(value_set("urn:regex", include=[{"system": S, "filter": rows}])), {"url": "urn:regex"}, NOW
        )
    assert caught.value.issues[0].id == "terminology-filter"


@pytest.mark.parametrize("given", [{"count": -1}, {"offset": -1}, {"displayLanguage": "-"}])
def test_expand__wrong_parameter__bad_request(given: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        requests.expand(registry(), {"url": "urn:all", **given}, NOW)


def test_validate__wrong_display__said_in_french_with_the_english_beside() -> None:
    coding = {"system": S, "code": "edu", "display": "Educatrice"}
    answer = requests.validate_in_set(registry(), {"url": "urn:all", "coding": coding})
    assert named(answer, "result") is False
    issue = named(answer, "issues")["issue"][0]
    assert issue["details"]["text"].startswith("Libellé « Educatrice » inexact")
    assert issue["diagnostics"].startswith("Wrong Display Name")
    assert issue["expression"] == ["Coding.display"]


def test_validate__codeable_concept__one_good_coding_is_enough() -> None:
    concept = {"coding": [{"system": "urn:other", "code": "x"}, {"system": S, "code": "psy"}]}
    listed = value_set("urn:listed", include=[{"system": S}, {"system": "urn:other", "concept": [{"code": "x"}]}])
    answer = requests.validate_in_set(registry(listed), {"url": "urn:listed", "codeableConcept": concept})
    assert named(answer, "result") is True


def test_validate__system_inferred__answered() -> None:
    answer = requests.validate_in_set(registry(), {"url": "urn:all", "code": "psy", "inferSystem": True})
    assert (named(answer, "result"), named(answer, "system")) == (True, S)


def test_validate__nothing_to_validate__bad_request() -> None:
    with pytest.raises(BadRequest):
        requests.validate_in_set(registry(), {"url": "urn:all"})


def test_lookup__code_that_does_not_exist__not_found() -> None:
    assert named(requests.describe(registry(), {"system": S, "code": "edu"}), "display") == "Éducateur"
    with pytest.raises(NotFound):
        requests.describe(registry(), {"system": S, "code": "zzz"})


def test_translate__both_ways__equivalence_seen_from_the_code() -> None:
    forth = named(requests.convert(registry(), {"system": S, "code": "edu", "targetsystem": "urn:t"}), "match")
    assert forth[0] == {"name": "equivalence", "valueCode": "wider"}
    back = requests.convert(registry(), {"system": "urn:t", "code": "E", "targetsystem": S, "reverse": True})
    assert named(back, "match")[:2] == [
        {"name": "equivalence", "valueCode": "narrower"},
        {"name": "concept", "valueCoding": {"system": S, "code": "edu"}},
    ]
    assert named(requests.convert(registry(), {"system": S, "code": "psy"}), "result") is False


class NoRenderer:
    def pdf(self, template: object, data: object) -> bytes:
        raise AssertionError(template)


class NoReader:
    def read(self, reference: str) -> None:
        raise AssertionError(reference)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Any]:
        raise AssertionError(type)


def request(parameters: dict[str, Any], tenant: str = "t") -> OperationRequest:
    context = Context(tenant=tenant, actor=Actor(), now=datetime(2026, 1, 1, tzinfo=UTC), reader=NoReader())
    return OperationRequest(context=context, renderer=NoRenderer(), parameters=parameters)


def test_operations__value_set_of_the_tenant__is_over_what_ships() -> None:
    tenants: dict[str, list[Any]] = {"a": [], "b": []}
    expand = next(
        o
        for o in operations(lambda r: Terminology().over(Loaded(tenants[r.context.tenant])))
        if o.definition["code"] == "expand"
    )
    system = "http://hl7.org/fhir/administrative-gender"
    stored = value_set(
        "http://hl7.org/fhir/ValueSet/administrative-gender",
        include=[{"system": system, "concept": [{"code": "male"}]}],
    )
    stored["version"] = "99.0.0"
    url = {"url": stored["url"]}
    tenants["a"].append(stored)
    answers = [expand.run(request(url, tenant)).result for tenant in tenants]
    assert [len(a["expansion"]["contains"]) for a in answers if a is not None] == [1, 4]


def test_operations__each__answers_without_writing() -> None:
    own = Terminology([SYSTEM, MAP, value_set("urn:all", include=[{"system": S}])])
    given: dict[tuple[str, str], dict[str, Any]] = {
        ("ValueSet", "expand"): {"url": "urn:all"},
        ("ValueSet", "validate-code"): {"url": "urn:all", "coding": {"system": S, "code": "edu"}},
        ("CodeSystem", "validate-code"): {"url": S, "code": "edu"},
        ("CodeSystem", "lookup"): {"system": S, "code": "edu"},
        ("CodeSystem", "subsumes"): {"system": S, "codeA": "edu", "codeB": "psy"},
        ("ConceptMap", "translate"): {"system": S, "code": "edu"},
    }
    found = operations(lambda _: own)
    assert {(o.definition["resource"][0], o.definition["code"]) for o in found} == set(given)
    for operation in found:
        kind, code = operation.definition["resource"][0], operation.definition["code"]
        answer = operation.run(request(given[kind, code]))
        assert answer.result is not None
        assert not answer.writes


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("mg/dL", True),
        ("10*9/L", True),
        ("mm[Hg]", True),
        ("/min", True),
        ("{visite}/mo", True),
        ("kg/m2", True),
        ("m/s2", True),
        ("[degF]", True),
        ("%", True),
        ("(mg/kg)/d", True),
        ("1", True),
        ("", False),
        ("mgg", False),
        ("mg//dL", False),
        ("mg/", False),
        ("(mg", False),
        ("mg dL", False),
        ("kmin", False),
    ],
)
def test_ucum__code__valid_or_not(code: str, expected: bool) -> None:
    assert valid(code) is expected


def test_versions__wildcards_and_order__as_documented() -> None:
    assert matches("1.0.x", "1.0.3")
    assert not matches("1", "1.0.0")
    assert latest(["2.0.0", "10.0.0", "2018-08-12"]) == "10.0.0"
    assert latest(["20240101", "20250101"]) == "20250101"


def test_languages__header__ordered_by_quality() -> None:
    parsed = Languages.parse("en;q=0.5, fr-FR, *;q=0")
    assert parsed.ranges == ("fr-FR", "en")
    assert parsed.only


def test_errors__each__is_of_the_tree() -> None:
    for parameters in ({"url": "urn:nowhere"}, {}):
        with pytest.raises(DuiError):
            requests.expand(registry(), parameters, NOW)

"""Pure values of the service: entity tags, content, identity, projection, parameters, routes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import json
from dui_fhir.domain.errors import BadRequest, MethodNotAllowed, NotFound, PreconditionFailed, TooLarge
from dui_fhir.domain.version import Version
from dui_fhir.service import content, etag, identity, parameters, projection, router


def _version(number: int, body: bytes | None = b"{}") -> Version:
    return Version(type="Patient", id="a", version=number, instant_ms=0, sequence=1, method="PUT", body=body)


# entity tags


@given(number=st.integers(1, 10**15))
def test_etag__rendered__parses_back(number: int) -> None:
    assert etag.parse(etag.render(number)) == number
    assert etag.parse(f'"{number}"') == number


@pytest.mark.parametrize("text", ["", "W/", "abc", 'W/"a"', "-1", "1.0"])
def test_etag__no_version__is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        etag.parse(text)


def test_check_match__any_on_a_deletion__is_refused() -> None:
    etag.check_match("*", _version(1))
    with pytest.raises(PreconditionFailed):
        etag.check_match("*", _version(2, body=None))
    with pytest.raises(PreconditionFailed):
        etag.check_match('W/"2"', _version(2, body=None))


# content

_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(value=_JSON)
def test_parse__any_json__is_read_as_it_is(value: Any) -> None:
    assert content.parse(json.dumps([value]), depth_max=64) == [value]


@given(depth=st.integers(33, 90), limit=st.integers(33, 80))
def test_parse__depth__is_counted_exactly(depth: int, limit: int) -> None:
    body = b'{"a":' * depth + b'"]["' + b"}" * depth

    if depth <= limit:
        content.parse(body, depth_max=limit)
    else:
        with pytest.raises(TooLarge):
            content.parse(body, depth_max=limit)


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"b":{"a":":","a":2}}', b'[{"\\u0061":1,"a":2}]'])
def test_parse__repeated_key__is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        content.parse(body, depth_max=64)

    assert caught.value.issues[0].id == "core-json-duplicate-key"


def test_nearest__far_name__says_nothing() -> None:
    assert content.nearest("Zzzzzz") == ""
    assert "CarePlan" in content.nearest("Careplan")


# identity

_CORE = "https://hl7.fr/ig/fhir/core"


def _patient(status: str | None, kind: str = "INS-NIR", oid: str = "8", **identifier: Any) -> dict[str, Any]:
    coding = {"system": f"{_CORE}/CodeSystem/fr-core-cs-v2-0203", "code": kind}
    ins = {
        "type": {"coding": [coding]},
        "system": f"urn:oid:1.2.250.1.213.1.4.{oid}",
        "value": "275126322074974",
        **identifier,
    }
    found: dict[str, Any] = {"resourceType": "Patient", "identifier": [ins]}
    if status:
        part = {"url": "identityStatus", "valueCoding": {"code": status}}
        found["extension"] = [{"url": f"{_CORE}/StructureDefinition/fr-core-identity-reliability", "extension": [part]}]
    return found


@pytest.mark.parametrize("status", ["VALI", "QUAL"])
@pytest.mark.parametrize(("kind", "oid"), [("INS-NIR", "8"), ("INS-NIA", "9"), ("INS-NIR-TEST", "10")])
def test_unique_keys__qualified__are_the_ins(status: str, kind: str, oid: str) -> None:
    assert identity.unique_keys(_patient(status, kind, oid)) == (f"ins|1.2.250.1.213.1.4.{oid}|275126322074974",)


@pytest.mark.parametrize(
    "patient",
    [
        _patient(None),
        _patient("PROV"),
        _patient("RECUP"),
        _patient("QUAL", "NH"),
        _patient("QUAL", oid="2"),
        _patient("QUAL", use="old"),
        {"resourceType": "Patient", "identifier": "x", "extension": 3},
        {"resourceType": "RelatedPerson"},
    ],
)
def test_unique_keys__not_a_qualified_ins__are_none(patient: dict[str, Any]) -> None:
    assert identity.unique_keys(patient) == ()


def test_unique_keys__doubtful__are_none() -> None:
    patient = _patient("QUAL")
    doubt = {"url": "comment", "valueCoding": {"code": "DOUT"}}
    patient["extension"][0]["extension"].append(doubt)

    assert identity.unique_keys(patient) == ()


# projection

_OBSERVATION = {
    "resourceType": "Observation",
    "id": "a",
    "meta": {"tag": [{"code": "x"}]},
    "status": "final",
    "code": {"text": "c"},
    "valueString": "v",
    "_valueString": {"id": "1"},
    "note": [{"text": "n"}],
    "text": {"status": "empty"},
}


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ((("_elements", "value"),), {"status", "code", "valueString", "_valueString"}),
        ((("_elements", "Observation.note,text"),), {"status", "code", "note", "text"}),
        ((("_summary", "text"),), {"status", "code", "text"}),
        ((("_summary", "data"),), {"status", "code", "valueString", "_valueString", "note"}),
        ((("_summary", "true"),), {"status", "code", "valueString", "_valueString"}),
    ],
)
def test_projection__part__keeps_it_and_says_so(params: Any, kept: set[str]) -> None:
    found = projection.of_resource(_OBSERVATION, projection.wanted(params))

    assert set(found) == kept | {"resourceType", "id", "meta"}
    assert [t["code"] for t in found["meta"]["tag"]] == ["x", "SUBSETTED"]


def test_projection__whole__is_the_same_object() -> None:
    assert projection.of_resource(_OBSERVATION, projection.wanted((("_summary", "false"),))) is _OBSERVATION


# operation inputs

_DEFINITION = {
    "parameter": [
        {"name": "code", "use": "in", "min": 1, "max": "1", "type": "code"},
        {"name": "many", "use": "in", "min": 0, "max": "*", "type": "integer"},
        {"name": "group", "use": "in", "min": 0, "max": "1", "part": [{"name": "x", "min": 1, "max": "1", "type": "string"}]},
        {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Task"},
    ]
}  # fmt: skip


def _parameters(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(items)}


def test_inputs__each_shape__is_plain() -> None:
    found = parameters.of_resource(
        _DEFINITION,
        _parameters(
            {"name": "code", "valueString": "a"},
            {"name": "many", "valueInteger": 1},
            {"name": "many", "valueInteger": 2},
            {"name": "group", "part": [{"name": "x", "valueString": "y"}]},
        ),
    )

    assert found == {"code": "a", "many": [1, 2], "group": {"x": "y"}}
    assert parameters.of_query(_DEFINITION, (("code", "a"), ("many", "3"))) == {"code": "a", "many": [3]}


def test_inputs__day_where_a_moment_is_asked__is_taken() -> None:
    definition = {"parameter": [{"name": "at", "use": "in", "min": 0, "max": "1", "type": "dateTime"}]}

    assert parameters.of_resource(definition, _parameters({"name": "at", "valueDate": "2026-01-05"})) == {
        "at": "2026-01-05"
    }
    with pytest.raises(BadRequest):
        parameters.of_resource(definition, _parameters({"name": "at", "valueTime": "08:00:00"}))


@pytest.mark.parametrize(
    ("items", "id"),
    [
        ([], "core-parameter-missing"),
        ([{"name": "code", "valueCode": "a"}] * 2, "core-parameter-repeated"),
        ([{"name": "code", "valueCode": "a"}, {"name": "other", "valueCode": "a"}], "core-parameter-unknown"),
        ([{"name": "code", "valueInteger": 1}], "core-parameter-type"),
        ([{"name": "code"}], "core-parameter-value"),
        ([{"valueCode": "a"}], "core-parameter-name"),
        ([{"name": "code", "valueCode": "a"}, {"name": "group", "part": []}], "core-parameter-missing"),
        ([{"name": "return", "valueCode": "a"}, {"name": "code", "valueCode": "a"}], "core-parameter-unknown"),
    ],
)
def test_inputs__that_the_definition_forbids__are_refused(items: list[dict[str, Any]], id: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parameters.of_resource(_DEFINITION, _parameters(*items))

    assert id in [i.id for i in caught.value.issues]


# routes


@pytest.mark.parametrize(
    ("method", "path", "interaction"),
    [
        ("GET", "metadata", "capabilities"),
        ("POST", "", "transaction"),
        ("GET", "Patient/1", "read"),
        ("GET", "Patient/$match", "operation"),
        ("POST", "Patient/_search", "search-type"),
        ("GET", "Patient/1/_history", "history-instance"),
        ("GET", "Patient/1/_history/2", "vread"),
        ("GET", "Patient/1/Flag", "search-compartment"),
        ("GET", "Patient/1/*", "search-compartment"),
        ("PATCH", "Patient", "conditional-patch"),
    ],
)
def test_route__path__is_its_interaction(method: str, path: str, interaction: str) -> None:
    assert router.match(method, path).route.interaction == interaction


@given(method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), path=st.text(max_size=30))
def test_route__anything__is_found_or_refused(method: str, path: str) -> None:
    with contextlib.suppress(NotFound, MethodNotAllowed):
        assert router.match(method, path).route.method == method

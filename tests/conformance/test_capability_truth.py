"""FHIR R4, capabilitystatement.html: every claim of ``metadata`` is tried: types, interactions, parameters, operations, formats."""

import itertools
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.definitions import Element, element_table, resource_types
from dui_fhir.definitions.elements import kind
from dui_fhir.settings import Settings

Fhir = Any
Resource = dict[str, Any]

TYPES = sorted(resource_types() - {"Parameters", "OperationOutcome"})
HOST = "ailleurs.test"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    """One application for the claims: subscriptions may notify one host, that nobody calls."""
    settings = Settings({"store": "memory", "log_level": "ERROR", "subscription_hosts": [HOST], "erase_allowed": True})
    engine = build_engine(settings)
    yield create_app(settings, engine=engine)
    engine.stores.close()


# resources of the smallest form that R4 takes

_VALUES: dict[str, Any] = {
    "boolean": True, "integer": 1, "positiveInt": 1, "unsignedInt": 1, "decimal": 1.5, "base64Binary": "AAAA",
    "instant": "2026-01-01T00:00:00Z", "date": "2026-01-01", "dateTime": "2026-01-01", "time": "12:00:00", "xhtml": "",
    "uri": "urn:x", "url": "http://exemple.test/x", "canonical": "http://exemple.test/x", "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:00000000-0000-4000-8000-000000000000", "code": "x", "string": "Essai", "markdown": "Essai", "id": "x",
}  # fmt: skip
_CONCEPT = {"text": "Essai"}
_TYPED: dict[str, Any] = {
    "CodeableConcept": _CONCEPT,
    "Coding": {"system": "urn:x", "code": "x"},
    "Identifier": {"system": "urn:x", "value": "1"},
    "Period": {"start": "2026-01-01"},
    "Quantity": {"value": 1, "unit": "x"},
    "Money": {"value": 1, "currency": "EUR"},
    "Attachment": {"contentType": "text/plain", "data": "AAAA"},
    "ContactDetail": {"name": "Essai"},
    "HumanName": {"family": "Essai"},
    "Address": {"text": "Essai"},
    "Expression": {"language": "text/fhirpath", "expression": "true"},
    "Dosage": {"text": "Essai"},
    "Timing": {"event": ["2026-01-01"]},
    "Narrative": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "Resource": {"resourceType": "Basic", "code": _CONCEPT},
}
# what invariants or rules ask for beyond the mandatory elements
_MORE: dict[str, Resource] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"participant": [{"actor": {"display": "Essai"}, "status": "accepted"}]},
    "AppointmentResponse": {"actor": {"display": "Essai"}},
    "Bundle": {"type": "collection"},
    "CapabilityStatement": {"kind": "requirements", "description": "Essai", "rest": [{"mode": "server"}]},
    "Consent": {"policy": [{"uri": "urn:x"}]},
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "essai"}]},
    "ImmunizationRecommendation": {
        "recommendation": [{"vaccineCode": [_CONCEPT], "forecastStatus": _CONCEPT}],
    },
    "InsurancePlan": {"name": "Essai"},
    "Linkage": {
        "item": [{"type": "source", "resource": {"display": "a"}}, {"type": "alternate", "resource": {"display": "b"}}]
    },
    "Organization": {"name": "Essai"},
    "StructureDefinition": {"differential": {"element": [{"path": "Patient", "id": "Patient"}]}, "type": "Patient"},
    "Subscription": {"channel": {"type": "rest-hook", "endpoint": f"https://{HOST}/x"}, "criteria": "Patient?"},
    "TerminologyCapabilities": {"kind": "capability", "software": {"name": "essai"}},
}


@cache
def _codes() -> dict[str, Any]:
    found = json.loads(files("dui_fhir_profiles").joinpath("r4", "required-codes.json").read_text(encoding="utf-8"))
    return dict(found)


def smallest(type: str) -> Resource:
    """Return a resource with its mandatory elements only."""
    return {"resourceType": type, **_mandatory(type, type), **_MORE.get(type, {})}


def _mandatory(table: str, path: str) -> Resource:
    made: Resource = {}
    for element in element_table(table).children(path):
        if element.min:
            type = element.types[0].code if element.types else ""
            key = element.name + (type[:1].upper() + type[1:] if element.choice else "")
            value = _value(table, element, type)
            made[key] = value if element.max == 1 else [value]
    return made


def _value(table: str, element: Element, type: str) -> Any:
    if element.content is not None:
        return _mandatory(table, element.content)
    if type in ("BackboneElement", "Element"):
        return _mandatory(table, element.path) or {"id": "x"}
    if element.binding_strength == "required" and element.value_set and type == "code":
        return _code(element.value_set)
    if type == "Reference":
        target = next((t for t in element.types[0].targets if t in resource_types()), "Basic")
        return {"reference": f"https://ailleurs.test/fhir/{target}/1"}
    if kind(type) == "primitive-type":
        return _VALUES[type]
    return _TYPED.get(type) or _mandatory(type, type)


def _code(value_set: str) -> str:
    listed = _codes().get(value_set.split("|")[0])
    while isinstance(listed, dict | list) and listed:
        listed = listed[0] if isinstance(listed, list) else next(iter(listed.values()))
    return str(listed or "x")


def _statement(fhir: Fhir) -> Resource:
    """Return the statement, which is the same for all tenants but for the address."""
    if not _STATEMENTS:
        _STATEMENTS.append(dict(fhir.get("metadata").json["rest"][0]))
    return _STATEMENTS[0]


_STATEMENTS: list[Resource] = []


def _claim(fhir: Fhir, type: str) -> Resource:
    return next(dict(r) for r in _statement(fhir)["resource"] if r["type"] == type)


def _stored(fhir: Fhir, type: str) -> Resource:
    answer = fhir.post(type, smallest(type))
    assert answer.status_code == 201, (smallest(type), answer.text)
    return dict(answer.json)


def test_types__of_the_statement__are_all_those_that_can_be_stored(fhir: Fhir) -> None:
    assert [r["type"] for r in _statement(fhir)["resource"]] == TYPES


@pytest.mark.parametrize("type", ["Parameters", "OperationOutcome"])
def test_types__not_of_the_statement__cannot_be_stored(fhir: Fhir, type: str) -> None:
    resource = {"resourceType": type, "id": "x"}
    entry = {"resource": resource, "request": {"method": "PUT", "url": f"{type}/x"}}

    assert [fhir.post(type, resource).status_code, fhir.put(f"{type}/x", resource).status_code] == [404, 404]
    assert fhir.transaction(entry).json["issue"][0]["details"]["coding"][0]["code"] == "core-type-unstored"


@pytest.mark.parametrize("type", TYPES)
def test_interactions__each_one_claimed__is_served(fhir: Fhir, type: str) -> None:
    claim = _claim(fhir, type)
    claimed = {i["code"] for i in claim["interaction"]}
    tried = dict(_tried(fhir, type))

    assert claimed == set(tried)
    assert {code: status for code, (status, expected) in tried.items() if status != expected} == {}


def _tried(fhir: Fhir, type: str) -> "list[tuple[str, tuple[int, int]]]":
    stored = _stored(fhir, type)
    path = f"{type}/{stored['id']}"
    patch = [{"op": "add", "path": "/language", "value": "fr"}]
    patched = fhir.call(
        "PATCH", path, json.dumps(patch).encode(), headers={"Content-Type": "application/json-patch+json"}
    )
    read = fhir.get(path)
    answers = [
        ("create", 201, 201),
        ("patch", patched.status_code, 200),
        ("read", read.status_code, 200),
        ("vread", fhir.get(f"{path}/_history/1").status_code, 200),
        ("update", fhir.put(path, {**read.json, "language": "en"}).status_code, 200),
        ("history-instance", fhir.get(f"{path}/_history").status_code, 200),
        ("history-type", fhir.get(f"{type}/_history").status_code, 200),
        ("search-type", fhir.get(f"{type}?_id={stored['id']}").status_code, 200),
        ("delete", fhir.delete(path).status_code, 204),
    ]
    assert fhir.get(path).status_code == 410
    return [(code, (status, expected)) for code, status, expected in answers]


@pytest.mark.parametrize("type", TYPES)
def test_conditions__each_one_claimed__holds(fhir: Fhir, type: str) -> None:
    claim = _claim(fhir, type)
    assert claim["versioning"] == "versioned-update"
    id = f"essai-{next(_NUMBERS)}"
    new = {**smallest(type), "id": id}

    answers = {
        "updateCreate": fhir.put(f"{type}/{id}", new),
        "conditionalCreate": fhir.post(type, smallest(type), headers={"If-None-Exist": f"_id={id}"}),
        "conditionalRead": fhir.get(f"{type}/{id}", headers={"If-None-Match": 'W/"1"'}),
        "versioning": fhir.put(f"{type}/{id}", {**new, "language": "fr"}, headers={"If-Match": 'W/"7"'}),
        "conditionalUpdate": fhir.put(f"{type}?_id={id}", {**new, "language": "fr"}),
        "conditionalDelete": fhir.delete(f"{type}?_id={id}"),
    }

    expected = {"updateCreate": 201, "conditionalCreate": 200, "conditionalRead": 304, "versioning": 412,
                "conditionalUpdate": 200, "conditionalDelete": 204}  # fmt: skip
    assert {name: answer.status_code for name, answer in answers.items()} == expected
    assert [claim[n] for n in ("updateCreate", "conditionalCreate", "conditionalUpdate", "readHistory")] == [True] * 4
    assert (claim["conditionalRead"], claim["conditionalDelete"]) == ("full-support", "single")


_BOOLEANS = frozenset({"abstract", "active", "actual", "deceased", "exclude", "experimental", "instance"})
_BOOLEANS_OF_OPERATIONS = frozenset({"system", "type"})
_SEARCHED = {
    "token": ("a", "urn:x|a", "|a"),
    "string": ("Élo",),
    "date": ("2026", "ge2026-01-01", "lt2026-01-01T10:00:00Z"),
    "number": ("1.5", "gt2"),
    "quantity": ("5.4", "le5.4|http://unitsofmeasure.org|mg"),
    "reference": ("Patient/1", "http://ailleurs.test/Patient/1"),
    "uri": ("urn:oid:1.2",),
}


def _values(fhir: Fhir, type: str | None, parameter: dict[str, Any]) -> tuple[str, ...]:
    if parameter["name"] in ("_id", "_list"):
        return ("a-1",)
    if parameter["name"] == "_filter":
        return ("_id eq a-1 or not (_tag eq urn:x|a)",)
    if parameter["name"] == "near":
        return ("48.85|2.35|10|km", "48.85|2.35|6|[mi_us]", "48.85|2.35")
    booleans = _BOOLEANS | (_BOOLEANS_OF_OPERATIONS if type == "OperationDefinition" else set())
    if parameter["type"] == "token" and parameter["name"] in booleans:
        return ("true", "|false")
    known = fhir.engine.registry.get(type, parameter["name"])
    if parameter["type"] == "reference" and known.target and "Patient" not in known.target:
        return tuple(v.replace("Patient", known.target[0]) for v in _SEARCHED["reference"])
    if parameter["type"] != "composite":
        return _SEARCHED[parameter["type"]]
    kinds = [fhir.engine.registry.by_url(c.definition).type for c in known.components]
    return ("$".join(_SEARCHED[k][0] for k in kinds),)


@pytest.mark.parametrize("type", [None, *TYPES])
def test_search_parameters__each_one_claimed__is_understood(fhir: Fhir, type: str | None) -> None:
    claim = _statement(fhir) if type is None else _claim(fhir, type)
    refused = {}
    for parameter in claim["searchParam"]:
        for value in _values(fhir, type, parameter):
            answer = fhir.get(type or "", query_string={parameter["name"]: value})
            if answer.status_code != 200:
                refused[parameter["name"], value] = answer.text
    for include in claim.get("searchInclude", ()):
        answer = fhir.get(str(type), query_string={"_include": include})
        if answer.status_code != 200:
            refused["_include", include] = answer.text

    assert refused == {}


def test_search_parameters__not_claimed__are_refused(fhir: Fhir) -> None:
    claimed = {p["name"] for p in _claim(fhir, "Location")["searchParam"]}

    for name in ("_query", "_containedType"):
        assert name not in claimed
        assert fhir.get(f"Location?{name}=x").status_code == 400


def test_system__each_interaction_claimed__is_served(fhir: Fhir) -> None:
    one = {"resource": smallest("Patient"), "request": {"method": "POST", "url": "Patient"}}
    answers = {
        "transaction": fhir.transaction(one),
        "batch": fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": [one]}),
        "search-system": fhir.get("?_type=Patient&_count=1"),
        "history-system": fhir.get("_history?_count=1"),
    }

    assert {i["code"] for i in _statement(fhir)["interaction"]} == set(answers)
    assert {code: a.status_code for code, a in answers.items()} == dict.fromkeys(answers, 200)


def _operations(fhir: Fhir) -> list[tuple[str, str, str]]:
    """Return the level, the type and the name of each operation claimed."""
    statement = _statement(fhir)
    found = [("system", "", o["name"]) for o in statement.get("operation", ())]
    for resource in statement["resource"]:
        for claimed in resource.get("operation", ()):
            definition = next(
                o.definition
                for o in fhir.engine.operations
                if o.definition["url"] == claimed["definition"] and o.definition["code"] == claimed["name"]
            )
            levels = [level for level in ("type", "instance") if definition.get(level)]
            assert levels, claimed
            found += [(level, resource["type"], claimed["name"]) for level in levels]
    return found


def test_operations__each_one_claimed__is_there(fhir: Fhir) -> None:
    """That each answers as documented: below for those of every type, in test_capability_operations.py for the others."""
    wrong = {}
    tried = _operations(fhir)
    stored: dict[str, str] = {}
    for level, type, name in tried:
        if level == "instance" and (type not in stored or name in ("erase", "purge")):
            stored[type] = _stored(fhir, type)["id"]
        path = {"system": "", "type": type, "instance": f"{type}/{stored.get(type)}"}[level]
        address = f"{path}/${name}".lstrip("/")
        answer = fhir.post(address, {"resourceType": "Parameters"})
        if answer.status_code == 405:
            answer = fhir.get(address)
        if name in ("erase", "purge"):
            del stored[type]
        ids = [i["details"]["coding"][0]["code"] for i in _issues(answer) if i.get("details", {}).get("coding")]
        # a 404 of its own says that what was asked for is not there, not that the operation is not; one without a reason is a hole
        no_such = answer.status_code == 405 or "core-operation-unknown" in ids or answer.status_code == 404 and not ids
        if no_such or answer.status_code >= 500:
            wrong[path, name] = (answer.status_code, answer.text[:300])

    assert len(tried) > 2
    assert wrong == {}


_OF_EVERY_TYPE = {"meta", "meta-add", "meta-delete", "validate", "erase", "graphql"}


@pytest.mark.parametrize("type", TYPES)
def test_operations_of_every_type__with_inputs__answer_as_documented(fhir: Fhir, type: str) -> None:
    assert {o["name"] for o in _claim(fhir, type)["operation"]} >= _OF_EVERY_TYPE
    path = f"{type}/{_stored(fhir, type)['id']}"
    tag = {"system": "urn:x", "code": "essai", "display": "Essai"}
    meta = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [tag]}}]}

    def of(answer: Any) -> Any:
        assert answer.status_code == 200, answer.text
        (returned,) = answer.json["parameter"]
        assert returned["name"] == "return"
        return returned["valueMeta"].get("tag", [])

    assert tag in of(fhir.post(f"{path}/$meta-add", meta))
    assert [tag in of(fhir.get(f"{place}$meta")) for place in (f"{path}/", f"{type}/", "")] == [True] * 3
    assert fhir.get(path).headers["ETag"] == 'W/"2"'
    assert tag not in of(fhir.post(f"{path}/$meta-delete", meta))

    changed = {**fhir.get(path).json, "language": "fr"}
    for address, inputs in (
        (
            f"{type}/$validate",
            [{"name": "resource", "resource": smallest(type)}, {"name": "mode", "valueCode": "create"}],
        ),
        (f"{path}/$validate", [{"name": "resource", "resource": changed}, {"name": "mode", "valueCode": "update"}]),
        (
            f"{path}/$validate",
            [
                {"name": "profile", "valueUri": f"http://hl7.org/fhir/StructureDefinition/{type}"},
                {"name": "mode", "valueCode": "profile"},
            ],
        ),
    ):
        outcome = fhir.post(address, {"resourceType": "Parameters", "parameter": inputs})
        assert (outcome.status_code, outcome.json["resourceType"]) == (200, "OperationOutcome"), outcome.text
        assert [i for i in outcome.json["issue"] if i["severity"] in ("error", "fatal")] == [], (address, inputs)

    asked = fhir.post(
        f"{path}/$graphql", {"query": "{ resourceType id }"}, headers={"Content-Type": "application/json"}
    )
    assert asked.json == {"data": {"resourceType": type, "id": path.partition("/")[2]}}, asked.text
    erased = fhir.post(f"{path}/$erase")
    assert (erased.status_code, erased.json["issue"][0]["details"]["coding"][0]["code"]) == (200, "core-erased")
    assert fhir.get(f"{path}/_history/1").status_code == 404


def _issues(answer: Any) -> list[dict[str, Any]]:
    body = answer.get_json(silent=True) or {}
    return list(body.get("issue", ())) if body.get("resourceType") == "OperationOutcome" else []


def test_formats__each_one_claimed__is_written_and_read(fhir: Fhir) -> None:
    claimed = fhir.get("metadata").json["format"]
    created = _stored(fhir, "Patient")

    for format in claimed:
        answer = fhir.get(f"Patient/{created['id']}", query_string={"_format": format})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].split(";")[0].endswith("xml" if "xml" in format else "json")
        media = format if "/" in format else f"application/fhir+{format}"
        again = fhir.put(f"Patient/{created['id']}", answer.data, headers={"Content-Type": media})
        assert (again.status_code, again.json) == (200, created)


def test_patch_formats__each_one_claimed__is_read(fhir: Fhir) -> None:
    operation = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "gender"},
        {"name": "value", "valueCode": "female"},
    ]
    bodies: dict[str, Any] = {
        "application/json-patch+json": [{"op": "add", "path": "/gender", "value": "female"}],
        "application/xml-patch+xml": '<diff xmlns="http://hl7.org/fhir"><add sel="Patient"><gender value="female"/></add></diff>',
        "application/fhir+json": {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": operation}],
        },
    }

    assert fhir.get("metadata").json["patchFormat"] == list(bodies)
    for media, body in bodies.items():
        id = _stored(fhir, "Patient")["id"]
        sent = (body if isinstance(body, str) else json.dumps(body)).encode()
        answer = fhir.call("PATCH", f"Patient/{id}", sent, headers={"Content-Type": media})
        assert (answer.status_code, answer.json.get("gender")) == (200, "female")

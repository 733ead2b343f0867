"""FHIR R4, operations.html#defined: each operation offered is declared, its declaration is readable and sound, and it holds."""

from typing import Any

import pytest

Fhir = Any
CLOSED = frozenset({"core-parameter-unknown", "core-erase-disabled", "core-not-found", "core-lastn-criteria"})
"""Refusals that come before the inputs are looked at: closed operations, absent targets; $lastn takes search criteria."""


def _definitions(fhir: Fhir) -> dict[str, dict[str, Any]]:
    return {o.definition["id"]: o.definition for o in fhir.engine.operations}


def test_definitions__ids__are_unique(fhir: Fhir) -> None:
    assert len(_definitions(fhir)) == len(fhir.engine.operations)


def test_definitions__each_operation__is_readable_and_valid_r4(fhir: Fhir) -> None:
    faults = {}
    for id in _definitions(fhir):
        answer = fhir.get(f"OperationDefinition/{id}")
        assert (answer.status_code, answer.json["id"]) == (200, id)
        remarks = fhir.post("OperationDefinition/$validate", answer.json).json["issue"]
        wrong = [r for r in remarks if r["severity"] in ("error", "fatal")]
        if wrong:
            faults[id] = wrong

    assert faults == {}


def test_definitions__what_the_statement_claims__leads_to_them(fhir: Fhir) -> None:
    urls = {fhir.get(f"OperationDefinition/{id}").json["url"] for id in _definitions(fhir)}
    rest = fhir.get("metadata").json["rest"][0]
    claimed = {o["definition"] for part in (rest, *rest["resource"]) for o in part.get("operation", ())}

    assert claimed == urls


@pytest.mark.parametrize("format", ["json", "xml"])
def test_definition__of_ours__tells_its_parameters(fhir: Fhir, format: str) -> None:
    answer = fhir.get(f"OperationDefinition/dui-dmp-submit?_format={format}")

    assert answer.status_code == 200
    assert "dmp-submit" in answer.text
    assert "ETag" not in answer.headers


def test_definition__stored_under_the_same_id__comes_first(fhir: Fhir) -> None:
    own = fhir.get("OperationDefinition/dui-sign").json | {"title": "Le nôtre"}
    assert fhir.put("OperationDefinition/dui-sign", own).status_code == 201

    assert fhir.get("OperationDefinition/dui-sign").json["title"] == "Le nôtre"


def test_definition__unknown__is_404(fhir: Fhir) -> None:
    assert fhir.get("OperationDefinition/dui-absent").status_code == 404


def _levels(definition: dict[str, Any]) -> list[str]:
    """Return one address per level at which an operation is offered."""
    code, type = definition["code"], (definition.get("resource") or ["Patient"])[0]
    type = "Basic" if type == "Resource" else type
    paths = {"system": f"${code}", "type": f"{type}/${code}", "instance": f"{type}/absent/${code}"}
    return [path for level, path in paths.items() if definition.get(level)]


def test_inputs__not_in_the_definition__are_refused_everywhere(fhir: Fhir) -> None:
    served = {}
    body = {"resourceType": "Parameters", "parameter": [{"name": "inconnu", "valueString": "x"}]}
    for definition in _definitions(fhir).values():
        for path in _levels(definition):
            answer = fhir.post(path, body)
            if answer.status_code == 405:
                answer = fhir.get(f"{path}?inconnu=x")
            if _codes(answer) & CLOSED:
                continue
            served[path] = (answer.status_code, answer.text[:200])

    assert served == {}


def _codes(answer: Any) -> set[str]:
    return {i["details"]["coding"][0]["code"] for i in answer.json.get("issue", ())}


def test_inputs__mandatory_and_missing__are_named_everywhere(fhir: Fhir) -> None:
    served = {}
    for definition in _definitions(fhir).values():
        needed = [p for p in definition.get("parameter", ()) if p["use"] == "in" and p["min"] > 0]
        for path in _levels(definition) if needed else ():
            answer = fhir.post(path, {"resourceType": "Parameters"})
            if answer.status_code == 405:
                answer = fhir.get(path)
            if answer.status_code not in (400, 404) or not _codes(answer):
                served[path] = (answer.status_code, answer.text[:200])

    assert served == {}

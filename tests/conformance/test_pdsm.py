"""ANS, volet « Partage de documents de santé en mobilité » (PDSm) 3.1.1, server side: search of DocumentReference and List,
conditional PATCH of a document's metadata. Source: guides/fr-fhir/pdsm.md; MHD 4.2 for creation, designationType, sourceId.
"""

import base64
import copy
import json
from typing import Any

import pytest

Fhir = Any
Resource = dict[str, Any]

SD = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
IHE = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
COMPREHENSIVE = SD + "pdsm-comprehensive-document-reference"
ARCHIVED = SD + "pdsm-ext-is-archived"
VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
MASKED = [{"coding": [{"system": VISIBILITY, "code": "MASQUE_PS"}]}]
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
UID = "urn:oid:1.2.250.1.999.1"


def _document(*profiles: str, archived: bool | None = None) -> Resource:
    made: Resource = {
        "resourceType": "DocumentReference",
        **({"meta": {"profile": list(profiles)}} if profiles else {}),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": UID},
        "status": "current",
        "description": "Compte rendu",
        "content": [{"attachment": {"contentType": "text/plain", "data": "AAAA", "creation": "2026-03-04T10:00:00Z"}}],
        "context": {"period": {"start": "2026-03-01", "end": "2026-03-03"}},
    }
    if archived is not None:
        made["extension"] = [{"url": ARCHIVED, "valueBoolean": archived}, {"url": "urn:x:y", "valueString": "z"}]
    return made


def _list(**more: Any) -> Resource:
    return {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "code": {
            "coding": [{"system": "http://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]
        },
        **more,
    }


def _fhirpath(*operations: dict[str, tuple[str, Any]]) -> Resource:
    made = [[{"name": name, key: value} for name, (key, value) in o.items()] for o in operations]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts} for parts in made]}


def _replace(path: str, **value: Any) -> dict[str, tuple[str, Any]]:
    ((key, content),) = value.items()
    return {
        "type": ("valueCode", "replace"),
        "path": ("valueString", path),
        "value": (key, content),
    }


def _ids(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


# ------------------------------------------------------------------------------------------------------------ PATCH


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/status", "value": "superseded"}],
        [{"op": "add", "path": "/securityLabel", "value": MASKED}],
        [{"op": "replace", "path": "/extension/0/valueBoolean", "value": True}],
        [{"op": "remove", "path": "/extension/0"}],
        [{"op": "test", "path": "/status", "value": "current"}, {"op": "replace", "path": "/status", "value": "superseded"}],
        [{"op": "replace", "path": "/description", "value": "Compte rendu"}],
    ],
    ids=["status", "securityLabel", "isArchived", "isArchived-removed", "test-of-another", "same-value"],
)  # fmt: skip
def test_json_patch__of_an_allowed_element__answers_the_new_version(fhir: Fhir, patch: Any) -> None:
    stored = fhir.create(_document(COMPREHENSIVE, archived=False))

    answer = fhir.call("PATCH", f"DocumentReference/{stored['id']}", json.dumps(patch).encode(), headers=JSON_PATCH)

    assert answer.status_code == 200, answer.text
    assert answer.json["resourceType"] == "DocumentReference"


@pytest.mark.parametrize(
    ("patch", "element"),
    [
        ({"op": "replace", "path": "/description", "value": "Autre"}, "description"),
        ({"op": "add", "path": "/docStatus", "value": "final"}, "docStatus"),
        ({"op": "replace", "path": "/content/0/attachment/data", "value": "AAAB"}, "content"),
        ({"op": "remove", "path": "/masterIdentifier"}, "masterIdentifier"),
        ({"op": "remove", "path": "/meta/profile"}, "meta"),
        ({"op": "replace", "path": "/extension/1/valueString", "value": "autre"}, "extension"),
        ({"op": "add", "path": "/extension/-", "value": {"url": "urn:x:z", "valueString": "z"}}, "extension"),
        ({"op": "add", "path": "/_description", "value": {"id": "a"}}, "_description"),
    ],
    ids=lambda v: v if isinstance(v, str) else v["op"],
)
@pytest.mark.parametrize("profile", [COMPREHENSIVE, COMPREHENSIVE + "|3.1.1", SD + "pdsm-simplified-publish"])
def test_json_patch__of_anything_else__is_405_and_changes_nothing(
    fhir: Fhir, patch: Any, element: str, profile: str
) -> None:
    stored = fhir.create(_document(profile, archived=False))
    body = json.dumps([{"op": "replace", "path": "/status", "value": "superseded"}, patch]).encode()

    answer = fhir.call("PATCH", f"DocumentReference/{stored['id']}", body, headers=JSON_PATCH)

    assert (answer.status_code, _ids(answer)) == (405, ["core-patch-profile"])
    assert answer.json["issue"][0]["expression"] == [f"DocumentReference.{element}"]
    assert "PATCH" in answer.headers["Allow"]
    assert fhir.get(f"DocumentReference/{stored['id']}").json == stored


def test_json_patch__of_a_document_without_the_profile__is_free(fhir: Fhir) -> None:
    stored = fhir.create(_document())
    body = json.dumps([{"op": "replace", "path": "/description", "value": "Autre"}]).encode()

    answer = fhir.call("PATCH", f"DocumentReference/{stored['id']}", body, headers=JSON_PATCH)

    assert answer.json["description"] == "Autre"


def test_fhirpath_patch__of_is_archived_by_its_url__is_applied(fhir: Fhir) -> None:
    stored = fhir.create(_document(COMPREHENSIVE, archived=False))
    patch = _fhirpath(_replace(f"DocumentReference.extension('{ARCHIVED}').value", valueBoolean=True))

    answer = fhir.call("PATCH", f"DocumentReference/{stored['id']}", patch)

    assert answer.status_code == 200, answer.text
    assert answer.json["extension"][0]["valueBoolean"] is True


def test_fhirpath_patch__of_anything_else__is_405(fhir: Fhir) -> None:
    stored = fhir.create(_document(COMPREHENSIVE))
    patch = _fhirpath(
        _replace("DocumentReference.status", valueCode="superseded"),
        _replace("DocumentReference.description", valueString="Autre"),
    )

    answer = fhir.call("PATCH", f"DocumentReference/{stored['id']}", patch)

    assert (answer.status_code, _ids(answer)) == (405, ["core-patch-profile"])
    assert fhir.get(f"DocumentReference/{stored['id']}").json == stored


def test_conditional_patch__by_the_master_identifier__is_served(fhir: Fhir) -> None:
    fhir.create(_document(COMPREHENSIVE))
    where = f"DocumentReference?identifier=urn:ietf:rfc:3986|{UID}"

    masked = fhir.call(
        "PATCH",
        where,
        json.dumps([{"op": "add", "path": "/securityLabel", "value": MASKED}]).encode(),
        headers=JSON_PATCH,
    )
    refused = fhir.call("PATCH", where, json.dumps([{"op": "remove", "path": "/context"}]).encode(), headers=JSON_PATCH)

    assert (masked.status_code, masked.json["securityLabel"], masked.json["meta"]["versionId"]) == (200, MASKED, "2")
    assert (refused.status_code, _ids(refused)) == (405, ["core-patch-profile"])


def test_patch_in_a_transaction__of_anything_else__stores_nothing(fhir: Fhir) -> None:
    stored = fhir.create(_document(COMPREHENSIVE))
    data = base64.b64encode(json.dumps([{"op": "remove", "path": "/context"}]).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}

    answer = fhir.transaction(
        {"request": {"method": "POST", "url": "Basic"}, "resource": {"resourceType": "Basic", "code": {"text": "x"}}},
        {"request": {"method": "PATCH", "url": f"DocumentReference/{stored['id']}"}, "resource": binary},
    )

    assert (answer.status_code, _ids(answer)) == (405, ["core-patch-profile"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1].resource.context"]
    assert fhir.count("Basic") == 0


def test_put__of_a_document_of_the_profile__is_not_limited(fhir: Fhir) -> None:
    stored = fhir.create(_document(COMPREHENSIVE))

    answer = fhir.put(f"DocumentReference/{stored['id']}", {**copy.deepcopy(stored), "description": "Autre"})

    assert answer.json["description"] == "Autre"


# ----------------------------------------------------------------------------------------------------------- search


def _found(fhir: Fhir, query: str) -> int:
    answer = fhir.get(f"{query}&_summary=count", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return int(answer.json["total"])


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("period-start=2026-03-01", 2), ("period-start=gt2026-03-01", 0), ("period-end=le2026-03-03", 2),
        ("isArchived=true", 1), ("isArchived=false", 0), ("isArchived:missing=true", 1),
        ("creation=2026-03-04", 2), ("creation=lt2026-03-04", 0), ("setting=x", 0), ("facility=x", 0), ("format=x", 0),
        ("event=x", 0), ("relatesto=DocumentReference/1", 0), ("security-label=x", 0), ("period=ge2026-03-02", 2),
        (f"identifier={UID}", 2), ("status=current", 2), ("author:Practitioner.family=x", 0), ("patient.identifier=x", 0),
    ],
)  # fmt: skip
def test_search__of_documents__knows_each_parameter_of_the_volet(fhir: Fhir, query: str, total: int) -> None:
    fhir.create(_document(COMPREHENSIVE))
    fhir.create(_document(COMPREHENSIVE, archived=True))

    assert _found(fhir, f"DocumentReference?{query}") == total


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("designationType=urn:x|04", 1), ("designationType=05", 0), ("sourceId=urn:oid:1.2.3", 1), ("sourceId=urn:oid:1", 0),
        ("isArchived=true", 1), ("isArchived=false", 0), ("title=Lot", 1), ("code=submissionset", 1), ("status=current", 2),
        ("source:Patient.family=x", 0), ("source:PractitionerRole.role=x", 0), ("date=2026", 0), ("identifier=x", 0),
        ("patient.identifier=x", 0),
    ],
)  # fmt: skip
def test_search__of_lists__knows_each_parameter_of_the_volet(fhir: Fhir, query: str, total: int) -> None:
    fhir.create(
        _list(
            title="Lot",
            extension=[
                {"url": IHE + "ihe-designationType", "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "04"}]}},
                {"url": IHE + "ihe-sourceId", "valueIdentifier": {"value": "urn:oid:1.2.3"}},
                {"url": ARCHIVED, "valueBoolean": True},
            ],
        )
    )  # fmt: skip
    fhir.create(_list(code={"text": "autre"}))

    assert _found(fhir, f"List?{query}") == total


def test_search__of_lists_by_author_organisation__is_found_and_included(fhir: Fhir) -> None:
    organization = fhir.create({"resourceType": "Organization", "name": "SSIAD"})
    reference = f"Organization/{organization['id']}"
    fhir.create(_list(extension=[{"url": IHE + "ihe-authorOrg", "valueReference": {"reference": reference}}]))

    answer = fhir.get(f"List?authorOrg={reference}&_include=List:authorOrg").json

    assert [e["resource"]["resourceType"] for e in answer["entry"]] == ["List", "Organization"]


@pytest.mark.parametrize(
    ("type", "canonical"),
    [
        ("DocumentReference", "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived"),
        ("DocumentReference", "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-DocumentReference-period-start"),
        ("DocumentReference", "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-DocumentReference-period-end"),
        ("DocumentReference", "https://profiles.ihe.net/ITI/MHD/SearchParameter/DocumentReference-Creation"),
        ("List", "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived"),
        ("List", "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-List-authorOrg"),
        ("List", "https://profiles.ihe.net/ITI/MHD/SearchParameter/List-DesignationType"),
        ("List", "https://profiles.ihe.net/ITI/MHD/SearchParameter/List-SourceId"),
    ],
)  # fmt: skip
def test_metadata__search_parameter_of_the_volet__is_declared(fhir: Fhir, type: str, canonical: str) -> None:
    resources = fhir.get("metadata").json["rest"][0]["resource"]

    (found,) = [r for r in resources if r["type"] == type]

    assert canonical in {p.get("definition") for p in found["searchParam"]}

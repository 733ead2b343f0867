"""FHIR R4, http.html#create, #update, #delete, #patch, #concurrency and their conditional forms."""

import gzip
import json
import threading
from typing import Any

import pytest

Fhir = Any
PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "1"}]}


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def test_create__client_id_and_version__are_replaced(fhir: Fhir) -> None:
    answer = fhir.post("Patient", {**PATIENT, "id": "mine", "meta": {"versionId": "7"}})

    assert answer.status_code == 201
    assert answer.json["id"] != "mine"
    assert answer.json["meta"]["versionId"] == "1"
    assert answer.headers["Location"] == f"{fhir.url}/Patient/{answer.json['id']}/_history/1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "core-body-missing"),
        (b"{", 400, "core-json-syntax"),
        (b'{"resourceType":"Patient",}', 400, "core-json-syntax"),
        (b"\xff\xfe", 400, "core-json-syntax"),
        (b'{"resourceType":"Patient","id":NaN}', 400, "core-json-syntax"),
        (b"[]", 400, "core-resource-expected"),
        (b"{}", 400, "core-resource-type"),
        (b'{"resourceType":"Patinet"}', 400, "core-resource-type"),
        (b'{"resourceType":7}', 400, "core-resource-type"),
        (b'{"resourceType":"Observation"}', 400, "core-resource-type-mismatch"),
        (b'{"resourceType":"Patient","resourceType":"Patient"}', 400, "core-json-duplicate-key"),
        (b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}', 400, "core-json-duplicate-key"),
        (b'{"resourceType":"Patient","id":"a b"}', 400, "core-id-invalid"),
        (b'{"resourceType":"Patient","meta":[]}', 400, "core-meta-invalid"),
        (b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}', 400, "core-json-control-character"),
        (b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 40 + b"[]" + b"}]" * 40 + b"}", 413, "core-json-too-deep"),
        (b"[" * 5000, 413, "core-json-too-deep"),
    ],
)  # fmt: skip
def test_create__unreadable_body__is_refused_with_a_stable_id(fhir: Fhir, body: bytes, status: int, code: str) -> None:
    answer = fhir.post("Patient", body)

    assert answer.status_code == status
    assert _codes(answer) == [code]
    assert fhir.count("Patient") == 0


def test_create__syntax_error__says_where(fhir: Fhir) -> None:
    answer = fhir.post("Patient", b'{\n  "resourceType": "Patient"\n  "id": 1}')

    assert "ligne 3" in answer.json["issue"][0]["details"]["text"]


def test_create__text_that_looks_like_a_repeated_key__is_kept(fhir: Fhir) -> None:
    tricky = {"resourceType": "Basic", "code": {"text": '":x", "a":"b'}, "language": ":"}

    assert fhir.create(tricky)["code"] == tricky["code"]


def test_create__depth_at_the_limit__is_accepted(fhir: Fhir) -> None:
    leaf = b'[{"url":"urn:x","valueString":"y"}]'
    body = b'{"resourceType":"Patient","extension":' + b'[{"url":"urn:x","extension":' * 30 + leaf + b"}]" * 30 + b"}"

    assert fhir.post("Patient", body).status_code == 201


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_create__other_media__is_415(fhir: Fhir, media: str) -> None:
    answer = fhir.post("Patient", b"x", headers={"Content-Type": media})

    assert answer.status_code == 415


def test_create__xml__is_read(fhir: Fhir) -> None:
    body = b'<Patient xmlns="http://hl7.org/fhir"><gender value="female"/></Patient>'

    answer = fhir.post("Patient", body, headers={"Content-Type": "application/fhir+xml"})

    assert (answer.status_code, answer.json["gender"]) == (201, "female")


def test_create__gzip__is_read_and_its_expansion_is_bounded(fhir: Fhir) -> None:
    small = gzip.compress(json.dumps(PATIENT).encode())
    bomb = gzip.compress(b" " * 60_000_000)
    headers = {"Content-Encoding": "gzip"}

    assert fhir.post("Patient", small, headers=headers).status_code == 201
    assert fhir.post("Patient", bomb, headers=headers).status_code == 413
    assert _codes(fhir.post("Patient", small[:-9], headers=headers)) == ["core-gzip"]


@pytest.mark.parametrize(
    ("wanted", "kind"), [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")]
)
def test_create__prefer_return__is_honoured(fhir: Fhir, wanted: str, kind: str | None) -> None:
    answer = fhir.post("Patient", PATIENT, headers={"Prefer": f"return={wanted}"})

    assert answer.status_code == 201
    assert (answer.json["resourceType"] if answer.data else None) == kind


def test_create__dangling_reference__is_stored_with_a_remark(fhir: Fhir) -> None:
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/absent"},
    }

    answer = fhir.post("Flag", flag, headers={"Prefer": "return=OperationOutcome"})

    assert answer.status_code == 201
    assert "core-dangling-reference" in answer.headers["X-Dui-Issues"]
    issue = next(i for i in answer.json["issue"] if i["details"]["coding"][0]["code"] == "core-dangling-reference")
    assert (issue["severity"], issue["expression"]) == ("warning", ["Flag.subject"])


def test_decimals__as_written__come_back_as_written(fhir: Fhir) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'

    created = fhir.post("Observation", body)

    assert b'"value":1.00}' in fhir.get(f"Observation/{created.json['id']}").data


# update


def test_update__new_id__creates_under_it(fhir: Fhir) -> None:
    answer = fhir.put("Patient/abc", {**PATIENT, "id": "abc"})

    assert (answer.status_code, answer.json["id"]) == (201, "abc")
    assert fhir.put("Patient/abc", {**PATIENT, "id": "abc", "gender": "male"}).status_code == 200


def test_update__same_content__makes_no_version(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)

    answer = fhir.put(f"Patient/{created['id']}", created)

    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')


def test_update__same_content_in_another_order__makes_no_version_and_keeps_the_first_bytes(fhir: Fhir) -> None:
    created = fhir.post("Observation", b'{"resourceType":"Observation","status":"final","code":{"text":"Poids"},'
                        b'"valueQuantity":{"value":1.00,"unit":"kg"},"effectiveDateTime":"2026"}')  # fmt: skip
    id, first = created.json["id"], created.data
    turned = (
        f'{{"effectiveDateTime":"2026","valueQuantity":{{"unit":"kg","value":1.00}},"code":{{"text":"Poids"}},'
        f'"id":"{id}","status":"final","resourceType":"Observation"}}'
    ).encode()

    answer = fhir.put(f"Observation/{id}", turned)

    assert (answer.status_code, answer.headers["ETag"], answer.data) == (200, 'W/"1"', first)
    assert fhir.get(f"Observation/{id}/_history").json["total"] == 1
    for changed in (turned.replace(b"1.00", b"1.0"), turned.replace(b'"2026"', b'"2026-01"')):
        before = fhir.get(f"Observation/{id}").headers["ETag"]
        assert fhir.put(f"Observation/{id}", changed).headers["ETag"] != before


def test_transaction__same_content_in_another_order__makes_no_version(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)
    turned = dict(reversed(created.items()))
    url = f"Patient/{created['id']}"

    answer = fhir.transaction({"resource": turned, "request": {"method": "PUT", "url": url}})

    assert answer.json["entry"][0]["response"]["etag"] == 'W/"1"'


@pytest.mark.parametrize("id", [None, "other"])
def test_update__body_without_the_id_of_the_url__is_400(fhir: Fhir, id: str | None) -> None:
    answer = fhir.put("Patient/abc", {**PATIENT, **({"id": id} if id else {})})

    assert (answer.status_code, _codes(answer)) == (400, ["core-id-mismatch"])


@pytest.mark.parametrize(("tag", "status"), [('W/"1"', 200), ('"1"', 200), ('W/"2"', 412), ("*", 200), ("abc", 400)])
def test_update__if_match__is_judged_on_the_current_version(fhir: Fhir, tag: str, status: int) -> None:
    created = fhir.create(PATIENT)

    answer = fhir.put(f"Patient/{created['id']}", {**created, "gender": "male"}, headers={"If-Match": tag})

    assert answer.status_code == status


@pytest.mark.parametrize("tag", ['W/"1"', "*"])
def test_update__if_match_on_nothing__is_412(fhir: Fhir, tag: str) -> None:
    assert fhir.put("Patient/abc", {**PATIENT, "id": "abc"}, headers={"If-Match": tag}).status_code == 412


def test_update__if_none_match_any__only_creates(fhir: Fhir) -> None:
    headers = {"If-None-Match": "*"}

    assert fhir.put("Patient/abc", {**PATIENT, "id": "abc"}, headers=headers).status_code == 201
    assert fhir.put("Patient/abc", {**PATIENT, "id": "abc"}, headers=headers).status_code == 412


def test_update__deleted_resource__comes_back(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)
    fhir.delete(f"Patient/{created['id']}")

    answer = fhir.put(f"Patient/{created['id']}", created)

    assert (answer.status_code, answer.headers["ETag"]) == (201, 'W/"3"')


def test_delete__twice__is_204_and_writes_one_version(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    assert [fhir.delete(f"Patient/{id}").status_code for _ in range(2)] == [204, 204]
    assert fhir.get(f"Patient/{id}/_history").json["total"] == 2
    assert fhir.delete("Patient/absent").status_code == 204


def test_delete__stale_if_match__is_412(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    assert fhir.delete(f"Patient/{id}", headers={"If-Match": 'W/"9"'}).status_code == 412
    assert fhir.get(f"Patient/{id}").status_code == 200


# conditional forms


def test_conditional_create__no_match_then_one_then_two(fhir: Fhir) -> None:
    headers = {"If-None-Exist": "identifier=urn:test|1"}
    first = fhir.post("Patient", PATIENT, headers=headers)
    second = fhir.post("Patient", PATIENT, headers=headers)
    fhir.create(PATIENT)
    third = fhir.post("Patient", PATIENT, headers=headers)

    assert [first.status_code, second.status_code, third.status_code] == [201, 200, 412]
    assert second.json["id"] == first.json["id"]
    assert _codes(third) == ["core-multiple-matches"]


@pytest.mark.parametrize("criteria", ["", "identifier=", "_format=json"])
def test_conditional_create__no_criteria__is_412(fhir: Fhir, criteria: str) -> None:
    assert fhir.post("Patient", PATIENT, headers={"If-None-Exist": criteria}).status_code == 412


def test_conditional_create__misspelt_criterion__is_400(fhir: Fhir) -> None:
    answer = fhir.post("Patient", PATIENT, headers={"If-None-Exist": "identifer=1", "Prefer": "handling=lenient"})

    assert answer.status_code == 400
    assert fhir.count("Patient") == 0


def test_conditional_create__thirty_two_at_once__make_one(fhir: Fhir) -> None:
    answers: list[tuple[int, str]] = []
    start = threading.Barrier(32)

    def create() -> None:
        start.wait()
        client = type(fhir)(fhir.client.application.test_client(), fhir.engine, fhir.tenant)
        answer = client.post("Patient", PATIENT, headers={"If-None-Exist": "identifier=urn:test|1"})
        answers.append((answer.status_code, answer.json["id"]))

    threads = [threading.Thread(target=create) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(status for status, _ in answers) == [200] * 31 + [201]
    assert len({id for _, id in answers}) == 1
    assert fhir.count("Patient") == 1


def test_conditional_update__none_one_several(fhir: Fhir) -> None:
    url = "Patient?identifier=urn:test|1"
    first = fhir.put(url, PATIENT)
    second = fhir.put(url, {**PATIENT, "gender": "male"})
    wrong = fhir.put(url, {**PATIENT, "id": "other"})
    fhir.create(PATIENT)

    assert [first.status_code, second.status_code] == [201, 200]
    assert second.json["id"] == first.json["id"]
    assert _codes(wrong) == ["core-id-mismatch"]
    assert fhir.put(url, PATIENT).status_code == 412


def test_conditional_update__no_match_with_an_id__creates_under_it(fhir: Fhir) -> None:
    assert fhir.put("Patient?identifier=urn:test|1", {**PATIENT, "id": "abc"}).json["id"] == "abc"


def test_conditional_delete__none_one_several(fhir: Fhir) -> None:
    url = "Patient?identifier=urn:test|1"
    fhir.create(PATIENT)

    assert [fhir.delete(url).status_code, fhir.delete(url).status_code] == [204, 204]
    assert fhir.count("Patient") == 0
    fhir.create(PATIENT)
    fhir.create(PATIENT)
    assert fhir.delete(url).status_code == 412


# patch


def test_patch__json_patch__changes_and_keeps_identity(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    headers = {"Content-Type": "application/json-patch+json"}

    answer = fhir.call("PATCH", f"Patient/{id}", [{"op": "add", "path": "/gender", "value": "male"}], headers=headers)
    forbidden = fhir.call("PATCH", f"Patient/{id}", [{"op": "replace", "path": "/id", "value": "x"}], headers=headers)

    assert (answer.status_code, answer.json["gender"], answer.headers["ETag"]) == (200, "male", 'W/"2"')
    assert _codes(forbidden) == ["core-patch-identity"]


def test_patch__fhirpath_patch__changes(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "birthDate"},
        {"name": "value", "valueDate": "1940-01-01"},
    ]

    answer = fhir.call(
        "PATCH", f"Patient/{id}", {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    )

    assert (answer.status_code, answer.json["birthDate"]) == (200, "1940-01-01")


def test_patch__nothing_there__is_404(fhir: Fhir) -> None:
    headers = {"Content-Type": "application/json-patch+json"}

    assert fhir.call("PATCH", "Patient/absent", [], headers=headers).status_code == 404
    assert fhir.call("PATCH", "Patient?identifier=none", [], headers=headers).status_code == 404


# concurrency


def test_update__many_clients_with_if_match__no_update_is_lost(fhir: Fhir) -> None:
    created = fhir.create({**PATIENT, "multipleBirthInteger": 0})
    done: list[int] = []

    def increment() -> None:
        client = type(fhir)(fhir.client.application.test_client(), fhir.engine, fhir.tenant)
        for _ in range(100):
            now = client.get(f"Patient/{created['id']}")
            changed = {**now.json, "multipleBirthInteger": now.json["multipleBirthInteger"] + 1}
            answer = client.put(f"Patient/{created['id']}", changed, headers={"If-Match": now.headers["ETag"]})
            if answer.status_code == 200:
                done.append(1)
                return
            assert answer.status_code == 412

    threads = [threading.Thread(target=increment) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fhir.get(f"Patient/{created['id']}").json["multipleBirthInteger"] == len(done) == 6


# the person's unique key


def _qualified(status: str = "VALI", kind: str = "INS-NIR") -> dict[str, Any]:
    core = "https://hl7.fr/ig/fhir/core"
    reliability = {
        "url": f"{core}/StructureDefinition/fr-core-identity-reliability",
        "extension": [
            {
                "url": "identityStatus",
                "valueCoding": {"system": f"{core}/CodeSystem/fr-core-cs-v2-0445", "code": status},
            }
        ],
    }
    identifier = {
        "use": "official",
        "type": {"coding": [{"system": f"{core}/CodeSystem/fr-core-cs-v2-0203", "code": kind}]},
        "system": "urn:oid:1.2.250.1.213.1.4.8",
        "value": "275126322074974",
    }
    town = {"system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM", "code": "63220"}
    code = {"url": f"{core}/StructureDefinition/fr-core-address-insee-code", "valueCoding": town}
    place = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
        "valueAddress": {"extension": [code]},
    }
    given_names = {"url": f"{core}/StructureDefinition/fr-core-patient-birth-list-given-name", "valueString": "ZOE"}
    return {
        "resourceType": "Patient",
        "extension": [reliability, place],
        "identifier": [identifier],
        "name": [{"use": "official", "family": "ADRUN", "given": ["ZOE"], "extension": [given_names]}],
        "gender": "female",
        "birthDate": "1975-12-31",
    }


def test_create__second_file_for_a_qualified_ins__is_409_and_says_nothing_of_the_first(fhir: Fhir) -> None:
    first = fhir.create(_qualified())

    answer = fhir.post("Patient", _qualified())

    assert (answer.status_code, _codes(answer)) == (409, ["COM-38"])
    assert first["id"] not in answer.text
    assert fhir.count("Patient") == 1


def test_create__same_number_without_qualification__is_accepted(fhir: Fhir) -> None:
    fhir.create(_qualified())

    number = {name: value for name, value in _qualified().items() if name != "extension"}
    provisional = _qualified("PROV")

    assert fhir.post("Patient", number).status_code == 201
    assert "COM-38" not in fhir.post("Patient", provisional).text


# conditional delete of several: http.html#2.22.0.13.1


def _several(fhir: Any, monkeypatch: Any, most: int = 1000) -> None:
    monkeypatch.setitem(fhir.engine.settings._values, "conditional_delete", "multiple")
    monkeypatch.setitem(fhir.engine.settings._values, "conditional_delete_max", most)
    for id, gender in (("a", "male"), ("b", "female"), ("c", "female")):
        fhir.put(f"Patient/{id}", {"resourceType": "Patient", "id": id, "gender": gender})


def test_conditional_delete__several_allowed__deletes_all_matches_and_says_how_many(fhir, monkeypatch) -> None:
    _several(fhir, monkeypatch)
    answer = fhir.delete("Patient?gender=female", headers={"Prefer": "return=OperationOutcome"})
    assert (answer.status_code, answer.json["issue"][0]["details"]["text"]) == (200, "2 ressource(s) supprimée(s).")
    assert [fhir.get(f"Patient/{id}").status_code for id in "abc"] == [200, 410, 410]
    assert fhir.delete("Patient?gender=female").status_code == 204


def test_conditional_delete__more_than_the_limit__deletes_none(fhir, monkeypatch) -> None:
    _several(fhir, monkeypatch, most=1)
    answer = fhir.delete("Patient?gender=female")
    assert (answer.status_code, _codes(answer)) == (412, ["core-multiple-matches"])
    assert fhir.count("Patient") == 3
    assert fhir.delete("Patient?gender=male").status_code == 204


def test_conditional_delete__several_allowed_without_criteria__deletes_none(fhir, monkeypatch) -> None:
    _several(fhir, monkeypatch)
    assert fhir.delete("Patient").status_code == 412
    assert fhir.count("Patient") == 3


def test_conditional_delete__several_allowed__statement_says_so(fhir, monkeypatch) -> None:
    assert {r["conditionalDelete"] for r in fhir.get("metadata").json["rest"][0]["resource"]} == {"single"}
    _several(fhir, monkeypatch)
    assert {r["conditionalDelete"] for r in fhir.get("metadata").json["rest"][0]["resource"]} == {"multiple"}


# 428: the version must be told (RFC 6585, section 3)


def test_change__without_if_match_where_it_is_required__is_428_and_changes_nothing(
    fhir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fhir.engine.settings._values, "if_match_required", True)
    created = fhir.create(PATIENT)
    path = f"Patient/{created['id']}"
    patch = b'[{"op":"add","path":"/active","value":true}]'
    entry = {"resource": created, "request": {"method": "PUT", "url": path}}

    answers = [
        fhir.put(path, {**created, "active": True}),
        fhir.delete(path),
        fhir.call("PATCH", path, patch, headers={"Content-Type": "application/json-patch+json"}),
        fhir.transaction(entry),
    ]
    assert [(a.status_code, _codes(a)) for a in answers] == [(428, ["core-if-match-required"])] * 4
    assert fhir.get(path).headers["ETag"] == 'W/"1"'
    assert fhir.put(path, {**created, "active": True}, headers={"If-Match": 'W/"1"'}).status_code == 200
    assert fhir.put("Patient/nouveau", {**PATIENT, "id": "nouveau"}).status_code == 201
    assert fhir.put("Patient?identifier=urn:test|9", {"resourceType": "Patient"}).status_code == 201


def test_create__one_qualified_ins_by_thirty_two_at_once__makes_one_file(fhir: Any) -> None:
    start, statuses = threading.Barrier(32), list[int]()

    def create() -> None:
        start.wait()
        client = type(fhir)(fhir.client.application.test_client(), fhir.engine, fhir.tenant)
        statuses.append(client.post("Patient", _qualified()).status_code)

    threads = [threading.Thread(target=create) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] + [409] * 31
    assert fhir.count("Patient") == 1

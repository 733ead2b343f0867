"""FHIR R4, http.html#read, #vread, #history and #mime-type."""

import base64
import json
import zlib
from typing import Any

import pytest

Fhir = Any
PATIENT = {"resourceType": "Patient", "name": [{"family": "Dubois", "given": ["Zoé"]}], "gender": "female"}


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def test_read__stored_resource__gives_etag_last_modified_and_the_content(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)

    answer = fhir.get(f"Patient/{created['id']}")

    assert answer.status_code == 200
    assert answer.json == created
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert answer.headers["Content-Type"].startswith("application/fhir+json")


def test_read__never_existed__is_404(fhir: Fhir) -> None:
    answer = fhir.get("Patient/absent")

    assert answer.status_code == 404
    assert _codes(answer) == ["core-not-found"]


def test_read__deleted__is_410_and_its_old_version_stays(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    fhir.delete(f"Patient/{id}")

    assert fhir.get(f"Patient/{id}").status_code == 410
    assert fhir.get(f"Patient/{id}/_history/1").status_code == 200
    assert fhir.get(f"Patient/{id}/_history/2").status_code == 410


def test_read__misspelt_type__names_the_nearest(fhir: Fhir) -> None:
    answer = fhir.get("Patinet/1")

    assert answer.status_code == 404
    assert "Patient" in answer.json["issue"][0]["details"]["text"]


@pytest.mark.parametrize("id", ["a_b", "x" * 65, "é"])
def test_read__id_that_cannot_be__is_400(fhir: Fhir, id: str) -> None:
    answer = fhir.get(f"Patient/{id}")

    assert answer.status_code == 400
    assert _codes(answer) == ["core-id-invalid"]


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', '"7", W/"1"', "*"])
def test_read__if_none_match_names_the_version__is_304_without_body(fhir: Fhir, tag: str) -> None:
    id = fhir.create(PATIENT)["id"]

    answer = fhir.get(f"Patient/{id}", headers={"If-None-Match": tag})

    assert answer.status_code == 304
    assert answer.data == b""


def test_read__if_none_match_names_another_version__is_200(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    assert fhir.get(f"Patient/{id}", headers={"If-None-Match": 'W/"2"'}).status_code == 200


def test_read__if_modified_since_its_own_date__is_304(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    modified = fhir.get(f"Patient/{id}").headers["Last-Modified"]

    assert fhir.get(f"Patient/{id}", headers={"If-Modified-Since": modified}).status_code == 304


def test_vread__no_such_version__is_404(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    assert [fhir.get(f"Patient/{id}/_history/{v}").status_code for v in ("2", "0", "x", "9" * 30)] == [404] * 4


def test_head__stored_resource__gives_headers_without_body(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    answer = fhir.call("HEAD", f"Patient/{id}")

    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (200, b"", 'W/"1"')


def test_read__elements__keeps_them_and_the_mandatory_ones_and_says_so(fhir: Fhir) -> None:
    id = fhir.create({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "y"})[
        "id"
    ]

    found = fhir.get(f"Observation/{id}?_elements=value").json

    assert set(found) == {"resourceType", "id", "meta", "status", "code"} or "valueString" in found
    assert found["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_read__summary_data__leaves_the_narrative_out(fhir: Fhir) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    id = fhir.create({**PATIENT, "text": text})["id"]

    assert "text" not in fhir.get(f"Patient/{id}?_summary=data").json
    assert "name" not in fhir.get(f"Patient/{id}?_summary=text").json


def test_read__pretty__is_indented(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]

    assert b'\n  "resourceType"' in fhir.get(f"Patient/{id}?_pretty=true").data


@pytest.mark.parametrize(
    ("headers", "query", "media"),
    [
        ({}, "", "application/fhir+json"),
        ({"Accept": "application/json"}, "", "application/fhir+json"),
        ({"Accept": "text/html, */*;q=0.1"}, "", "application/fhir+json"),
        ({"Accept": "application/fhir+xml"}, "", "application/fhir+xml"),
        ({"Accept": "application/fhir+xml;q=0.5, application/fhir+json"}, "", "application/fhir+json"),
        ({"Accept": "application/fhir+xml"}, "?_format=json", "application/fhir+json"),
        ({}, "?_format=application/fhir%2Bxml", "application/fhir+xml"),
        ({}, "?_format=application/fhir+json", "application/fhir+json"),
    ],
)
def test_read__format_asked__is_the_format_given(fhir: Fhir, headers: dict[str, str], query: str, media: str) -> None:
    id = fhir.create(PATIENT)["id"]

    answer = fhir.get(f"Patient/{id}{query}", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{media};charset=utf-8"


@pytest.mark.parametrize(("headers", "query"), [({"Accept": "text/turtle"}, ""), ({}, "?_format=ttl")])
def test_read__format_unknown__is_406_in_json(fhir: Fhir, headers: dict[str, str], query: str) -> None:
    answer = fhir.get(f"Patient/x{query}", headers=headers)

    assert answer.status_code == 406
    assert _codes(answer) == ["core-format-unsupported"]


def test_read__gzip_accepted__long_answers_are_compressed(fhir: Fhir) -> None:
    created = fhir.create({"resourceType": "Basic", "code": {"text": "long " * 1000}})

    answer = fhir.get(f"Basic/{created['id']}", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert json.loads(zlib.decompress(answer.data, 31)) == created


def test_read__binary_in_its_own_type__is_the_bytes(fhir: Fhir) -> None:
    data = b"%PDF-1.4 essai"
    created = fhir.create(
        {"resourceType": "Binary", "contentType": "application/pdf", "data": base64.b64encode(data).decode()}
    )

    native = fhir.get(f"Binary/{created['id']}", headers={"Accept": "application/pdf"})
    resource = fhir.get(f"Binary/{created['id']}", headers={"Accept": "application/fhir+json"})

    assert (native.data, native.headers["Content-Type"]) == (data, "application/pdf")
    assert native.headers["X-Content-Type-Options"] == "nosniff"
    assert resource.json == created


def test_history__three_versions__newest_first_with_what_made_them(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)
    fhir.put(f"Patient/{created['id']}", {**created, "gender": "male"})
    fhir.delete(f"Patient/{created['id']}")

    found = fhir.get(f"Patient/{created['id']}/_history").json

    assert found["type"] == "history"
    assert found["total"] == 3
    assert [e["request"]["method"] for e in found["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in found["entry"][0]
    assert found["entry"][2]["resource"] == created
    assert [e["response"]["etag"] for e in found["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']


@pytest.mark.parametrize("level", ["Patient/_history", "_history"])
def test_history__pages_while_others_write__repeat_and_miss_nothing(fhir: Fhir, level: str) -> None:
    ids = [fhir.create(PATIENT)["id"] for _ in range(5)]
    seen: list[str] = []
    url = f"{level}?_count=2"
    while url:
        page = fhir.get(url).json
        seen += [e["resource"]["id"] for e in page["entry"]]
        fhir.create(PATIENT)
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert seen == ids[::-1]


def test_history__since_the_future__is_empty_and_nonsense_is_refused(fhir: Fhir) -> None:
    fhir.create(PATIENT)

    assert "entry" not in fhir.get("_history?_since=2999-01-01").json
    assert fhir.get("_history?_since=hier").status_code == 400
    assert fhir.get("_history?nom=x").status_code == 400


def test_binary__written_in_its_own_type__is_read_back_byte_for_byte(fhir: Fhir) -> None:
    """binary.html#rest: what is not FHIR is the content itself; X-Security-Context says who may see it."""
    data = bytes(range(256))
    person = fhir.create({"resourceType": "Patient"})
    context = f"Patient/{person['id']}"

    made = fhir.post("Binary", data, headers={"Content-Type": "image/png", "X-Security-Context": context})
    path = f"Binary/{made.json['id']}"
    again = fhir.put(path, data[::-1], headers={"Content-Type": "application/octet-stream", "If-Match": 'W/"1"'})
    native = fhir.get(path, headers={"Accept": "application/octet-stream"})

    assert (made.status_code, made.json["contentType"]) == (201, "image/png")
    assert made.json["securityContext"] == {"reference": context}
    assert (again.status_code, native.data) == (200, data[::-1])
    first = fhir.get(f"{path}/_history/1", headers={"Accept": "image/png"})
    assert (first.data, first.headers["X-Security-Context"]) == (data, context)


def test_binary__empty_or_of_another_type__is_refused(fhir: Fhir) -> None:
    assert _codes(fhir.post("Binary", b"", headers={"Content-Type": "image/png"})) == ["core-body-missing"]
    assert fhir.post("Patient", b"x", headers={"Content-Type": "image/png"}).status_code == 415

"""FHIR R4, http.html#mime-type, xml.html: XML in and out; HEAD; compression both ways; ``Prefer``; conditional reads."""

import gzip
import json
from typing import Any

import pytest
from lxml import etree

Fhir = Any
FHIR = {"f": "http://hl7.org/fhir"}
XML = {"Accept": "application/fhir+xml"}
SENT_XML = {"Content-Type": "application/fhir+xml; charset=utf-8"}
PATIENT = {"resourceType": "Patient", "name": [{"family": "Dubois", "given": ["Zoé"]}], "gender": "female"}
WEIGHT = (
    b'{"resourceType":"Observation","status":"final","code":{"text":"Poids"},"effectiveDateTime":"2026-03",'
    b'"valueQuantity":{"value":61.500,"unit":"kg"}}'
)


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def _values(answer: Any, path: str) -> list[str]:
    return [str(v) for v in etree.fromstring(answer.data).xpath(path, namespaces=FHIR)]


# XML


def test_xml__written_then_read__is_what_json_says(fhir: Fhir) -> None:
    body = (
        '<Patient xmlns="http://hl7.org/fhir"><active value="true"/>'
        '<name><family value="Dubois"/><given value="Zoé"/></name><birthDate value="1936-06"/></Patient>'
    ).encode()

    created = fhir.post("Patient", body, headers={**SENT_XML, **XML})

    assert created.status_code == 201
    assert created.headers["Content-Type"] == "application/fhir+xml;charset=utf-8"
    id = created.headers["Location"].split("/_history")[0].rsplit("/", 1)[1]
    assert _values(created, "/f:Patient/f:id/@value") == [id]
    read = fhir.get(f"Patient/{id}").json
    assert read["name"] == [{"family": "Dubois", "given": ["Zoé"]}]
    assert (read["active"], read["birthDate"]) == (True, "1936-06")


def test_xml__decimals_and_partial_dates__keep_their_digits(fhir: Fhir) -> None:
    id = fhir.post("Observation", WEIGHT).json["id"]

    as_xml = fhir.get(f"Observation/{id}", headers=XML)
    again = fhir.put(f"Observation/{id}", as_xml.data, headers=SENT_XML)

    assert _values(as_xml, "//f:valueQuantity/f:value/@value") == ["61.500"]
    assert _values(as_xml, "//f:effectiveDateTime/@value") == ["2026-03"]
    assert again.status_code == 200
    assert b'"value":61.500' in fhir.get(f"Observation/{id}").data
    assert again.headers["ETag"] == 'W/"1"'  # nothing changed on the way


def test_xml__search__is_a_bundle_with_its_links_and_entries(fhir: Fhir) -> None:
    for _ in range(3):
        fhir.create(PATIENT)

    page = fhir.get("Patient?_count=2&_total=accurate&_format=xml")

    assert _values(page, "/f:Bundle/f:total/@value") == ["3"]
    assert _values(page, "//f:Patient/f:name/f:family/@value") == ["Dubois", "Dubois"]
    (following,) = _values(page, "//f:link[f:relation/@value='next']/f:url/@value")
    assert "_format=xml" in following
    assert _values(fhir.get(following), "//f:Patient/f:gender/@value") == ["female"]


def test_xml__history__is_a_bundle(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    fhir.delete(f"Patient/{id}")

    page = fhir.get(f"Patient/{id}/_history", headers=XML)

    assert _values(page, "//f:request/f:method/@value") == ["DELETE", "POST"]


def test_xml__transaction__is_read_and_answered(fhir: Fhir) -> None:
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/>'
        b'<entry><fullUrl value="urn:uuid:0d4a3f0e-6f2e-4d4b-8b7e-2f1f9a1c0001"/><resource>'
        b'<Patient><gender value="male"/></Patient>'
        b'</resource><request><method value="POST"/><url value="Patient"/></request></entry>'
        b'<entry><resource><Flag><status value="active"/><code><text value="x"/></code>'
        b'<subject><reference value="urn:uuid:0d4a3f0e-6f2e-4d4b-8b7e-2f1f9a1c0001"/></subject></Flag></resource>'
        b'<request><method value="POST"/><url value="Flag"/></request></entry></Bundle>'
    )

    answer = fhir.post("", body, headers={**SENT_XML, **XML})

    assert answer.status_code == 200
    assert _values(answer, "//f:response/f:status/@value") == ["201 Created", "201 Created"]
    (flag,) = fhir.get("Flag").json["entry"]
    assert flag["resource"]["subject"]["reference"].startswith("Patient/")


def test_xml__fhirpath_patch__is_read(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    parts = {"type": ("Code", "replace"), "path": ("String", "Patient.gender"), "value": ("Code", "other")}
    inner = "".join(f'<part><name value="{n}"/><value{t} value="{v}"/></part>' for n, (t, v) in parts.items())
    body = (
        f'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>{inner}</parameter></Parameters>'
    )

    answer = fhir.call("PATCH", f"Patient/{id}", body.encode(), headers={**SENT_XML, **XML})

    assert answer.status_code == 200, answer.text
    assert _values(answer, "/f:Patient/f:gender/@value") == ["other"]


def test_xml__errors__are_xml_too(fhir: Fhir) -> None:
    answer = fhir.get("Patient?naem=x", headers=XML)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert _values(answer, "/f:OperationOutcome/f:issue/f:details/f:coding/f:code/@value") == [
        "search-unknown-parameter"
    ]


def test_xml__metadata__is_the_statement(fhir: Fhir) -> None:
    answer = fhir.get("metadata?_format=xml")

    assert _values(answer, "/f:CapabilityStatement/f:fhirVersion/@value") == ["4.0.1"]


@pytest.mark.parametrize(
    "body",
    [
        b"<Patient",
        b"",
        b'<Patient xmlns="urn:autre"><active value="true"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><actif value="true"/></Patient>',
        b'<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/hostname">]><Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>',
        b'<!DOCTYPE p [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><Patient xmlns="http://hl7.org/fhir"><language value="&b;"/></Patient>',
        b'{"resourceType":"Patient"}',
    ],
)
def test_xml__not_a_resource_in_xml__is_400(fhir: Fhir, body: bytes) -> None:
    answer = fhir.post("Patient", body, headers=SENT_XML)

    assert answer.status_code == 400
    assert _codes(answer)[0] in ("core-xml-invalid", "core-body-missing")
    assert fhir.count("Patient") == 0


def test_xml__nested_too_deep__is_refused(fhir: Fhir) -> None:
    deep = b"<extension url='u'>" * 200 + b"<valueCode value='x'/>" + b"</extension>" * 200

    answer = fhir.post("Patient", b'<Patient xmlns="http://hl7.org/fhir">' + deep + b"</Patient>", headers=SENT_XML)

    assert answer.status_code in (400, 413)


def test_format__asked_in_the_form_of_a_search__is_the_format_given(fhir: Fhir) -> None:
    fhir.create(PATIENT)
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = fhir.post("Patient/_search", b"gender=female&_format=xml", headers=form)

    assert answer.status_code == 200
    assert _values(answer, "//f:Patient/f:gender/@value") == ["female"]


# HEAD


@pytest.mark.parametrize(
    "path", ["Patient/{id}", "Patient/{id}/_history/1", "Patient?gender=female", "Patient/absent", "_history"]
)
def test_head__any_read__has_the_headers_of_get_and_no_body(fhir: Fhir, path: str) -> None:
    path = path.format(id=fhir.create(PATIENT)["id"])

    read, head = fhir.get(path), fhir.call("HEAD", path)

    assert (head.status_code, head.data) == (read.status_code, b"")
    for name in ("Content-Type", "ETag", "Last-Modified", "Vary", "Content-Length"):
        assert head.headers.get(name) == read.headers.get(name), name


# compression


def test_gzip__body_sent_compressed__is_read(fhir: Fhir) -> None:
    body = gzip.compress(json.dumps(PATIENT).encode())

    answer = fhir.post("Patient", body, headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 201
    assert answer.json["name"] == PATIENT["name"]


def test_gzip__xml_both_ways__is_read_and_compressed(fhir: Fhir) -> None:
    text = "long " * 1000
    body = f'<Basic xmlns="http://hl7.org/fhir"><code><text value="{text.strip()}"/></code></Basic>'.encode()

    answer = fhir.post(
        "Basic",
        gzip.compress(body, mtime=0),
        headers={**SENT_XML, **XML, "Content-Encoding": "gzip", "Accept-Encoding": "gzip"},
    )

    assert answer.headers["Content-Encoding"] == "gzip"
    root = etree.fromstring(gzip.decompress(answer.data))
    assert root.xpath("/f:Basic/f:code/f:text/@value", namespaces=FHIR) == [text.strip()]


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, identity"])
def test_gzip__not_accepted__leaves_as_it_is(fhir: Fhir, accepted: str) -> None:
    id = fhir.create({"resourceType": "Basic", "code": {"text": "long " * 1000}})["id"]

    for path in (f"Basic/{id}", f"Basic?_id={id}"):
        answer = fhir.get(path, headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"not gzip", "gzip", 400, "core-gzip"),
        (gzip.compress(b'{"resourceType":"Patient"}', mtime=0)[:-6], "gzip", 400, "core-gzip"),
        (gzip.compress(b"0" * 60_000_000, compresslevel=1), "gzip", 413, "core-body-too-large"),
        (b"x", "br", 415, "core-encoding"),
    ],
)
def test_gzip__broken_endless_or_another_encoding__is_refused(
    fhir: Fhir, body: bytes, encoding: str, status: int, code: str
) -> None:
    answer = fhir.post("Patient", body, headers={"Content-Encoding": encoding})

    assert (answer.status_code, _codes(answer)) == (status, [code])


# Prefer


@pytest.mark.parametrize(
    ("prefer", "type"),
    [
        (None, "Patient"),
        ("return=representation", "Patient"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=lenient, return=minimal", None),
        ("return=autre", "Patient"),
    ],
)
def test_prefer__return__gives_what_is_preferred_after_each_write(
    fhir: Fhir, prefer: str | None, type: str | None
) -> None:
    headers = {"Prefer": prefer} if prefer else {}
    created = fhir.post("Patient", PATIENT, headers=headers)
    path = created.headers["Location"].split("/_history")[0]
    patch = json.dumps([{"op": "replace", "path": "/gender", "value": "other"}]).encode()

    answers = [
        created,
        fhir.put(path, {**PATIENT, "id": path.rsplit("/", 1)[1], "gender": "male"}, headers=headers),
        fhir.call("PATCH", path, patch, headers={**headers, "Content-Type": "application/json-patch+json"}),
    ]

    assert [a.status_code for a in answers] == [201, 200, 200]
    assert [a.headers["ETag"] for a in answers] == ['W/"1"', 'W/"2"', 'W/"3"']
    for answer in answers:
        assert (answer.json["resourceType"] if answer.data else None) == type


def test_prefer__handling__is_strict_unless_lenient_is_asked(fhir: Fhir) -> None:
    fhir.create(PATIENT)

    assert fhir.get("Patient?naem=x").status_code == 400
    assert fhir.get("Patient?naem=x", headers={"Prefer": "handling=strict"}).status_code == 400
    lenient = fhir.get("Patient?naem=x", headers={"Prefer": "handling=lenient"})
    assert lenient.status_code == 200
    assert lenient.json["entry"][-1]["search"]["mode"] == "outcome"


# conditional reads


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_conditional_read__version_held__is_304_with_its_tag(fhir: Fhir, method: str, accept: str) -> None:
    id = fhir.create(PATIENT)["id"]

    answer = fhir.call(method, f"Patient/{id}", headers={"Accept": accept, "If-None-Match": 'W/"1"'})

    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", 'W/"1"')


def test_conditional_read__changed_since__is_200(fhir: Fhir) -> None:
    created = fhir.create(PATIENT)
    path = f"Patient/{created['id']}"
    fhir.put(path, {**created, "gender": "male"})

    assert fhir.get(path, headers={"If-None-Match": 'W/"1"'}).status_code == 200
    assert fhir.get(path, headers={"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}).status_code == 200
    assert fhir.get(path, headers={"If-Modified-Since": "hier"}).status_code == 200


def test_conditional_read__both_conditions__the_tag_decides(fhir: Fhir) -> None:
    """RFC 9110, 13.1.3: with If-None-Match, If-Modified-Since is ignored."""
    path = f"Patient/{fhir.create(PATIENT)['id']}"
    modified = fhir.get(path).headers["Last-Modified"]

    answer = fhir.get(path, headers={"If-None-Match": 'W/"9"', "If-Modified-Since": modified})

    assert answer.status_code == 200


def test_conditional_read__deleted_or_absent__is_still_410_or_404(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    fhir.delete(f"Patient/{id}")

    assert fhir.get(f"Patient/{id}", headers={"If-None-Match": 'W/"2"'}).status_code == 410
    assert fhir.get("Patient/absent", headers={"If-None-Match": "*"}).status_code == 404


# versions of FHIR: http.html#version-parameter


@pytest.mark.parametrize("version", ["4.0", '"4.0"', "4.0.1"])
def test_fhir_version__of_this_server__is_served(fhir: Fhir, version: str) -> None:
    media = f"application/fhir+json; fhirVersion={version}"
    created = fhir.post("Patient", {"resourceType": "Patient"}, headers={"Content-Type": media, "Accept": media})

    assert created.status_code == 201
    assert fhir.get(f"Patient/{created.json['id']}", headers={"Accept": media}).status_code == 200


def test_fhir_version__of_another_release__is_415_or_406(fhir: Fhir) -> None:
    older = "application/fhir+json; fhirVersion=3.0"
    sent = fhir.post("Patient", {"resourceType": "Patient"}, headers={"Content-Type": older})
    id = fhir.create({"resourceType": "Patient"})["id"]

    assert (sent.status_code, _codes(sent)) == (415, ["core-fhir-version"])
    assert fhir.get(f"Patient/{id}", headers={"Accept": older}).status_code == 406
    both = fhir.get(f"Patient/{id}", headers={"Accept": f"{older}, application/fhir+xml;q=0.5"})
    assert (both.status_code, both.headers["Content-Type"].split(";")[0]) == (200, "application/fhir+xml")

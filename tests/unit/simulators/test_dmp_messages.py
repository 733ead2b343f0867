"""The message around the content: MTOM, SOAP 1.2, WS-Addressing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.simulators import mtom
from dui_fhir.simulators.dmp.app import BASE

PACKAGE_FAULTS = [
    ("no final boundary", {"package": [("\r\n--b0--\r\n", "")]}),
    ("line feeds alone", {"package": [("\r\n", "\n")]}),
    ("after the end", {"package": [("--b0--\r\n", "--b0--\r\nplus")]}),
    ("base64 transfer", {"package": [("binary\r\nContent-ID: <doc1", "base64\r\nContent-ID: <doc1")]}),
    ("root type", {"package": [('application/xop+xml; charset=UTF-8; type="application/soap+xml"', "text/xml")]}),
    ("SOAP 1.1 root", {"package": [('type="application/soap+xml"', 'type="text/xml"')]}),
    ("same content id", {"package": [("<doc1@essai>", "<root@essai>")]}),
    ("content id without brackets", {"package": [("<doc1@essai>", "doc1@essai")]}),
    ("cid of nothing", {"envelope": [("cid:doc1%40essai", "cid:doc2%40essai")]}),
    ("not a cid", {"envelope": [("cid:doc1%40essai", "http://example/doc1")]}),
    ("text beside the include", {"envelope": [("</xdsb:Document>", "QUJD</xdsb:Document>")]}),
    ("start of nothing", {"content_type": [("root@essai", "other@essai")]}),
    ("no start-info", {"content_type": [('start-info="application/soap+xml"; ', "")]}),
    ("no boundary", {"content_type": [("; boundary=b0", "")]}),
    ("type", {"content_type": [('type="application/xop+xml"', 'type="text/xml"')]}),
    ("form", {"content_type": [("multipart/related", "multipart/form-data")]}),
]  # fmt: skip


@pytest.mark.parametrize("changes", [pytest.param(c, id=n) for n, c in PACKAGE_FAULTS])
def test_package__broken__is_a_fault(dmp, changes):
    assert dmp.provide(**changes) == "SIM-MTOM"
    assert dmp.received() == []


def test_package__document_inline_in_base64__leaves_its_part_unused(dmp):
    include = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:doc1%40essai"/>'

    assert dmp.provide(envelope=[(include, "QUJD")]) == "SIM-MTOM"


def test_package__action_of_another_service__is_a_fault(dmp):
    changes = [("start-info", 'action="urn:autre"; start-info')]

    assert dmp.provide(content_type=changes) == "SIM-ACTION"


@given(
    parts=st.dictionaries(
        st.from_regex(r"[a-z0-9.]{1,12}@[a-z]{1,6}", fullmatch=True), st.binary(max_size=200), max_size=4
    )
)
def test_package__written__reads_back(parts):
    written = {name: mtom.Part(content_type="text/xml", body=body) for name, body in parts.items()}

    read = mtom.read(*mtom.write(b"<envelope/>", written))

    assert read.envelope == b"<envelope/>"
    assert {name: part.body for name, part in read.parts.items()} == parts


@given(body=st.binary(max_size=300))
def test_package__any_bytes__is_refused_or_read(body):
    content_type = (
        'multipart/related; type="application/xop+xml"; start="<a>"; start-info="application/soap+xml"; boundary=b'
    )

    with pytest.raises(mtom.MalformedPackage):
        mtom.read(content_type, b"--b" + body)


ENVELOPE_FAULTS = [
    ("SOAP 1.1", ("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"), "SIM-ENVELOPPE"),
    ("action", ("ProvideAndRegisterDocumentSet-b</wsa", "ProvideAndRegisterDocumentSet</wsa"), "SIM-WSA"),
    ("action not marked", ('<wsa:Action soap:mustUnderstand="1">', "<wsa:Action>"), "SIM-WSA"),
    ("two actions", ("<wsa:To>", "<wsa:Action>x</wsa:Action><wsa:To>"), "SIM-WSA"),
    ("no message id", ("wsa:MessageID>", "wsa:MessageId>"), "SIM-WSA"),
    ("message id not a URI", ("urn:uuid:", ""), "SIM-WSA"),
    ("no To", ("wsa:To>", "wsa:From>"), "SIM-WSA"),
    ("reply elsewhere", ("addressing/anonymous", "addressing/none"), "SIM-WSA"),
    ("unknown header", ("<wsa:To>", '<x:y xmlns:x="urn:x" soap:mustUnderstand="true"/><wsa:To>'), "SIM-MUSTUNDERSTAND"),
    ("two bodies", ("</soap:Body>", "<a/></soap:Body>"), "SIM-CORPS"),
    ("unknown body", ("xdsb:ProvideAndRegisterDocumentSetRequest", "xdsb:Autre"), "SIM-OPERATION"),
    ("not XML", ("</soap:Envelope>", ""), "SIM-XML"),
    ("doctype", ("<soap:Envelope", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><soap:Envelope'), "SIM-XML"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [pytest.param(c, e, id=n) for n, c, e in ENVELOPE_FAULTS])
def test_envelope__wrong__is_a_fault(dmp, change, code):
    assert dmp.provide(envelope=[change]) == code


def test_envelope__soap_1_1__is_a_version_mismatch(dmp):
    change = ("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
    response = dmp.provide_response(envelope=[change])

    assert (response.status_code, b"VersionMismatch" in response.data) == (400, True)


def test_fault__of_addressing__names_subcode_and_request(dmp):
    response = dmp.provide_response(envelope=[("ProvideAndRegisterDocumentSet-b</wsa", "Autre</wsa")])

    assert response.status_code == 400
    assert response.mimetype == "application/soap+xml"
    assert b"sub:ActionMismatch" in response.data


def test_service__plain_soap_to_the_repository__is_415(dmp):
    response = dmp.post(b"<a/>", "repository")

    assert (response.status_code, b"SIM-MTOM" in response.data) == (415, True)


def test_service__text_xml_to_the_registry__is_415(dmp):
    response = dmp.client.post(f"{BASE}/registry", data=b"<a/>", content_type="text/xml")

    assert (response.status_code, b"SIM-SOAP" in response.data) == (415, True)


def test_service__body_over_the_limit__is_413(make_dmp):
    assert make_dmp(request_bytes_max=1000).provide_response().status_code == 413


def test_service__get__is_not_allowed(dmp):
    assert dmp.client.get(f"{BASE}/repository").status_code == 405

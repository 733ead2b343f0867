"""MTOM/XOP: what we pack, a parser of others unpacks; what others send, we read or refuse."""

from email import message_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.connectors.dmp import mtom
from dui_fhir.connectors.markup import NotXml, parse

ENVELOPE = b"<soap/>"
ACTION = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"


def _unpacked(message):
    return message_from_bytes(
        b"MIME-Version: 1.0\r\nContent-Type: " + message.content_type.encode() + b"\r\n\r\n" + message.body
    )


@given(st.lists(st.binary(max_size=400), max_size=3))
@settings(deadline=None)
def test_package__any_bytes__round_trip(contents):
    parts = [mtom.Part(content_id=f"d{i}@x", data=data) for i, data in enumerate(contents)]
    packed = mtom.package(ENVELOPE, parts, ACTION)
    boundary = packed.content_type.split('boundary="')[1].split('"')[0].encode()
    pieces = packed.body.split(b"--" + boundary)
    bodies = [p.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for p in pieces[1:-1]]
    assert bodies == [ENVELOPE, *contents]
    assert pieces[-1] == b"--\r\n"


def test_package__headers__as_xop_asks():
    packed = mtom.package(ENVELOPE, [mtom.Part(content_id="d@x", data="<é/>".encode())], ACTION)
    message = _unpacked(packed)
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/xop+xml"
    assert message.get_param("start-info") == "application/soap+xml"
    root, document = message.get_payload()
    assert root["Content-ID"] == message.get_param("start") == "<root@dui-fhir>"
    assert root.get_content_type() == "application/xop+xml"
    assert root.get_param("type") == "application/soap+xml"
    assert document.get_payload(decode=True) == "<é/>".encode()
    assert document["Content-Transfer-Encoding"] == "binary"


def test_package__boundary_inside_a_document__another_boundary():
    packed = mtom.package(ENVELOPE, [mtom.Part(content_id="d@x", data=b"--dui-fhir-mtom--")], ACTION)
    assert 'boundary="dui-fhir-mtom-1"' in packed.content_type


def test_soap_part__plain_or_multipart__the_envelope():
    assert mtom.soap_part("application/soap+xml; charset=UTF-8", ENVELOPE) == ENVELOPE
    packed = mtom.package(ENVELOPE, [], ACTION)
    assert mtom.soap_part(packed.content_type, packed.body).strip() == ENVELOPE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html/>"),
        ("", b""),
        ("multipart/related", b"--x"),
        ('multipart/related; boundary="x"; start="<other>"', b"--x\r\nContent-ID: <a>\r\n\r\n<soap/>\r\n--x--\r\n"),
        ('multipart/related; boundary="x"', b"--x\r\nContent-ID: <a>\r\n\r\n<so"),
    ],
)
def test_soap_part__no_soap_there__refused(content_type, body):
    with pytest.raises(mtom.NotMtom):
        mtom.soap_part(content_type, body)


@pytest.mark.parametrize(
    "data",
    [b"", b"<a", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', b"<a/>" + b" " * 5_000_001],
)
def test_parse__hostile_or_broken__refused(data):
    with pytest.raises(NotXml):
        parse(data)

"""XML Patch (RFC 5261), with the official cases where ../shared is here."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dui_fhir.definitions import xml
from dui_fhir.definitions.xml_patch import patched
from dui_fhir.domain.errors import BadRequest, DuiError, Unprocessable
from dui_fhir.service.patching import xml_patch

CASES = Path(__file__).parents[3] / "../shared/reference/fhir-test-cases/patch/xml-patch-tests.xml"
UNSERVED = frozenset({
    "A.3.  Adding a Prefixed Namespace Declaration",
    "A.8.  Replacing a Namespace Declaration URI",
    "A.14.  Removing a Prefixed Namespace Declaration",
})  # fmt: skip
"""Namespace declarations are not patched: they must be refused, which the test checks."""

PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "active": True,
    "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
    "name": [{"family": "Dubois", "given": ["Éloïse", "Anne"]}],
    "multipleBirthInteger": 2,
}


def _cases() -> list[Any]:
    return list(etree.parse(CASES).getroot().iter("case")) if CASES.exists() else []


def _canonical(element: Any) -> bytes:
    text = etree.tostring(element, with_tail=False)
    root = etree.fromstring(text)
    for node in root.iter():  # between elements, white space says nothing
        node.text, node.tail = (part if part and part.strip() else None for part in (node.text, node.tail))
    return bytes(etree.tostring(root, method="c14n"))


@pytest.mark.skipif(not CASES.exists(), reason="official patch cases (../shared) are not here")
@pytest.mark.parametrize("case", _cases(), ids=lambda c: c.get("name"))
def test_xml_patch__official_case__gives_the_expected_document_or_error(case: Any) -> None:
    target, diff = case.find("target"), case.find("{http://hl7.org/fhir}patch")
    if len(target) == 0:
        pytest.skip("a resource always has a root")
    if case.find("error") is not None or case.get("name") in UNSERVED:
        with pytest.raises(DuiError):
            patched(target[0], diff)
        return
    expected = next(iter(case.find("patched")))
    assert _canonical(patched(target[0], diff)) == _canonical(expected)


def _patch(*operations: str) -> dict[str, Any]:
    diff = f'<diff xmlns="http://hl7.org/fhir">{"".join(operations)}</diff>'
    return xml_patch.apply(PATIENT, diff.encode(), depth_max=64)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ('<replace sel="Patient/active/@value">false</replace>', {"active": False}),
        ('<replace sel="/f:Patient/f:multipleBirthInteger/@value">3</replace>', {"multipleBirthInteger": 3}),
        ('<add sel="Patient"><birthDate value="1938-05"/></add>', {"birthDate": "1938-05"}),
        ('<add sel="Patient/name/given[1]" pos="after"><given value="Zoé"/></add>',
         {"name": [{"family": "Dubois", "given": ["Éloïse", "Zoé", "Anne"]}]}),
        ('<add sel="Patient/name" pos="prepend"><given value="Zoé"/></add>',
         {"name": [{"family": "Dubois", "given": ["Zoé", "Éloïse", "Anne"]}]}),
        ("<remove sel=\"Patient/identifier[system/@value='urn:a']\"/>", {"identifier": [PATIENT["identifier"][1]]}),
        ('<replace sel="*/identifier[2]"><identifier><value value="9"/></identifier></replace>',
         {"identifier": [PATIENT["identifier"][0], {"value": "9"}]}),
        ('<add sel="Patient/name" type="@id">n1</add>',
         {"name": [{"id": "n1", "family": "Dubois", "given": ["Éloïse", "Anne"]}]}),
    ],
)  # fmt: skip
def test_xml_patch__one_operation__changes_that_and_nothing_else(operation: str, expected: dict[str, Any]) -> None:
    before = dict(PATIENT)

    assert _patch(operation) == {**PATIENT, **expected}
    assert before == PATIENT


def test_xml_patch__several_operations__apply_one_after_the_other() -> None:
    found = _patch(
        '<remove sel="Patient/identifier[1]"/>', '<replace sel="Patient/identifier/value/@value">7</replace>'
    )

    assert found["identifier"] == [{"system": "urn:b", "value": "7"}]


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ('<replace sel="Patient/absent/@value">x</replace>', 422),
        ('<remove sel="Patient/identifier"/>', 422),
        ('<remove sel="Patient"/>', 422),
        ('<replace sel="Patient"><Task/></replace>', 422),
        ('<add sel="Patient"><unknown value="1"/></add>', 422),
        ('<add sel="Patient/active/@value">x</add>', 422),
        ('<add sel="Patient" type="namespace::p">urn:x</add>', 422),
        ('<replace sel="Patient/active/@value">peut-être</replace>', 422),
        ('<remove sel="//*"/>', 400),
        ('<remove sel="Patient/identifier[position()=1]"/>', 400),
        ("<remove sel=\"document('file:///etc/passwd')\"/>", 400),
        ('<remove sel="Patient/x:identifier"/>', 400),
        ("<remove/>", 400),
        ("<explode sel='Patient'/>", 400),
        ("", 400),
    ],
)
def test_xml_patch__what_cannot_be__is_refused(operation: str, status: int) -> None:
    with pytest.raises(DuiError) as refused:
        _patch(operation)

    assert refused.value.status == status


def test_xml_patch__entity_or_dtd__is_refused() -> None:
    diff = b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><diff><add sel="a">&e;</add></diff>'

    with pytest.raises(DuiError) as refused:
        xml_patch.apply(PATIENT, diff, depth_max=64)
    assert refused.value.issues[0].id == "core-xml-invalid"


@given(st.text(alphabet="f:Patient/name[]@='\"1*().x ", max_size=30))
def test_xml_patch__any_selector__gives_a_resource_or_a_known_error(selector: str) -> None:
    operation = etree.Element("remove", sel=selector)
    diff = etree.Element("{http://hl7.org/fhir}diff")
    diff.append(operation)
    with contextlib.suppress(BadRequest, Unprocessable):
        assert etree.iselement(patched(xml.to_tree(PATIENT), diff))

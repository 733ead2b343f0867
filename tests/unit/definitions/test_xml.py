"""definitions/xml.py: the same resource in both formats (FHIR R4, xml.html, json.html)."""

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from dui_fhir.definitions.xml import from_xml, to_xml
from dui_fhir.domain import json
from dui_fhir.domain.errors import BadRequest

SHARED = Path(__file__).parents[3] / "../shared/reference"
EXAMPLES = sorted((SHARED / "fhir").rglob("examples/*.json"))

PATIENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <!-- a comment is dropped -->
  <id value="a"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><b>N</b>om</div></text>
  <contained><Organization><id value="o"/><name value="\xc3\x89t\xc3\xa9"/></Organization></contained>
  <extension url="urn:x"><valueDecimal value="1.00"/></extension>
  <active value="true"/>
  <name id="n"><given value="A"/>
  <given><extension url="urn:y"><valueBoolean value="false"/></extension></given><given value="B"/></name>
  <birthDate value="1970-01"><extension url="urn:z"><valuePositiveInt value="2"/></extension></birthDate>
  <multipleBirthInteger value="2"/>
</Patient>"""


def test_from_xml__each_construct_of_the_format__is_the_json_of_the_specification() -> None:
    patient = from_xml(PATIENT)

    assert patient == {
        "resourceType": "Patient",
        "id": "a",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>N</b>om</div>'},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Été"}],
        "extension": [{"url": "urn:x", "valueDecimal": 1.0}],
        "active": True,
        "name": [
            {
                "id": "n",
                "given": ["A", None, "B"],
                "_given": [None, {"extension": [{"url": "urn:y", "valueBoolean": False}]}, None],
            }
        ],
        "birthDate": "1970-01",
        "_birthDate": {"extension": [{"url": "urn:z", "valuePositiveInt": 2}]},
        "multipleBirthInteger": 2,
    }
    assert patient["extension"][0]["valueDecimal"].text == "1.00"


def test_to_xml__what_was_read__reads_back_equal() -> None:
    patient = from_xml(PATIENT)

    assert json.dumps(from_xml(to_xml(patient))) == json.dumps(patient)


def test_to_xml__unknown_element__raises_value_error() -> None:
    with pytest.raises(ValueError, match="colour"):
        to_xml({"resourceType": "Patient", "colour": "red"})


def test_to_xml__narrative_that_is_no_xml__raises_value_error() -> None:
    with pytest.raises(ValueError, match="narrative"):
        to_xml({"resourceType": "Patient", "text": {"status": "generated", "div": "<div><p></div>"}})


BAD = {
    "empty": b"",
    "not xml": b"{}",
    "entity": b'<!DOCTYPE Patient [<!ENTITY e "x">]><Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>',
    "external": b'<!DOCTYPE Patient SYSTEM "http://127.0.0.1/x"><Patient xmlns="http://hl7.org/fhir"/>',
    "namespace": b"<Patient/>",
    "type": b'<Patinet xmlns="http://hl7.org/fhir"/>',
    "element": b'<Patient xmlns="http://hl7.org/fhir"><colour value="red"/></Patient>',
    "attribute": b'<Patient xmlns="http://hl7.org/fhir"><active colour="red" value="true"/></Patient>',
    "boolean": b'<Patient xmlns="http://hl7.org/fhir"><active value="yes"/></Patient>',
    "integer": b'<Patient xmlns="http://hl7.org/fhir"><multipleBirthInteger value="two"/></Patient>',
    "twice": b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/><active value="true"/></Patient>',
    "text": b'<Patient xmlns="http://hl7.org/fhir">hello</Patient>',
    "no value": b'<Patient xmlns="http://hl7.org/fhir"><active/></Patient>',
    "deep": b'<Patient xmlns="http://hl7.org/fhir">'
    + b'<extension url="u">' * 200
    + b"</extension>" * 200
    + b"</Patient>",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_from_xml__bad_input__is_one_clear_error(data: bytes) -> None:
    with pytest.raises(BadRequest) as error:
        from_xml(data)

    assert error.value.issues[0].id == "core-xml-invalid"


@pytest.mark.skipif(not EXAMPLES, reason="published examples (../shared) are not here")
def test_to_xml__published_examples__read_back_equal() -> None:
    refused = []
    for file in EXAMPLES:
        resource: Any = json.loads(file.read_bytes())
        if "resourceType" not in resource:
            continue
        try:
            again = from_xml(to_xml(resource))
        except ValueError as error:
            refused.append((file.name, str(error)))
            continue
        assert _sorted(again) == _sorted(resource), file.name
    assert refused == []


def _sorted(value: Any) -> Any:
    """Order of keys has no meaning, nor the way a narrative writes its characters."""
    if isinstance(value, dict):
        return {k: etree.canonicalize(v) if k == "div" else _sorted(v) for k, v in sorted(value.items())}
    return [_sorted(v) for v in value] if isinstance(value, list) else value

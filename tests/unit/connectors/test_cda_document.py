"""The CDA header, structurally: CI-SIS Structuration minimale (the schematrons are in tests/contract)."""

import re
from base64 import b64decode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from dui_fhir.connectors import cda
from dui_fhir.connectors.cda.values import PersonName, Relative

NS = {"h": "urn:hl7-org:v3"}
ORDER = (
    "realmCode typeId templateId templateId templateId id code title effectiveTime confidentialityCode languageCode setId "
    "versionNumber recordTarget author custodian legalAuthenticator authenticator documentationOf componentOf component"
).split()
names = st.text(min_size=1, max_size=300)


def _root(document):
    return etree.fromstring(cda.build(document))


def _one(root, path):
    (found,) = root.xpath(path, namespaces=NS)
    return found


def test_build__level_one__elements_in_the_order_of_the_schema(gathered, dossier):
    root = _root(gathered(dossier).document)
    assert [etree.QName(child).localname for child in root] == ORDER


def test_build__header__national_ids_and_codes(gathered, dossier):
    document = gathered(dossier).document
    root = _root(document)
    templates = root.xpath("h:templateId/@root", namespaces=NS)
    assert templates == ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20"]
    assert _one(root, "h:id").attrib == {"root": document.unique_id}
    assert len(document.unique_id) <= 64
    assert _one(root, "h:effectiveTime/@value") == "20260615143000+0200"
    assert dict(_one(root, "h:recordTarget/h:patientRole/h:id").attrib) == {
        "root": "1.2.250.1.213.1.4.10",
        "extension": "259118414600153",
    }
    assert _one(root, "h:author/h:assignedAuthor/h:id/@extension") == "899700000012"
    assert _one(root, "h:legalAuthenticator/h:assignedEntity/h:id/@extension") == "3350000000/D1"
    assert _one(root, "//h:standardIndustryClassCode/@code") == "AMBULATOIRE"
    assert _one(root, "//h:healthCareFacility/h:code/@code") == "SA17"


def test_build__patient__five_traits_with_qualifiers(gathered, dossier):
    patient = _one(_root(gathered(dossier).document), "//h:patientRole/h:patient")
    told = [(etree.QName(n).localname, n.get("qualifier"), n.text) for n in patient.find("h:name", NS)]
    assert told == [
        ("family", "BR", "EXEMPLE"),
        ("family", "CL", "ESSAI"),
        ("given", None, "JEANNE MARIE"),
        ("given", "BR", "JEANNE"),
        ("given", "CL", "JEANNE"),
    ]
    assert _one(patient, "h:administrativeGenderCode/@code") == "F"
    assert _one(patient, "h:birthTime/@value") == "19591104"
    assert _one(patient, "h:birthplace/h:place/h:addr/h:county").text == "35238"


def test_build__body__the_very_pdf(gathered, dossier):
    document = gathered(dossier).document
    text = _one(_root(document), "h:component/h:nonXMLBody/h:text")
    assert text.attrib == {"mediaType": "application/pdf", "representation": "B64"}
    assert b64decode(text.text) == document.content


def test_build__replacement__parent_and_version(gathered, dossier):
    document = gathered(dossier, dossier.job("projet-2", "projet-1")).document
    root = _root(document)
    assert _one(root, "h:relatedDocument/@typeCode") == "RPLC"
    assert _one(root, "h:relatedDocument/h:parentDocument/h:id/@root") == document.replaces
    assert _one(root, "h:versionNumber/@value") == "2"


def test_build__relative__informant_with_its_class(gathered, dossier):
    relative = Relative(kind="NOK", name=PersonName(family="PROCHE"))
    root = _root(replace(gathered(dossier).document, informants=(relative,)))
    assert _one(root, "h:informant/h:relatedEntity/@classCode") == "NOK"


def test_build__local_identifier_and_no_address__after_the_ins(gathered, dossier):
    document = gathered(dossier).document
    patient = replace(document.patient, local_id=("1.2.250.1.999.2", "IPP"), address=(), telecom=())
    role = _one(_root(replace(document, patient=patient)), "//h:patientRole")
    assert [i.get("root") for i in role.findall("h:id", NS)] == ["1.2.250.1.213.1.4.10", "1.2.250.1.999.2"]
    assert [role.find(f"h:{tag}", NS).get("nullFlavor") for tag in ("addr", "telecom")] == ["NASK", "NASK"]


@pytest.fixture(scope="module")
def plain():
    from zoneinfo import ZoneInfo

    from dui_fhir.connectors.dmp.gather import Rules, gather

    from .conftest import Dossier

    dossier = Dossier()
    return gather("demo", dossier.job(), dossier, Rules(zone=ZoneInfo("Europe/Paris"), practice="AMBULATOIRE")).document


@given(family=names, given_names=names, title=names, structure=names)
@settings(max_examples=60, deadline=None)
def test_build__any_text__well_formed_and_kept(plain, family, given_names, title, structure):
    patient = replace(plain.patient, family=family, given=given_names, first_given=given_names, used_family=None)
    custodian = replace(plain.custodian, name=structure)
    data = cda.build(replace(plain, patient=patient, title=title, custodian=custodian))
    root = etree.fromstring(data)
    assert _one(root, "h:title").text == _as_xml(title)
    assert root.xpath("//h:patient/h:name/h:family", namespaces=NS)[0].text == _as_xml(family)
    assert _one(root, "//h:representedCustodianOrganization/h:name").text == _as_xml(structure)


def _as_xml(text):
    """Return what a reader gets: forbidden characters are spaces, line ends are kept by a character reference."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", text)

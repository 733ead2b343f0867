"""ITI-41 metadata: IHE ITI TF-3 §4.2 and the French profile; agreement with the CDA."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dui_fhir.connectors.cda.values import Organization, PersonName, Professional
from dui_fhir.connectors.nomenclature import specialty
from dui_fhir.connectors.xds import formats

from .conftest import ENTRY

NS = {
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    "xdsb": "urn:ihe:iti:xds-b:2007",
    "xop": "http://www.w3.org/2004/08/xop/include",
    "h": "urn:hl7-org:v3",
}
TYPE_CODE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
CLASS_CODE = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"


def _all(root, path):
    return root.xpath(path, namespaces=NS)


def _slot(node, name):
    return _all(node, f"rim:Slot[@name='{name}']/rim:ValueList/rim:Value/text()")


def _entry(message):
    return _all(message.request, "//rim:ExtrinsicObject[@id='Document01']")[0]


def test_request__entry__agrees_with_the_cda(message, dossier):
    sent = message(dossier)
    entry, root = _entry(sent), etree.fromstring(sent.cda)
    unique = _all(
        entry, "rim:ExternalIdentifier[rim:Name/rim:LocalizedString/@value='XDSDocumentEntry.uniqueId']/@value"
    )
    assert unique == _all(root, "h:id/@root")
    assert _all(entry, f"rim:Classification[@classificationScheme='{TYPE_CODE}']/@nodeRepresentation") == _all(
        root, "h:code/@code"
    )
    assert _slot(entry, "creationTime") == ["20260615123000"]
    assert _all(root, "h:effectiveTime/@value") == ["20260615143000+0200"]
    assert _slot(entry, "serviceStartTime") == _all(root, "//h:serviceEvent/h:effectiveTime/h:low/@value")
    assert _all(entry, "rim:Name/rim:LocalizedString/@value") == [_all(root, "h:title")[0].text]


def test_request__patient__ins_everywhere_and_traits(message, dossier):
    sent = message(dossier)
    ins = "259118414600153^^^&1.2.250.1.213.1.4.10&ISO^NH"
    paths = "//rim:ExternalIdentifier[contains(rim:Name/rim:LocalizedString/@value,'.patientId')]/@value"
    assert set(_all(sent.request, paths)) == {ins}
    assert _slot(_entry(sent), "sourcePatientId") == [ins]
    assert _slot(_entry(sent), "sourcePatientInfo") == [
        "PID-5|EXEMPLE^JEANNE^^^^^L",
        "PID-5|ESSAI^JEANNE^^^^^D",
        "PID-7|19591104",
        "PID-8|F",
    ]


def test_request__class__derived_from_the_type(message, dossier):
    entry = _entry(message(dossier))
    assert _all(entry, f"rim:Classification[@classificationScheme='{CLASS_CODE}']/@nodeRepresentation") == ["44"]


def test_request__visibility__in_metadata_and_not_in_the_cda(message, dossier):
    label = {
        "coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-X/FHIR/TRE-A07-X", "code": "INVISIBLE_PATIENT"}]
    }
    dossier["DocumentReference/projet-1"]["securityLabel"].append(label)
    sent = message(dossier)
    codes = f"rim:Classification[@classificationScheme='{CONFIDENTIALITY}']/@nodeRepresentation"
    assert _all(_entry(sent), codes) == ["N", "INVISIBLE_PATIENT"]
    assert b"INVISIBLE" not in sent.cda


def test_request__documents__one_part_per_entry(message, dossier):
    sent = message(dossier)
    ids = _all(sent.request, "xdsb:Document/@id")
    assert ids == _all(sent.request, "//rim:ExtrinsicObject/@id")
    assert [f"cid:{p.content_id}" for p in sent.parts] == _all(sent.request, "xdsb:Document/xop:Include/@href")
    assert sent.parts[0].data == sent.cda


def test_request__ids__unique_and_owned(message, dossier):
    request = message(dossier).request
    ids = _all(request, "//rim:*/@id")
    assert len(ids) == len(set(ids))
    for node in _all(request, "//rim:Classification"):
        assert node.get("classifiedObject") == node.getparent().get("id")


def test_request__replacement__rplc_to_the_entry_of_the_registry(message, dossier):
    sent = message(dossier, dossier.job("projet-2", "projet-1"), ENTRY)
    (association,) = _all(sent.request, "//rim:Association[contains(@associationType,'RPLC')]")
    assert (association.get("sourceObject"), association.get("targetObject")) == ("Document01", ENTRY)
    assert b"RPLC" in sent.cda


def test_request__replaced_version_never_sent__a_new_document(message, dossier):
    sent = message(dossier, dossier.job("projet-2", "projet-1"), None)
    assert b"RPLC" not in sent.cda
    assert b"RPLC" not in sent.metadata


def test_request__same_job__same_bytes(message, dossier):
    one, two = message(dossier), message(dossier)
    assert (one.cda, one.metadata) == (two.cda, two.metadata)
    assert [p.data for p in one.parts] == [p.data for p in two.parts]


@pytest.mark.parametrize(
    ("moment", "text"),
    [(datetime(2026, 1, 1, 0, 30, tzinfo=UTC), "20260101003000"), (date(2026, 1, 1), "20260101")],
)
def test_dtm__hour_or_day__utc_digits(moment, text):
    assert formats.dtm(moment) == text


def test_xcn__structure_identifier__type_ei():
    who = Professional(id="3350000000/D1", name=PersonName(family="A^B", given="C&D"), code=specialty("359"))
    assert formats.xcn(who) == r"3350000000/D1^A\S\B^C\T\D^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^EI"


@given(st.text(max_size=60))
def test_escape__any_text__no_separator_left(text):
    who = Professional(id="899700000012", name=PersonName(family=text, given=text), code=specialty("G15_60"))
    assert len(formats.xcn(who).split("^")) == 13
    assert len(formats.xon(Organization(id="1350000000", name=text)).split("^")) == 10


def test_specialty__known_profession__code_label_system():
    assert formats.specialty(specialty("G15_60")) == "G15_60^Infirmier^1.2.250.1.213.1.1.4.5"


def test_metadata__hash_and_size__left_to_the_repository(message, dossier):
    sent = message(dossier)
    assert _slot(_entry(sent), "hash") == []


def test_submission__hash_and_size_given__as_slots(message, dossier, gathered):
    from dui_fhir.connectors.xds import provide_and_register

    sent = message(dossier)
    submission = replace(_submission(sent, gathered(dossier)), sha1=sent.sha1, size_bytes=len(sent.cda))
    entry = _all(provide_and_register(sent.document, submission), "//rim:ExtrinsicObject")[0]
    assert _slot(entry, "hash") == [sent.sha1]
    assert _slot(entry, "size") == [str(len(sent.cda))]


def _submission(sent, gathered):
    from dui_fhir.connectors.dmp.gather import PDF_FORMAT
    from dui_fhir.connectors.nomenclature import CONTENT_TYPES, Code
    from dui_fhir.connectors.xds import Submission

    return Submission(
        unique_id="2.25.1",
        source_id="2.25.2",
        time=datetime(2026, 6, 17, tzinfo=UTC),
        author=sent.document.authors[0],
        content_type=Code(code="11", system=CONTENT_TYPES, display="Hébergement complet"),
        class_code=gathered.class_code,
        format_code=PDF_FORMAT,
    )

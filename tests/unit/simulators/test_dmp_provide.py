"""TD2.1: a good message is accepted, each fault is refused with its code."""

import pytest

NORMAL = '<rim:Classification id="Doc1-4"'
HIDDEN = (
    '<rim:Classification id="Doc1-7" classifiedObject="Doc1"'
    ' classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f" nodeRepresentation="{}">'
    '<rim:Slot name="codingScheme"><rim:ValueList><rim:Value>1.2.250.1.213.1.1.4.13</rim:Value></rim:ValueList></rim:Slot>'
    '<rim:Name><rim:LocalizedString value="x"/></rim:Name></rim:Classification>'
)
RPLC = (
    '<rim:Association id="Asso2" associationType="urn:ihe:iti:2007:AssociationType:RPLC" sourceObject="Doc1"'
    ' targetObject="{}"/>'
)
SECOND = {
    "metadata": [("1.2.250.1.999.1.1.42.1", "1.2.250.1.999.1.1.42.2"), ("1.2.250.1.999.7.1.1", "1.2.250.1.999.7.1.2")],
    "cda": [
        ("1.2.250.1.999.1.1.42.1", "1.2.250.1.999.1.1.42.2"),
        ('versionNumber value="1"', 'versionNumber value="2"'),
        (
            "<componentOf>",
            '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.250.1.999.1.1.42.1"/></parentDocument>'
            "</relatedDocument><componentOf>",
        ),
    ],
}


def test_provide__good_message__is_stored(dmp):
    assert dmp.provide() == "Success"

    [row] = dmp.received()
    assert (row["uniqueId"], row["statut"], row["typeCode"]) == ("1.2.250.1.999.1.1.42.1", "Approved", "80788-3")
    raw = dmp.client.get(f"/_simulateur/documents/{row['entryUUID']}")
    assert raw.data.startswith(b"<?xml")
    assert b"EXEMPLE" in raw.data


def test_provide__mtom_answer__relates_to_the_request(dmp):
    response = dmp.provide_response()

    assert response.mimetype == "multipart/related"
    assert b"ProvideAndRegisterDocumentSet-bResponse" in response.data
    assert b"RelatesTo" in response.data


def test_provide__plain_answers_policy__is_soap(make_dmp):
    response = make_dmp(mtom_answers=False).provide_response()

    assert (response.status_code, response.mimetype) == (200, "application/soap+xml")


METADATA = "XDSRegistryMetadataError"
METADATA_FAULTS = [
    ("entry without title", ("Projet personnalisé d'accompagnement", ""), METADATA),
    ("time with offset", ("20260615123000", "20260615143000+0200"), METADATA),
    ("submission time to the minute", ("20260615130000", "202606151300"), METADATA),
    ("mime type", ('mimeType="text/xml"', 'mimeType="application/pdf"'), METADATA),
    ("status", ('mimeType="text/xml"', 'mimeType="text/xml" status="urn:x"'), METADATA),
    ("object type", ("7edca82f", "7edca82a"), METADATA),
    ("class of another type", ('nodeRepresentation="44"', 'nodeRepresentation="11"'), METADATA),
    ("unknown type", ('nodeRepresentation="80788-3"', 'nodeRepresentation="00000-0"'), METADATA),
    ("practice outside J62", ('nodeRepresentation="AMBULATOIRE"', 'nodeRepresentation="ESSMS"'), METADATA),
    ("no facility", ("urn:uuid:f33fb8ac", "urn:uuid:f33fb8aa"), METADATA),
    ("author's id", ("899700000012^MODELE", "99^MODELE"), METADATA),
    ("author's form", ("^D^^^IDNPS", "^D"), METADATA),
    ("structure's id", ("IDNST^^^1350000000", "IDNST^^^35"), METADATA),
    ("local patient id", ("&amp;ISO^PI", ""), METADATA),
    ("patient's birth date missing", ("PID-7|", "PID-6|"), METADATA),
    ("INS of 14 characters", ("259118414600153^^^", "25911841460015^^^"), METADATA),
    ("production INS", ("213.1.4.10&amp;", "213.1.4.8&amp;"), "XDSUnknownPatientId"),
    ("set for another patient", ('registryObject="Lot" identificationScheme="urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"'
     ' value="2', 'registryObject="Lot" identificationScheme="urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446" value="1'),
     "XDSPatientIdDoesNotMatch"),
    ("no marker", ("a54d6aa5", "a54d6aaa"), METADATA),
    ("source id not an OID", ('value="1.2.250.1.999.7"', 'value="essai"'), METADATA),
    ("no HasMember", ("AssociationType:HasMember", "AssociationType:Contains"), METADATA),
    ("membership status", (">Original<", ">Reference<"), METADATA),
    ("repeated id", ('id="Doc1-2"', 'id="Doc1-1"'), METADATA),
    ("owner", ('id="Doc1-2" classifiedObject="Doc1"', 'id="Doc1-2" classifiedObject="Lot"'), METADATA),
    ("same uniqueId twice", ('value="1.2.250.1.999.7.1.1"', 'value="1.2.250.1.999.1.1.42.1"'),
     "XDSRegistryDuplicateUniqueIdInMessage"),
    ("external name", ("XDSDocumentEntry.uniqueId", "XDSDocumentEntry.uniqueID"), METADATA),
    ("two confidentialities", (NORMAL, HIDDEN.format("MASQUE_PS") + HIDDEN.format("INVISIBLE_PATIENT").replace("-7", "-8")
     + NORMAL), METADATA),
    ("hash", ("<rim:Slot name=\"languageCode\">", '<rim:Slot name="hash"><rim:ValueList><rim:Value>00</rim:Value></rim:ValueList>'
     '</rim:Slot><rim:Slot name="languageCode">'), "XDSRepositoryMetadataError"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [pytest.param(c, e, id=n) for n, c, e in METADATA_FAULTS])
def test_provide__one_fault_in_the_metadata__is_refused_with_its_code(dmp, change, code):
    result = dmp.provide(metadata=[change])

    assert code in result
    assert dmp.received() == []


CDA_FAULTS = [
    ("id", ('<id root="1.2.250.1.999.1.1.42.1"/>', '<id root="1.2.250.1.999.1.1.43.1"/>'), METADATA),
    ("code", ('code="80788-3"', 'code="34842-5"'), METADATA),
    ("title", ("<title>Projet", "<title>Mon projet"), METADATA),
    ("time", ('effectiveTime value="20260615143000+0200"', 'effectiveTime value="20260615143000+0100"'), METADATA),
    ("confidentiality", ('confidentialityCode code="N"', 'confidentialityCode code="R"'), METADATA),
    ("patient", ('extension="259118414600153"', 'extension="259118414600154"'), "XDSPatientIdDoesNotMatch"),
    ("local id", ("IPP-1", "IPP-2"), METADATA),
    ("birth name", (">EXEMPLE<", ">AUTRE<"), METADATA),
    ("gender", ('administrativeGenderCode code="F"', 'administrativeGenderCode code="M"'), METADATA),
    ("author", ('<assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899700000012"/>',
     '<assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899700000020"/>'), METADATA),
    ("signer", ('<assignedEntity>\n<id root="1.2.250.1.71.4.2.1" extension="899700000012"/>',
     '<assignedEntity>\n<id root="1.2.250.1.71.4.2.1" extension="899700000020"/>'), METADATA),
    ("facility", ('code="SA17"', 'code="SA16"'), METADATA),
    ("practice", ('code="AMBULATOIRE"', 'code="SAD"'), METADATA),
    ("media type", ('mediaType="application/pdf"', 'mediaType="text/plain"'), METADATA),
    ("two authors", ("<custodian>", '<author><time value="2026"/><assignedAuthor><id root="1.2.3" extension="x"/>'
     "</assignedAuthor></author><custodian>"), METADATA),
    ("no setId", ('<setId root="1.2.250.1.999.1.1.42"/>', ""), "InvalidDocumentContent"),
    ("order", ("<realmCode", "<title/><realmCode"), "InvalidDocumentContent"),
    ("no birth place", ("<county>35238</county>", ""), "InvalidDocumentContent"),
    ("qualifier", ('family qualifier="BR"', 'family qualifier="SP"'), "InvalidDocumentContent"),
    ("offset", ("20260615143000+0200", "20260615143000"), "InvalidDocumentContent"),
    ("not a PDF", ("JVBERi0xLjQKJeLjz9MK", "QUJDREVGRw=="), "InvalidDocumentContent"),
    ("not base64", ("JVBERi0xLjQKJeLjz9MK", "***"), "InvalidDocumentContent"),
    ("fourth template", ("<id root=\"1.2.250.1.999.1", '<templateId root="1.2.3"/><id root="1.2.250.1.999.1'),
     "InvalidDocumentContent"),
    ("signature code", ('signatureCode code="S"', 'signatureCode code="X"'), "InvalidDocumentContent"),
    ("telecom", ("tel:0200000000", "0200000000"), "InvalidDocumentContent"),
    ("doctype", ("<ClinicalDocument", '<!DOCTYPE a [<!ENTITY e "x">]><ClinicalDocument'), "InvalidDocumentContent"),
    ("not XML", ("</ClinicalDocument>", ""), "InvalidDocumentContent"),
    ("not a CDA", ("ClinicalDocument", "Document"), "InvalidDocumentContent"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [pytest.param(c, e, id=n) for n, c, e in CDA_FAULTS])
def test_provide__document_that_differs_or_is_wrong__is_refused_with_its_code(dmp, change, code):
    result = dmp.provide(cda=[change])

    assert code in result
    assert dmp.received() == []


def test_provide__essms_in_the_document__leaves_the_metadata_free(dmp):
    assert dmp.provide(cda=[('code="AMBULATOIRE"', 'code="ESSMS"')]) == "Success"


def test_provide__hidden_from_professionals__keeps_both_codes(dmp):
    assert dmp.provide(metadata=[(NORMAL, HIDDEN.format("MASQUE_PS") + NORMAL)]) == "Success"
    assert sorted(dmp.received()[0]["visibilite"]) == ["MASQUE_PS", "N"]


def test_provide__same_message_twice__is_a_duplicate(dmp):
    dmp.provide()

    assert dmp.provide() == ["XDSDuplicateUniqueIdInRegistry"]
    assert len(dmp.received()) == 1


def test_provide__same_id_and_other_bytes__is_not_identical(dmp):
    dmp.provide()

    result = dmp.provide(
        metadata=[("1.2.250.1.999.7.1.1", "1.2.250.1.999.7.1.2")],
        cda=[("JVBERi0xLjQKJeLjz9MK", "JVBERi0xLjcKJeLjz9MK")],
    )

    assert "XDSNonIdenticalHash" in result


def test_provide__restart__remembers(dmp, make_dmp):
    dmp.provide()

    again = make_dmp()

    assert [row["uniqueId"] for row in again.received()] == ["1.2.250.1.999.1.1.42.1"]
    assert again.provide() == ["XDSDuplicateUniqueIdInRegistry"]


def test_replace__next_version__deprecates_the_first(dmp, make_dmp):
    dmp.provide()
    first = dmp.received()[0]["entryUUID"]

    assert dmp.provide(**SECOND, more=RPLC.format(first)) == "Success"
    assert [row["statut"] for row in dmp.received()] == ["Deprecated", "Approved"]
    assert [row["statut"] for row in make_dmp().received()] == ["Deprecated", "Approved"]


def test_replace__unknown_target__is_unresolved(dmp):
    target = "urn:uuid:00000000-0000-4000-8000-000000000000"

    assert dmp.provide(**SECOND, more=RPLC.format(target)) == ["UnresolvedReferenceException"]


def test_replace__symbolic_target__is_refused(dmp):
    assert METADATA in dmp.provide(**SECOND, more=RPLC.format("Doc0"))


def test_replace__deprecated_target__is_refused(dmp):
    dmp.provide()
    first = dmp.received()[0]["entryUUID"]
    dmp.provide(**SECOND, more=RPLC.format(first))
    third = {
        name: [(a, b.replace("42.2", "42.3").replace("7.1.2", "7.1.3")) for a, b in p] for name, p in SECOND.items()
    }

    assert dmp.provide(**third, more=RPLC.format(first)) == ["XDSRegistryDeprecatedDocumentError"]


def test_replace__without_association__is_refused(dmp):
    dmp.provide()

    assert dmp.provide(**SECOND) == [METADATA]


def test_replace__same_version_number__is_refused(dmp):
    dmp.provide()
    first = dmp.received()[0]["entryUUID"]
    cda = [pair for pair in SECOND["cda"] if "versionNumber" not in pair[0]]

    assert dmp.provide(metadata=SECOND["metadata"], cda=cda, more=RPLC.format(first)) == [METADATA]


@pytest.mark.parametrize("state", ["ferme", "inexistant"])
def test_provide__no_open_dmp__is_an_unknown_patient(dmp, state):
    dmp.client.post("/_simulateur/patients", json={"ins": "259118414600153", "etat": state})

    assert dmp.provide() == ["XDSUnknownPatientId"]


def test_provide__document_without_part__is_missing(dmp):
    assert dmp.provide(envelope=[('xdsb:Document id="Doc1"', 'xdsb:Document id="Doc2"')]) == [
        "XDSMissingDocument",
        "XDSMissingDocumentMetadata",
    ]


def test_provide__signed_set_demanded__is_refused_without_signature(make_dmp):
    assert make_dmp(signed_set=True).provide() == [METADATA]


def test_provide__production__wants_production_identities(make_dmp):
    root = ("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8")
    dmp = make_dmp(environment="production")
    vihf = dmp.vihf([root])

    assert dmp.provide(metadata=[root], cda=[root], vihf=vihf) == "Success"
    assert "XDSUnknownPatientId" in dmp.provide()

"""TD3.1, TD3.2, TD3.3c and TD0.2."""

import re

import pytest
from lxml import etree

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
RS_ERROR = "{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}RegistryError"
V3 = {"c": "urn:hl7-org:v3"}
PATIENT = "259118414600153^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH"
UNIQUE = "1.2.250.1.999.1.1.42.1"
FIND = "14d4debf-8f97-4251-9a74-a90016b0af0d"
GET = "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
AIR = {"Authentification_mode": "INDIRECTE_RENFORCEE"}


def query(dmp, identifier, slots, *, returns="LeafClass", vihf=None):
    """Send an ITI-18 query; return (ids of the objects, error codes, fault detail, root)."""
    written = "".join(
        f'<rim:Slot name="{n}"><rim:ValueList><rim:Value>{v}</rim:Value></rim:ValueList></rim:Slot>'
        for n, v in slots.items()
    )
    body = (
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
        ' xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        f'<query:ResponseOption returnComposedObjects="true" returnType="{returns}"/>'
        f'<rim:AdhocQuery id="urn:uuid:{identifier}">{written}</rim:AdhocQuery></query:AdhocQueryRequest>'
    )
    response = dmp.post(dmp.envelope(body, "urn:ihe:iti:2007:RegistryStoredQuery", vihf or dmp.vihf(**AIR)))
    root = etree.fromstring(response.data)
    found = [e.get("id") for e in root.iter(f"{RIM}ExtrinsicObject", f"{RIM}ObjectRef")]
    errors = [e.get("errorCode") for e in root.iter(RS_ERROR)]
    return found, errors, root.findtext(".//{urn:dui-fhir:simulateur}code"), root


def find(dmp, vihf=None, **slots):
    base = {"$XDSDocumentEntryPatientId": f"'{PATIENT}'", "$XDSDocumentEntryStatus": f"('{APPROVED}')"}
    return query(dmp, FIND, base | {f"$XDSDocumentEntry{n}": v for n, v in slots.items()}, vihf=vihf)


def test_find__stored_document__comes_with_what_the_repository_added(dmp):
    dmp.provide()

    found, errors, fault, root = find(dmp)

    assert (found, errors, fault) == ([dmp.received()[0]["entryUUID"]], [], None)
    entry = root.find(f".//{RIM}ExtrinsicObject")
    assert entry.get("status") == APPROVED
    slots = {s.get("name") for s in entry.iterfind(f"{RIM}Slot")}
    assert {"hash", "size", "repositoryUniqueId"} <= slots
    assert {c.get("classifiedObject") for c in entry.iterfind(f"{RIM}Classification")} == {found[0]}


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("TypeCode", "('80788-3^^2.16.840.1.113883.6.1')", 1),
        ("TypeCode", "('34842-5^^2.16.840.1.113883.6.1','80788-3^^2.16.840.1.113883.6.1')", 1),
        ("TypeCode", "('34842-5^^2.16.840.1.113883.6.1')", 0),
        ("CreationTimeFrom", "20260615", 1),
        ("CreationTimeTo", "20260615123000", 0),
        ("ServiceStopTimeFrom", "2020", 0),
    ],
)
def test_find__with_a_filter__keeps_what_matches(dmp, name, value, count):
    dmp.provide()

    assert len(find(dmp, **{name: value})[0]) == count


def test_find__indirect_mode__is_refused(dmp):
    assert find(dmp, dmp.vihf())[2] == "SIM-VIHF-DROITS"


def test_find__other_patient__is_refused(dmp):
    other = PATIENT.replace("2591", "1591")

    assert (
        find(dmp, dmp.vihf(**AIR, **{"urn:oasis:names:tc:xacml:2.0:resource:resource-id": other}))[2]
        == "SIM-VIHF-PATIENT"
    )


@pytest.mark.parametrize(
    ("slots", "code"),
    [
        ({"PatientId": f"('{PATIENT}')"}, "XDSRegistryError"),
        ({"Status": APPROVED}, "XDSRegistryError"),
        ({"Comments": "('x')"}, "XDSRegistryError"),
    ],
)
def test_find__parameter_in_the_wrong_form__is_refused(dmp, slots, code):
    assert find(dmp, **slots)[1] == [code]


def test_query__without_patient__lacks_a_parameter(dmp):
    assert query(dmp, FIND, {"$XDSDocumentEntryStatus": f"('{APPROVED}')"})[1] == ["XDSStoredQueryMissingParam"]


def test_query__unknown__is_refused(dmp):
    assert query(dmp, "00000000-0000-4000-8000-000000000000", {})[1] == ["XDSUnknownStoredQuery"]


def test_get__by_unique_id_in_indirect_mode__gives_the_reference(dmp):
    dmp.provide()

    found, errors, _, _ = query(
        dmp, GET, {"$XDSDocumentEntryUniqueId": f"('{UNIQUE}')"}, returns="ObjectRef", vihf=dmp.vihf()
    )

    assert (found, errors) == ([dmp.received()[0]["entryUUID"]], [])


def test_get__document_of_another_structure_in_indirect_mode__is_not_shown(dmp):
    dmp.provide()
    other = dmp.vihf(Identifiant_Structure="1350000001")

    assert query(dmp, GET, {"$XDSDocumentEntryUniqueId": f"('{UNIQUE}')"}, vihf=other)[0] == []


def retrieve(dmp, unique=UNIQUE, vihf=None):
    body = (
        '<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"><x:DocumentRequest>'
        "<x:RepositoryUniqueId>1.2.250.1.213.4.1.1.9999</x:RepositoryUniqueId>"
        f"<x:DocumentUniqueId>{unique}</x:DocumentUniqueId></x:DocumentRequest></x:RetrieveDocumentSetRequest>"
    )
    message = dmp.envelope(body, "urn:ihe:iti:2007:RetrieveDocumentSet", vihf or dmp.vihf(**AIR)).decode()
    data = f'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <r>\r\n\r\n{message}\r\n--b--\r\n'
    options = 'type="application/xop+xml"; start="<r>"; start-info="application/soap+xml"; boundary=b'
    return dmp.client.post(
        "/si-dmp-server/v2/services/repository", data=data.encode(), content_type=f"multipart/related; {options}"
    ).data


def test_retrieve__stored_document__comes_as_an_attachment(dmp):
    dmp.provide()

    data = retrieve(dmp)

    assert b"ResponseStatusType:Success" in data
    assert b"<family qualifier" in data


def test_retrieve__unknown_document__is_an_error(dmp):
    assert b"XDSDocumentUniqueIdError" in retrieve(dmp, "1.2.3")


def test_retrieve__indirect_mode__is_refused(dmp):
    assert b"SIM-VIHF-DROITS" in retrieve(dmp, vihf=dmp.vihf())


def update(dmp, target, new="urn:asip:ci-sis:2010:StatusType:Deleted", old=APPROVED, vihf=None, drop=""):
    """Send an ITI-57 change of status; return the error codes, or the code of a fault."""
    package = dmp.submission_set().replace(drop, "") if drop else dmp.submission_set()
    slots = "".join(
        f'<rim:Slot name="{n}"><rim:ValueList><rim:Value>{v}</rim:Value></rim:ValueList></rim:Slot>'
        for n, v in (("OriginalStatus", old), ("NewStatus", new))
    )
    body = (
        '<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"'
        f' xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><rim:RegistryObjectList>{package}'
        '<rim:Association id="A" associationType="urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"'
        f' sourceObject="Lot" targetObject="{target}">{slots}</rim:Association>'
        "</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )
    response = dmp.post(dmp.envelope(body, "urn:ihe:iti:2010:UpdateDocumentSet", vihf or dmp.vihf()))
    root = etree.fromstring(response.data)
    fault = root.findtext(".//{urn:dui-fhir:simulateur}code")
    return fault or [e.get("errorCode") for e in root.iter(RS_ERROR)]


def stored(dmp):
    dmp.provide()
    return dmp.received()[0]["entryUUID"]


def test_delete__own_document__is_deleted_and_no_longer_found(dmp):
    target = stored(dmp)

    assert update(dmp, target) == []
    assert dmp.received()[0]["statut"] == "Deleted"
    assert find(dmp)[0] == []


def test_delete__document_of_another_structure__is_refused(dmp):
    target = stored(dmp)

    assert update(dmp, target, vihf=dmp.vihf(Identifiant_Structure="1350000001")) == "SIM-VIHF-DROITS"


def test_archive__indirect_mode__is_refused(dmp):
    assert update(dmp, stored(dmp), "urn:asip:ci-sis:2010:StatusType:Archived") == "SIM-VIHF-DROITS"


def test_archive__reinforced_mode__is_done(dmp):
    target = stored(dmp)

    assert update(dmp, target, "urn:asip:ci-sis:2010:StatusType:Archived", vihf=dmp.vihf(**AIR)) == []


def test_delete__unknown_document__is_unresolved(dmp):
    assert update(dmp, "urn:uuid:00000000-0000-4000-8000-000000000000") == ["UnresolvedReferenceException"]


def test_delete__wrong_original_status__is_refused(dmp):
    assert update(dmp, stored(dmp), old="urn:x") == ["XDSMetadataUpdateError"]


def test_delete__classification_without_owner__is_refused(dmp):
    assert "XDSRegistryMetadataError" in update(dmp, stored(dmp), drop=' classifiedObject="Lot"')


PRPA = """<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="1.2.250.1.999.7" extension="q1"/>
<creationTime value="20260615130000"/><interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201307UV02"/>
<processingCode code="D"/><processingModeCode code="T"/><acceptAckCode code="AL"/>
<receiver typeCode="RCV"><device><id root="1.2.250.1.213.4.1.1.1"/><softwareName>DMP</softwareName></device></receiver>
<sender typeCode="SND"><device><id root="1.2.250.1.999.7"/></device></sender>
<controlActProcess><reasonCode code="TEST_EXST" codeSystem="1.2.250.1.213.1.1.4.11"/><queryByParameter>
<queryId root="1.2.250.1.999.7" extension="1"/><statusCode code="new"/><parameterList><patientIdentifier>
<value root="1.2.250.1.213.1.4.10" extension="259118414600153"/><semanticsText>Patient.id</semanticsText></patientIdentifier>
</parameterList></queryByParameter></controlActProcess></PRPA_IN201307UV02>"""


def exists(dmp, body=PRPA):
    response = dmp.post(dmp.envelope(body, "urn:hl7-org:v3:PRPA_IN201307UV02"), "patients")
    root = etree.fromstring(response.data)
    return [
        str(root.xpath(f"string(//c:{path})", namespaces=V3))
        for path in (
            "acknowledgement/@typeCode",
            "queryResponseCode/@code",
            "patient/c:statusCode/@code",
            "attentionLine/c:value/@code",
        )
    ]


def test_exists__open_dmp__is_active_and_authorised(dmp):
    assert exists(dmp) == ["AA", "OK", "active", "VALIDE"]


def test_exists__closed_dmp__is_terminated(dmp):
    dmp.client.post("/_simulateur/patients", json={"ins": "259118414600153", "etat": "ferme"})

    assert exists(dmp)[:3] == ["AA", "OK", "terminated"]


def test_exists__no_dmp__is_not_found(dmp):
    dmp.client.post("/_simulateur/patients", json={"ins": "259118414600153", "etat": "inexistant"})

    assert exists(dmp)[:3] == ["AA", "NF", ""]


@pytest.mark.parametrize("change", [("TEST_EXST", "X"), ("213.1.4.10", "213.1.4.8"), ('code="AL"', 'code="NE"')])
def test_exists__wrong_request__is_an_application_error(dmp, change):
    assert exists(dmp, PRPA.replace(*change))[:2] == ["AE", "AE"]


def test_exists__other_patient_than_the_vihf__is_a_fault(dmp):
    response = dmp.post(dmp.envelope(PRPA.replace("2591", "1591"), "urn:hl7-org:v3:PRPA_IN201307UV02"), "patients")

    assert re.search(rb"SIM-VIHF-PATIENT", response.data)

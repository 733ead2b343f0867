"""TD0.2: does this person's DMP exist and is it open. Source: HL7 V3 PRPA_IN201307UV02 as the DMP uses it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from dui_fhir.connectors.cda.values import Patient
from dui_fhir.connectors.markup import Element, maker, under

HL7 = "urn:hl7-org:v3"
ACTION = "urn:hl7-org:v3:PRPA_IN201307UV02"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_DMP = "1.2.250.1.213.4.1.1.1"

hl7 = maker(HL7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Existence:
    """``found`` False: no DMP; ``open`` False: closed."""

    found: bool
    open: bool


def question(patient: Patient, source_id: str, now: datetime) -> Element:
    """Return the request for one INS."""
    body = hl7(
        "PRPA_IN201307UV02",
        hl7("id", root=source_id, extension=str(uuid4())),
        hl7("creationTime", value=now.astimezone(UTC).strftime("%Y%m%d%H%M%S")),
        hl7("interactionId", root="2.16.840.1.113883.1.6", extension="PRPA_IN201307UV02"),
        hl7("processingCode", code="P"),
        hl7("processingModeCode", code="T"),
        hl7("acceptAckCode", code="AL"),
        hl7("receiver", _device(_DMP, "DMP"), typeCode="RCV"),
        hl7("sender", _device(source_id, "dui-fhir"), typeCode="SND"),
        _nil("attentionLine"),
        _control(patient, source_id),
        ITSVersion="XML_1.0",
    )
    return under({None: HL7, "xsi": _XSI}, body)


def _device(root: str, name: str) -> Element:
    return hl7("device", hl7("id", root=root), hl7("softwareName", name), classCode="DEV", determinerCode="INSTANCE")


def _control(patient: Patient, source_id: str) -> Element:
    patient_id = hl7(
        "patientIdentifier",
        hl7("value", root=patient.ins_oid, extension=patient.ins),
        hl7("semanticsText", "Patient.id"),
    )
    query = hl7(
        "queryByParameter",
        hl7("queryId", root=source_id, extension=str(uuid4())),
        hl7("statusCode", code="new"),
        hl7("parameterList", _nil("dataSource"), patient_id),
    )
    reason = hl7("reasonCode", code="TEST_EXST", codeSystem="1.2.250.1.213.1.1.4.11")
    return hl7("controlActProcess", reason, query, classCode="CACT", moodCode="EVN")


def _nil(tag: str) -> Element:
    node = hl7(tag)
    node.set(f"{{{_XSI}}}nil", "true")
    return node


def answer(body: Element) -> Existence | None:
    """Read PRPA_IN201308UV02; None where it says neither yes nor no."""
    ns = {"h": HL7}
    code = body.find(".//h:queryAck/h:queryResponseCode", ns)
    if code is None or code.get("code") not in ("OK", "NF"):
        return None
    if code.get("code") == "NF":
        return Existence(found=False, open=False)
    status = body.find(".//h:patient/h:statusCode", ns)
    return Existence(found=True, open=status is None or status.get("code") == "active")

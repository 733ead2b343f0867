"""TD0.2: does this person have a DMP, and may I feed it (HL7 V3 PRPA_IN201307UV02 → PRPA_IN201308UV02).

The simulator keeps no identity: ``patientPerson/name`` is answered as not given (nullFlavor NI).
"""

import uuid
from datetime import UTC, datetime

from lxml import etree

from dui_fhir.simulators.dmp import forms, registry
from dui_fhir.simulators.dmp.request import Request, check_patient
from dui_fhir.simulators.soap import Element, SoapFault

V3 = "urn:hl7-org:v3"
BODY = f"{{{V3}}}PRPA_IN201307UV02"
ACTION = "urn:hl7-org:v3:PRPA_IN201307UV02"
ANSWER_ACTION = "urn:hl7-org:v3:PRPA_IN201308UV02"
_NS = {"c": V3}
_INTERACTIONS = "2.16.840.1.113883.1.6"
_DMP = "1.2.250.1.213.4.1.1.1"
_REASONS = "1.2.250.1.213.1.1.4.11"
_AUTHORISATION = "1.2.250.1.213.4.1.2.6.1"
_AUTHORISATION_VALUES = "1.2.250.1.213.4.1.2.6.2"
_TREATING_DOCTOR = "1.2.250.1.213.4.1.2.6.3"
_INTERNET_ACCOUNT = "1.2.250.1.213.4.1.2.9"
_MON_ESPACE_SANTE = "1.2.250.1.213.4.1.2.3"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def exists(request: Request) -> Element:
    """Return the ``PRPA_IN201308UV02`` answer.

    Raises: SoapFault (VIHF of another patient).
    """
    fault = _fault(request)
    root, extension = _at(request.body, _VALUE + "@root"), _at(request.body, _VALUE + "@extension")
    if not fault:
        check_patient(request.vihf, f"{extension}^^^&{root}")
    state = registry.ABSENT if fault else request.registry.patient(extension)
    return _answer(request, fault, state)


_QUERY = "c:controlActProcess/c:queryByParameter/"
_VALUE = _QUERY + "c:parameterList/c:patientIdentifier/c:value/"


def _fault(request: Request) -> str:
    body = request.body
    if not _at(body, "c:id/@root"):
        raise SoapFault("Sender", "PRPA_IN201307UV02/id est obligatoire.", detail="SIM-HL7V3")
    interaction = (_at(body, "c:interactionId/@root"), _at(body, "c:interactionId/@extension"))
    checks = (
        (body.get("ITSVersion") == "XML_1.0", "ITSVersion doit valoir XML_1.0."),
        (interaction == (_INTERACTIONS, "PRPA_IN201307UV02"), "interactionId inattendu."),
        (forms.to_utc(_at(body, "c:creationTime/@value")) != "", "creationTime illisible."),
        (_at(body, "c:processingCode/@code") in ("D", "T", "P"), "processingCode : D, T ou P attendu."),
        (_at(body, "c:processingModeCode/@code") == "T", "processingModeCode doit valoir T."),
        (_at(body, "c:acceptAckCode/@code") == "AL", "acceptAckCode doit valoir AL."),
        (_at(body, "c:receiver/c:device/c:id/@root") == _DMP, f"receiver/device/id doit valoir {_DMP}."),
        (forms.OID.fullmatch(_at(body, "c:sender/c:device/c:id/@root")), "sender/device/id/@root : OID attendu."),
        (_reason(body) == ("TEST_EXST", _REASONS), f"reasonCode attendu : TEST_EXST ({_REASONS})."),
        (_at(body, _QUERY + "c:statusCode/@code") == "new", "queryByParameter/statusCode doit valoir new."),
        (_at(body, _QUERY + "c:queryId/@root"), "queryByParameter/queryId est obligatoire."),
        (forms.INS.fullmatch(_at(body, _VALUE + "@extension")), "patientIdentifier : INS de 15 caractères attendue."),
        (_at(body, _VALUE + "@root") in request.policy.ins_oids, "patientIdentifier : OID étranger à l'environnement."),
    )
    return next((text for right, text in checks if not right), "")


def _reason(body: Element) -> tuple[str, str]:
    path = "c:controlActProcess/c:reasonCode/"
    return _at(body, path + "@code"), _at(body, path + "@codeSystem")


def _answer(request: Request, fault: str, state: str) -> Element:
    message = etree.Element(f"{{{V3}}}PRPA_IN201308UV02", nsmap={None: V3}, ITSVersion="XML_1.0")
    _add(message, "id", root=_DMP, extension=str(uuid.uuid4()))
    _add(message, "creationTime", value=datetime.fromtimestamp(request.now_ms / 1000, UTC).strftime("%Y%m%d%H%M%S"))
    _add(message, "interactionId", root=_INTERACTIONS, extension="PRPA_IN201308UV02")
    _add(message, "processingCode", code="P")
    _add(message, "processingModeCode", code="T")
    _add(message, "acceptAckCode", code="NE")
    sender = _at(request.body, "c:sender/c:device/c:id/@root")
    software = str(request.body.findtext("c:sender/c:device/c:softwareName", default="", namespaces=_NS))
    for name, kind, root, label in (("receiver", "RCV", sender, software), ("sender", "SND", _DMP, "DMP")):
        device = _add(_add(message, name, typeCode=kind), "device", classCode="DEV", determinerCode="INSTANCE")
        _add(device, "id", root=root)
        if label:
            _add(device, "softwareName").text = label
    if state != registry.ABSENT:
        _attention(message, "AUTORISATION", _AUTHORISATION, "CV", code="VALIDE", codeSystem=_AUTHORISATION_VALUES)
        _attention(message, "STATUT_MT", _TREATING_DOCTOR, "BL", value="false")
    _acknowledge(request, message, fault)
    _control_act(request, message, fault, state)
    return message


def _acknowledge(request: Request, message: Element, fault: str) -> None:
    acknowledgement = _add(message, "acknowledgement", typeCode="AE" if fault else "AA")
    target = {"root": _at(request.body, "c:id/@root"), "extension": _at(request.body, "c:id/@extension")}
    _add(_add(acknowledgement, "targetMessage"), "id", **{k: v for k, v in target.items() if v})
    if fault:
        _add(_add(acknowledgement, "acknowledgementDetail", typeCode="E"), "text").text = fault


def _attention(message: Element, key: str, system: str, kind: str, **value: str) -> None:
    line = _add(message, "attentionLine")
    _add(line, "keyWordText", code=key, codeSystem=system)
    _add(line, "value", **value).set(_TYPE, kind)


def _control_act(request: Request, message: Element, fault: str, state: str) -> None:
    act = _add(message, "controlActProcess", classCode="CACT", moodCode="EVN")
    _add(act, "reasonCode", code="TEST_EXST", codeSystem=_REASONS, displayName="Test d'existence de dossier")
    if state != registry.ABSENT:
        _record(request, act, state)
    query = _add(act, "queryAck")
    identifier = {name: _at(request.body, f"{_QUERY}c:queryId/@{name}") for name in ("root", "extension")}
    _add(query, "queryId", **{name: value for name, value in identifier.items() if value})
    _add(query, "queryResponseCode", code="AE" if fault else "NF" if state == registry.ABSENT else "OK")


def _record(request: Request, act: Element, state: str) -> None:
    event = _add(_add(act, "subject", typeCode="SUBJ"), "registrationEvent", classCode="REG", moodCode="EVN")
    _add(event, "statusCode", code="completed")
    patient = _add(_add(event, "subject1", typeCode="SBJ"), "patient", classCode="PAT")
    _add(patient, "id", root=_at(request.body, _VALUE + "@root"), extension=_at(request.body, _VALUE + "@extension"))
    _add(patient, "statusCode", code="active" if state == registry.OPEN else "terminated")
    person = _add(patient, "patientPerson", classCode="PSN", determinerCode="INSTANCE")
    _add(person, "name", nullFlavor="NI")
    for key, system in (("COMPTE_INTERNET_OUVERT", _INTERNET_ACCOUNT), ("RATTACHEMENT_ENS", _MON_ESPACE_SANTE)):
        subject = _add(patient, "subjectOf", typeCode="SBJ")
        observation = _add(subject, "administrativeObservation", classCode="OBS", moodCode="EVN")
        _add(observation, "code", code=key, codeSystem=system)
        _add(observation, "value", value="true").set(_TYPE, "BL")
    custodian = _add(_add(event, "custodian", typeCode="CST"), "assignedEntity", classCode="ASSIGNED")
    _add(custodian, "id", root=_DMP)


def _add(parent: Element, name: str, **attributes: str) -> Element:
    return etree.SubElement(parent, f"{{{V3}}}{name}", attributes)


def _at(element: Element, path: str) -> str:
    return next((str(value) for value in element.xpath(path, namespaces=_NS)), "")

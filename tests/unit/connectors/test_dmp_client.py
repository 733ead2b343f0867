"""What the connector makes of each answer, and what it never tells."""

import logging
from dataclasses import replace

import pytest
from lxml import etree

from dui_fhir.connectors.dmp import DmpConnector, mtom
from dui_fhir.connectors.dmp.transport import NoResponse, Response
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.ports import Delivered, Rejected, RetryLater
from dui_fhir.settings import Settings

from .conftest import ENTRY

SOAP = "http://www.w3.org/2003/05/soap-envelope"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SECRETS = ("259118414600153", "EXEMPLE", "JEANNE", "1959", "Modèle")


def soap(inner, status=200):
    body = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{inner}</s:Body></s:Envelope>'
    return Response(status=status, content_type="application/soap+xml", body=body.encode())


def registry(*codes, success=False, severity="Error"):
    errors = "".join(
        f'<r:RegistryError errorCode="{c}" codeContext="EXEMPLE JEANNE 259118414600153" '
        f'severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:{severity}"/>'
        for c in codes
    )
    word = "Success" if success else "Failure"
    return soap(f'<r:RegistryResponse xmlns:r="{RS}" status="{STATUS}:{word}">{errors}</r:RegistryResponse>')


def fault(code):
    return soap(
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value><s:Subcode><s:Value>x:Broken</s:Value></s:Subcode></s:Code>"
        "<s:Reason><s:Text>EXEMPLE JEANNE</s:Text></s:Reason></s:Fault>",
        500,
    )


def found(*entries):
    objects = "".join(
        f'<i:ExtrinsicObject xmlns:i="{RIM}" id="{uuid}" status="urn:oasis:names:tc:ebxml-regrep:StatusType:{status}">'
        f'<i:Slot name="hash"><i:ValueList><i:Value>{sha1}</i:Value></i:ValueList></i:Slot></i:ExtrinsicObject>'
        for uuid, status, sha1 in entries
    )
    list_ = f'<l xmlns="{RIM}">{objects}</l>'
    return soap(f'<q:AdhocQueryResponse xmlns:q="{QUERY}" status="{STATUS}:Success">{list_}</q:AdhocQueryResponse>')


class Wire:
    """A transport with scripted answers by service; keeps what was sent."""

    def __init__(self, **answers):
        self.answers = {service: list(given) for service, given in answers.items()}
        self.sent = []

    def url(self, service):
        return f"http://127.0.0.1/{service}"

    def post(self, service, message):
        self.sent.append((service, message))
        return self.answers[service].pop(0)


@pytest.fixture
def deliver(dossier, signer):
    def run(wire, *, job=None, archive=None, exists=False):
        settings = Settings({"dmp_check_existence": exists})
        connector = DmpConnector(
            settings, clock=FixedClock(1_781_683_200_000), signer=signer, transport=wire, archive=archive
        )
        return connector.deliver("demo", job or replace(dossier.job(), attempts=1), dossier)

    return run


FAULTS = {
    "not reached": (NoResponse(sent=False, why="ConnectError"), RetryLater, "dmp-unreachable"),
    "no answer": (NoResponse(sent=True, why="ReadTimeout"), RetryLater, "dmp-no-answer"),
    "http 500": (Response(status=500, content_type="text/html", body=b"oops"), RetryLater, "dmp-unavailable"),
    "http 503": (Response(status=503, content_type="", body=b"", retry_after_s=90.0), RetryLater, "dmp-unavailable"),
    "http 403": (Response(status=403, content_type="text/html", body=b""), RetryLater, "dmp-unavailable"),
    "http 400": (Response(status=400, content_type="text/html", body=b""), Rejected, "dmp-http"),
    "http 302": (Response(status=302, content_type="text/html", body=b""), RetryLater, "dmp-unavailable"),
    "fault of ours": (fault("Sender"), Rejected, "dmp-fault"),
    "fault of theirs": (fault("Receiver"), RetryLater, "dmp-unavailable"),
    "truncated": (
        Response(status=200, content_type="application/soap+xml", body=b"<s:Enve"),
        RetryLater,
        "dmp-unreadable",
    ),
    "html": (Response(status=200, content_type="text/html", body=b"<html/>"), RetryLater, "dmp-unreadable"),
    "entities": (
        Response(status=200, content_type="text/xml", body=b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'),
        RetryLater,
        "dmp-unreadable",
    ),
    "two bodies": (soap("<a/><b/>"), RetryLater, "dmp-unreadable"),
    "busy": (registry("XDSRepositoryBusy"), RetryLater, "dmp-busy"),
    "busy and more": (registry("XDSRepositoryBusy", "XDSRegistryMetadataError"), Rejected, "dmp-refused"),
    "no such patient": (registry("XDSUnknownPatientId"), Rejected, "dmp-refused"),
    "code of the DMP": (registry("DMPFoo"), Rejected, "dmp-refused"),
    "failure without code": (registry(), Rejected, "dmp-refused"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_deliver__each_fault__its_delivery_without_personal_data(deliver, caplog, case):
    answer, kind, id = FAULTS[case]
    caplog.set_level(logging.DEBUG)
    delivery = deliver(Wire(repository=[answer]))
    assert isinstance(delivery, kind)
    issues = delivery.issues if isinstance(delivery, Rejected) else (delivery.issue,)
    assert issues[0].id == id
    assert not any(secret in f"{issues}{caplog.text}" for secret in SECRETS)


def test_deliver__retry_after__passed_on(deliver):
    delivery = deliver(Wire(repository=[FAULTS["http 503"][0]]))
    assert delivery.after_s == 90.0


def test_deliver__error_code_that_holds_a_matricule__not_repeated(deliver):
    delivery = deliver(Wire(repository=[registry("X259118414600153")]))
    assert "259118414600153" not in str(delivery)


def test_deliver__success__evidence_of_ids_and_time(deliver, gathered, dossier):
    delivery = deliver(Wire(repository=[registry(success=True)]))
    assert isinstance(delivery, Delivered)
    assert delivery.evidence["uniqueId"] == gathered(dossier).document.unique_id
    assert delivery.evidence["acknowledged"] == "2026-06-17T08:00:00.000Z"
    assert not any(secret in str(delivery) for secret in SECRETS)


def test_deliver__success_with_warnings__delivered_and_told(deliver):
    delivery = deliver(Wire(repository=[registry("XDSExtraMetadataNotSaved", success=True, severity="Warning")]))
    assert delivery.evidence["warnings"] == "XDSExtraMetadataNotSaved"


def test_deliver__mtom_answer__read(deliver):
    packed = mtom.package(registry(success=True).body, [], "urn:x")
    answer = Response(status=200, content_type=packed.content_type, body=packed.body)
    assert isinstance(deliver(Wire(repository=[answer])), Delivered)


def test_deliver__same_job_twice__same_ids_and_documents_but_another_assertion(deliver):
    wires = [Wire(repository=[registry(success=True)]) for _ in range(2)]
    one, two = (deliver(wire) for wire in wires)
    assert one.evidence == two.evidence
    first, second = (_parts(wire) for wire in wires)
    assert first[1:] == second[1:]
    assert first[0] != second[0]


def _parts(wire):
    body = wire.sent[0][1].body
    return [piece.partition(b"\r\n\r\n")[2] for piece in body.split(b"--dui-fhir-mtom")[1:-1]]


def test_deliver__duplicate_with_our_hash__already_there(deliver, message, dossier):
    sha1 = message(dossier).sha1
    wire = Wire(repository=[registry("XDSDuplicateUniqueIdInRegistry")], registry=[found((ENTRY, "Approved", sha1))])
    delivery = deliver(wire)
    assert isinstance(delivery, Delivered)
    assert delivery.evidence["already"] == "true"


def test_deliver__duplicate_of_an_id_bound_to_the_content__already_there(deliver):
    """The patient's address may change between two attempts: the header differs, the document is the same."""
    wire = Wire(repository=[registry("XDSNonIdenticalHash")], registry=[found((ENTRY, "Approved", "0" * 40))])
    assert isinstance(deliver(wire), Delivered)


def test_deliver__duplicate_of_a_given_id_with_another_content__rejected(deliver, dossier):
    dossier["DocumentReference/projet-1"]["masterIdentifier"] = {"value": "urn:oid:1.2.250.1.999.42"}
    wire = Wire(repository=[registry("XDSNonIdenticalHash")], registry=[found((ENTRY, "Approved", "0" * 40))])
    assert isinstance(deliver(wire), Rejected)


def test_deliver__duplicate_that_cannot_be_looked_up__tried_again(deliver):
    wire = Wire(
        repository=[registry("XDSDuplicateUniqueIdInRegistry")], registry=[NoResponse(sent=False, why="ConnectError")]
    )
    assert isinstance(deliver(wire), RetryLater)


def test_deliver__later_attempt__asks_first_and_does_not_send_again(deliver, message, dossier):
    wire = Wire(registry=[found((ENTRY, "Approved", message(dossier).sha1))])
    delivery = deliver(wire, job=replace(dossier.job(), attempts=2))
    assert isinstance(delivery, Delivered)
    assert [service for service, _ in wire.sent] == ["registry"]


def test_deliver__later_attempt_and_nothing_there__sends(deliver, dossier):
    wire = Wire(registry=[found()], repository=[registry(success=True)])
    assert isinstance(deliver(wire, job=replace(dossier.job(), attempts=2)), Delivered)
    assert [service for service, _ in wire.sent] == ["registry", "repository"]


def test_deliver__replacement__targets_the_entry_of_the_registry(deliver, dossier):
    wire = Wire(registry=[found((ENTRY, "Approved", ""))], repository=[registry(success=True)])
    job = replace(dossier.job("projet-2", "projet-1"), attempts=1)
    assert isinstance(deliver(wire, job=job), Delivered)
    assert f'targetObject="{ENTRY}"'.encode() in wire.sent[1][1].body


def test_deliver__replaced_version_not_in_force__rejected(deliver, dossier):
    wire = Wire(registry=[found((ENTRY, "Deprecated", ""))])
    delivery = deliver(wire, job=replace(dossier.job("projet-2", "projet-1"), attempts=1))
    assert [i.id for i in delivery.issues] == ["dmp-replaced-not-current"]


def test_deliver__replaced_version_that_never_arrived__sent_as_new(deliver, dossier):
    wire = Wire(registry=[found()], repository=[registry(success=True)])
    assert isinstance(deliver(wire, job=replace(dossier.job("projet-2", "projet-1"), attempts=1)), Delivered)
    assert b"RPLC" not in wire.sent[1][1].body


def test_deliver__incomplete_dossier__rejected_without_any_call(deliver, dossier):
    dossier["Patient/usager"]["extension"] = []
    wire = Wire()
    delivery = deliver(wire)
    assert {i.id for i in delivery.issues} == {"dmp-ins-not-qualified", "dmp-traits"}
    assert wire.sent == []


def _existence(code, status="active"):
    patient = f'<subject><patient><statusCode code="{status}"/></patient></subject>' if code == "OK" else ""
    return soap(
        f'<PRPA_IN201308UV02 xmlns="urn:hl7-org:v3"><controlActProcess>{patient}<queryAck>'
        f'<queryResponseCode code="{code}"/></queryAck></controlActProcess></PRPA_IN201308UV02>'
    )


@pytest.mark.parametrize(("code", "status"), [("NF", ""), ("OK", "terminated")])
def test_deliver__no_open_dmp__waits_a_day(deliver, code, status):
    delivery = deliver(Wire(patients=[_existence(code, status)]), exists=True)
    assert isinstance(delivery, RetryLater)
    assert (delivery.issue.id, delivery.after_s) == ("dmp-closed", 86_400.0)


@pytest.mark.parametrize("answer", [_existence("OK"), fault("Sender"), soap("<odd/>")])
def test_deliver__open_dmp_or_no_clear_word__sends(deliver, answer):
    wire = Wire(patients=[answer], repository=[registry(success=True)])
    assert isinstance(deliver(wire, exists=True), Delivered)


def test_deliver__archive__every_artefact_once(deliver):
    kept = {}
    deliver(Wire(repository=[registry(success=True)]), archive=lambda job, files: kept.update(files))
    assert set(kept) == {"cda.xml", "metadata.xml", "request.mtom", "response"}
    assert etree.fromstring(kept["cda.xml"]).tag == "{urn:hl7-org:v3}ClinicalDocument"


def test_connector__remote_dmp_without_seal__refuses_to_start():
    with pytest.raises(ConfigurationError) as refused:
        DmpConnector(Settings({"dmp_url": "https://dmp.example/si-dmp-server/v2/services"}))
    assert refused.value.issues[0].id == "dmp-seal"

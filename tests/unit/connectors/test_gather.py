"""From FHIR to a document: what is read, and all that is missing told at once."""

from datetime import UTC, datetime, timedelta

import pytest

from dui_fhir.connectors.cda.values import Device, Professional
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.outbox import dmp_job


def _faults(gathered, dossier, job=None):
    with pytest.raises(Unprocessable) as refused:
        gathered(dossier, job)
    return {issue.id for issue in refused.value.issues}


def test_gather__complete_dossier__reads_codes_people_and_times(gathered, dossier):
    document = gathered(dossier).document
    assert (document.type.code, document.type.display) == ("80788-3", "Projet personnalisé d'accompagnement")
    assert document.patient.ins == "259118414600153"
    assert (document.patient.given, document.patient.first_given) == ("JEANNE MARIE", "JEANNE")
    assert document.created == datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
    assert document.created.utcoffset() == timedelta(hours=2)
    assert document.custodian.id == "1350000000"
    assert document.stay.facility.code == "SA17"
    assert gathered(dossier).class_code.code == "44"


def test_gather__director_without_rpps__structure_identifier(gathered, dossier):
    signatory = gathered(dossier).document.legal_authenticator
    assert signatory.who.id == "3350000000/D1"
    assert signatory.who.code.code == "359"


def test_gather__signatures__responsible_first_others_after_and_not_the_person(gathered, dossier):
    document = gathered(dossier).document
    assert document.legal_authenticator.time == datetime(2026, 6, 16, 7, 0, tzinfo=UTC)
    assert [s.who.id for s in document.authenticators] == ["899700000012"]


def test_gather__same_signer_by_role_and_by_person__counted_once(gathered, dossier):
    dossier["DocumentReference/projet-1"]["authenticator"] = {"reference": "Practitioner/infirmiere"}
    document = gathered(dossier).document
    assert document.legal_authenticator.who.id == "899700000012"
    assert document.legal_authenticator.time == datetime(2026, 6, 16, 8, 15, tzinfo=UTC)
    assert [s.who.id for s in document.authenticators] == ["3350000000/D1"]


def test_gather__paper_signature__its_date(gathered, dossier):
    evidence = dossier["Provenance/signature"]
    del evidence["signature"]
    evidence["activity"] = {"coding": [{"code": "signed-on-paper"}]}
    evidence["occurredDateTime"] = "2026-06-18"
    assert gathered(dossier).document.legal_authenticator.time == datetime(2026, 6, 17, 22, 0, tzinfo=UTC)


def test_gather__practice_unknown_to_the_dmp__the_setting(gathered, dossier):
    assert gathered(dossier).document.act.practice.code == "AMBULATOIRE"


def test_gather__rpps_of_eleven_digits__prefixed(gathered, dossier):
    dossier["Practitioner/infirmiere"]["identifier"] = [
        {"system": "https://rpps.esante.gouv.fr", "value": "99700000012"}
    ]
    author = gathered(dossier).document.authors[0].who
    assert isinstance(author, Professional)
    assert author.id == "899700000012"


def test_gather__author_by_identifier_only__found_in_the_store(gathered, dossier):
    identifier = {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "899700000012"}
    dossier["DocumentReference/projet-1"]["author"] = [{"identifier": identifier}]
    assert gathered(dossier).document.authors[0].who.name.family == "Modèle"


def test_gather__structure_as_author__its_software(gathered, dossier):
    dossier["DocumentReference/projet-1"]["author"] = [{"reference": "Organization/ehpad"}]
    author = gathered(dossier).document.authors[0].who
    assert isinstance(author, Device)
    assert author.id == "3350000000/dui"


def test_gather__everything_missing__all_faults_together(gathered, dossier):
    document = dossier["DocumentReference/projet-1"]
    job = dossier.job()
    document |= {"docStatus": "preliminary", "type": {"coding": [{"code": "51851-4"}]}, "author": []}
    document["context"] = {}
    del document["custodian"]
    dossier["Patient/usager"].update(extension=[], name=[])
    found = _faults(gathered, dossier, job)
    assert {
        "dmp-not-final",
        "dmp-type",
        "dmp-custodian",
        "dmp-ins-not-qualified",
        "dmp-traits",
        "dmp-facility",
    } <= found


def test_gather__no_signature__told(gathered, dossier):
    del dossier["DocumentReference/projet-1"]["authenticator"]
    del dossier.resources["Provenance/signature"]
    assert _faults(gathered, dossier) == {"dmp-no-authenticator"}


@pytest.mark.parametrize(
    ("status", "qualified"),
    [("QUAL", True), ("VALI", False), ("RECUP", False), ("PROV", False)],
)
def test_gather__identity_status_of_fr_core_2_2__only_qualified_leaves(gathered, dossier, status, qualified):
    system = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-status"
    reliability = dossier["Patient/usager"]["extension"][0]
    reliability["extension"] = [{"url": "identityStatus", "valueCoding": {"system": system, "code": status}}]
    if qualified:
        assert gathered(dossier).document.patient.ins
    else:
        assert _faults(gathered, dossier) == {"dmp-ins-not-qualified"}


def test_gather__doubtful_identity__stays(gathered, dossier):
    parts = dossier["Patient/usager"]["extension"][0]["extension"]
    parts.append({"url": "comment", "valueCoding": {"system": "x", "code": "DOUT"}})
    assert _faults(gathered, dossier) == {"dmp-ins-not-qualified"}


@pytest.mark.parametrize("missing", ["gender", "birthDate", "name"])
def test_gather__matricule_without_a_trait__refused_without_telling_it(gathered, dossier, missing):
    del dossier["Patient/usager"][missing]
    with pytest.raises(Unprocessable) as refused:
        gathered(dossier)
    assert [i.id for i in refused.value.issues] == ["dmp-traits"]
    assert not any(trait in str(refused.value.issues) for trait in ("259118", "EXEMPLE", "JEANNE", "1959"))


def test_gather__content_changed_since_the_request__refused(gathered, dossier):
    dossier["Binary/projet-1"]["data"] = "JVBERi0xLjQK"
    assert _faults(gathered, dossier) == {"dmp-changed"}


def test_gather__content_gone_or_no_pdf__told(gathered, dossier):
    del dossier.resources["Binary/projet-1"]
    assert _faults(gathered, dossier) == {"dmp-no-content"}
    attachment = dossier["DocumentReference/projet-1"]["content"][0]["attachment"]
    attachment["data"] = "UEsDBA=="
    assert _faults(gathered, dossier, dossier.job()) == {"dmp-not-pdf"}


def test_gather__document_deleted__told(gathered, dossier):
    job = dossier.job()
    del dossier.resources["DocumentReference/projet-1"]
    assert _faults(gathered, dossier, job) == {"dmp-no-document"}


def test_gather__replacement__same_set_next_version_and_parent(gathered, dossier):
    first = gathered(dossier).document
    second = gathered(dossier, dossier.job("projet-2", "projet-1")).document
    assert (first.version, second.version) == (1, 2)
    assert first.set_id == second.set_id
    assert second.replaces == first.unique_id


def test_gather__loop_of_replacements__ends(gathered, dossier):
    link = {"code": "replaces", "target": {"reference": "DocumentReference/projet-2"}}
    dossier["DocumentReference/projet-1"]["relatesTo"] = [link]
    assert gathered(dossier).document.version == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("urn:oid:1.2.250.1.999.42", "1.2.250.1.999.42"),
        ("urn:uuid:00000000-0000-0000-0000-00000000002a", "2.25.42"),
    ],
)
def test_gather__master_identifier_with_an_oid__is_the_unique_id(gathered, dossier, value, expected):
    dossier["DocumentReference/projet-1"]["masterIdentifier"] = {"system": "urn:ietf:rfc:3986", "value": value}
    assert gathered(dossier).document.unique_id == expected


def test_gather__same_job_twice__same_document(gathered, dossier):
    assert gathered(dossier) == gathered(dossier)


def test_gather__other_content__other_unique_id(gathered, dossier):
    before = gathered(dossier).document.unique_id
    attachment = dossier["DocumentReference/projet-1"]["content"][0]["attachment"]
    attachment["data"] = "JVBERi0xLjQK"
    job, _ = dmp_job(dossier["DocumentReference/projet-1"], replaces=None, actor=_actor(), now=datetime.now(UTC))
    assert gathered(dossier, job).document.unique_id != before


def _actor():
    from dui_fhir.domain.actor import Actor

    return Actor()

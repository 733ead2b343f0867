"""The VIHF: who speaks, for whom, once."""

import pytest
from signxml.algorithms import SignatureMethod

ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
OTHER = "159118414600153^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH"

ATTRIBUTE_FAULTS = [
    ("Identifiant_Structure", "", "SIM-VIHF-ATTRIBUT"),
    ("Identifiant_Structure", "99", "SIM-VIHF-STRUCTURE-ID"),
    ("Secteur_Activite", "SA17", "SIM-VIHF-SECTEUR"),
    ("urn:oasis:names:tc:xspa:1.0:subject:subject-id", "", "SIM-VIHF-ATTRIBUT"),
    (ROLE, "", "SIM-VIHF-ROLE"),
    (ROLE, '<Role xmlns="urn:hl7-org:v3" code="zz" codeSystem="1.2.250.1.71.1.2.7"/>', "SIM-VIHF-ROLE"),
    ("VIHF_Version", "1.0", "SIM-VIHF-VERSION"),
    ("Authentification_mode", "AUTRE", "SIM-VIHF-MODE"),
    ("Authentification_mode", "DIRECTE", "SIM-VIHF-MODE"),
    (RESOURCE, OTHER, "SIM-VIHF-PATIENT"),
    (RESOURCE, "", "SIM-VIHF-PATIENT"),
    (RESOURCE, "259118414600153", "SIM-VIHF-PATIENT"),
    ("Ressource_URN", "urn:autre", "SIM-VIHF-RESSOURCE"),
    (PURPOSE, "", "SIM-VIHF-FINALITE"),
    ("LPS_ID_HOMOLOGATION_DMP", "", "SIM-VIHF-ATTRIBUT"),
]


@pytest.mark.parametrize(("name", "value", "code"), ATTRIBUTE_FAULTS)
def test_vihf__attribute_missing_or_wrong__is_a_fault(dmp, name, value, code):
    assert dmp.provide(vihf=dmp.vihf(**{name: value})) == code
    assert dmp.received() == []


STRUCTURE_FAULTS = [
    ("issuer", ("O=EHPAD DES ESSAIS", "O=AUTRE"), "SIM-VIHF-EMETTEUR"),
    ("issuer's format", ("X509SubjectName", "unspecified"), "SIM-VIHF-EMETTEUR"),
    ("professional", ("899700000012", "99"), "SIM-VIHF-PROFESSIONNEL"),
    ("authentication context", ("classes:TLSClient", "classes:Password"), "SIM-VIHF-MODE"),
    ("version", ('Version="2.0"', 'Version="1.1"'), "SIM-VIHF-STRUCTURE"),
    ("local time", (":00Z", ":00+02:00"), "SIM-VIHF-STRUCTURE"),
    ("too old", ("2026-06-15T13:00:00Z", "2026-06-15T12:50:00Z"), "SIM-VIHF-PERIME"),
    ("of the future", ("2026-06-15T13:00:00Z", "2026-06-15T13:05:00Z"), "SIM-VIHF-PERIME"),
    ("conditions over", ("<saml2:AuthnStatement", '<saml2:Conditions NotOnOrAfter="2026-06-15T12:00:00Z"/><saml2:AuthnStatement'),
     "SIM-VIHF-PERIME"),
    ("order", ("<saml2:AuthnStatement", "<saml2:Subject/><saml2:AuthnStatement"), "SIM-VIHF-STRUCTURE"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [pytest.param(c, e, id=n) for n, c, e in STRUCTURE_FAULTS])
def test_vihf__assertion_wrong__is_a_fault(dmp, change, code):
    assert dmp.provide(vihf=dmp.vihf([change])) == code


def test_vihf__changed_after_signing__is_a_fault(dmp):
    signed = dmp.vihf().replace("MODELE Anne", "MODELE Paul")

    assert dmp.provide(vihf=signed) == "SIM-VIHF-SIGNATURE"


def test_vihf__signed_part_hidden_in_a_forged_one__is_a_fault(dmp):
    signed = dmp.vihf()
    forged = signed.replace("MODELE Anne", "MODELE Paul").replace(' ID="_', ' ID="_f', 1)
    wrapped = forged.replace("</saml2:AttributeStatement>", f"{signed}</saml2:AttributeStatement>")

    assert dmp.provide(vihf=wrapped).startswith("SIM-VIHF-S")


def test_vihf__used_twice__is_a_fault_even_after_a_restart(dmp, make_dmp):
    signed = dmp.vihf()
    dmp.provide(vihf=signed)

    assert dmp.provide(vihf=signed) == "SIM-VIHF-REJEU"
    assert make_dmp().provide(vihf=signed) == "SIM-VIHF-REJEU"


def test_vihf__absent__is_a_fault(dmp):
    assert dmp.provide(vihf="") == "SIM-VIHF-ABSENT"


def test_vihf__certificate_over__is_a_fault(dmp):
    dmp.clock_ms[0] += 3 * 86_400_000

    assert dmp.provide() == "SIM-VIHF-CERTIFICAT"


def test_vihf__short_key__is_a_fault(make_dmp):
    assert make_dmp(rsa_bits_min=3072).provide() == "SIM-VIHF-CERTIFICAT"


def test_vihf__rsa_sha512__is_accepted(dmp):
    assert dmp.provide(vihf=dmp.vihf(method=SignatureMethod.RSA_SHA512)) == "Success"


def test_vihf__capital_m_of_the_mode__is_accepted(dmp):
    vihf = dmp.vihf(Authentification_mode="", Authentification_Mode="INDIRECTE")

    assert dmp.provide(vihf=vihf) == "Success"

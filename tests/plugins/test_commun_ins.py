"""INS identities. Sources: RNIV v2.0; FR Core 2.1.0 and 2.2.0; published test people of INSi."""

import copy
from typing import Any

import pytest
from dui_fhir_plugins.commun import ins
from hypothesis import given
from hypothesis import strategies as st

NIR_TEST = "urn:oid:1.2.250.1.213.1.4.10"
INS_TYPE = {"coding": [{"system": f"{ins.CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR-TEST"}]}


def part(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}


def patient(*parts: dict[str, Any], matricule: str = "236066322083656", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resourceType": "Patient",
        "extension": [
            {"url": ins.RELIABILITY, "extension": list(parts)},
            {
                "url": ins.BIRTH_PLACE,
                "valueAddress": {"extension": [{"url": ins.INSEE_CODE, "valueCoding": {"code": "63220"}}]},
            },
        ],
        "identifier": [{"use": "official", "type": INS_TYPE, "system": NIR_TEST, "value": matricule}]
        if matricule
        else [],
        "name": [
            {
                "use": "official",
                "family": "TCHITCHI",
                "given": ["CATARINA"],
                "extension": [{"url": ins.GIVEN_LIST, "valueString": "CATARINA BELLA"}],
            }
        ],
        "gender": "female",
        "birthDate": "1936-06-21",
    }
    return {**body, **changes}


def status(code: str, system: str = f"{ins.CORE}/CodeSystem/fr-core-cs-v2-0445") -> dict[str, Any]:
    return part("identityStatus", valueCoding={"system": system, "code": code})


DOCUMENT = (part("validationMode", valueCoding={"code": "CN"}), part("validationDate", valueDate="2026-01-10"))
INSI_2_1 = (part("methodCollection", valueCoding={"code": "INSI"}), part("dateCollection", valueDate="2026-01-10"))
INSI_2_2 = (part("dateInterrogationINSi", valueDate="2026-01-10"),)


@pytest.mark.parametrize(
    ("code", "system", "matricule", "expected", "explicit"),
    [
        ("PROV", "v2-0445", False, "PROV", False), ("PROV", "v2-0445", True, "RECUP", False),
        ("VALI", "v2-0445", False, "VALI", False), ("VALI", "v2-0445", True, "QUAL", False),
        ("PROV", "identity-status", True, "PROV", True), ("VALI", "identity-status", True, "VALI", True),
        ("RECUP", "identity-status", True, "RECUP", True), ("QUAL", "identity-status", True, "QUAL", True),
    ],
)  # fmt: skip
def test_identity__status_in_both_encodings__status_of_the_rniv(
    code: str, system: str, matricule: bool, expected: str, explicit: bool
) -> None:
    body = patient(
        status(code, f"{ins.CORE}/CodeSystem/fr-core-cs-{system}"), matricule="236066322083656" if matricule else ""
    )
    found = ins.identity(body)
    assert (found.status, found.explicit) == (expected, explicit)


def test_identity__no_reliability_extension__provisional() -> None:
    assert ins.identity({"resourceType": "Patient"}).status == "PROV"


@pytest.mark.parametrize(
    "parts",
    [(status("VALI"), *DOCUMENT, *INSI_2_1), (status("QUAL", ins.STATUS_2_2), *DOCUMENT, *INSI_2_2)],
    ids=["2.1.0", "2.2.0"],
)
def test_is_qualified__status_traits_and_both_proofs__yes(parts: tuple[dict[str, Any], ...]) -> None:
    assert ins.is_qualified(patient(*parts))


@pytest.mark.parametrize("removed", range(5))
def test_is_qualified__one_part_of_the_evidence_missing__no(removed: int) -> None:
    parts = [status("VALI"), *DOCUMENT, *INSI_2_1]
    del parts[removed]
    assert not ins.is_qualified(patient(*parts))


@pytest.mark.parametrize("document", ["PC", "CC", "CM", "TC", ""])
def test_is_qualified__document_without_high_trust__no(document: str) -> None:
    mode = part("validationMode", valueCoding={"code": document})
    assert not ins.is_qualified(patient(status("VALI"), mode, DOCUMENT[1], *INSI_2_1))


@pytest.mark.parametrize("attribute", ["DOUT", "FICT"])
def test_is_qualified__doubtful_or_fictitious_in_a_second_occurrence__no(attribute: str) -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["extension"].append({"url": ins.RELIABILITY, "extension": [status(attribute)]})
    assert not ins.is_qualified(body)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"name": []}, ("nom de naissance", "liste des prénoms de naissance")),
        ({"birthDate": "1936-06"}, ("date de naissance complète",)),
        ({"birthDate": ""}, ("date de naissance complète",)),
        ({"gender": "unknown"}, ("sexe",)),
        ({"extension": []}, ("code du lieu de naissance",)),
    ],
)
def test_traits__one_absent__named(changes: dict[str, Any], missing: tuple[str, ...]) -> None:
    assert ins.identity(patient(**changes)).traits.missing() == missing


@pytest.mark.parametrize("ended", [{"use": "old"}, {"period": {"end": "2020-01-01"}}])
def test_identity__matricule_of_the_past__not_in_force(ended: dict[str, Any]) -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["identifier"][0].update(ended)
    assert ins.identity(body).matricule == ""
    assert not ins.is_qualified(body)


@pytest.mark.parametrize(
    "matricule",
    ["275126322074974", "236066322083656", "180032B02040123", "109076322083489", "110086322083060", "297022A02077878",
     "160012B02077713", "109076322088835", "209076322083439", "209066322012355"],
)  # fmt: skip
def test_key_is_right__published_test_people__yes(matricule: str) -> None:
    assert ins.key_is_right(matricule)


@pytest.mark.parametrize(
    "matricule", ["181036322045660", "281036322045610", "147720425367411", "", "1", "X" * 15, "297022C02077878"]
)
def test_key_is_right__wrong_key_or_form__no(matricule: str) -> None:
    assert not ins.key_is_right(matricule)


@given(st.from_regex(r"[1-478][0-9]{4}([0-9]{2}|2A|2B)[0-9]{6}", fullmatch=True), st.integers(0, 12))
def test_key_is_right__one_digit_changed__no(number: str, place: int) -> None:
    letters = {"2A": "19", "2B": "18"}
    plain = number[:5] + letters.get(number[5:7], number[5:7]) + number[7:]
    key = f"{97 - int(plain) % 97:02d}"
    assert ins.key_is_right(number + key)
    if number[place].isdigit() and place not in (5, 6):
        changed = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        assert not ins.key_is_right(changed + key)


@pytest.mark.parametrize(
    ("first", "given", "right"),
    [
        ("PIERRE-ALAIN", "PIERRE-ALAIN MURIEL FLORIANT", True), ("PIERRE", "PIERRE-ALAIN MURIEL FLORIANT", True),
        ("PIERRE ALAIN", "Pierre-Alain Muriel", True), ("MURIEL", "PIERRE-ALAIN MURIEL", False), ("PIERR", "PIERRE", False),
        ("", "PIERRE", True), ("PIERRE", "", True),
    ],
)  # fmt: skip
def test_first_name_starts_list__hyphen_as_space__rule_of_the_rniv(first: str, given: str, right: bool) -> None:
    body = copy.deepcopy(patient())
    body["name"][0]["given"] = [first]
    body["name"][0]["extension"][0]["valueString"] = given
    assert ins.first_name_starts_list(ins.identity(body)) is right


def test_identity__social_security_number_under_the_same_oid__no_matricule() -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["identifier"][0]["type"] = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NH"}]
    }
    found = ins.identity(body)
    assert (found.matricule, found.status) == ("", "VALI")
    assert not ins.is_qualified(body)

"""INS identities, read from and written to each version of FR Core. Sources: RNIV v2.0; FR Core; published test people of INSi."""

import copy
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import ins
from dui_fhir.domain import ins_fr_core as core
from dui_fhir.domain.ins import Identity, Traits

NIR_TEST = "urn:oid:1.2.250.1.213.1.4.10"
INS_TYPE = {"coding": [{"system": f"{core.CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR-TEST"}]}


def part(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}


def patient(*parts: dict[str, Any], matricule: str = "236066322083656", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resourceType": "Patient",
        "extension": [
            {"url": core.RELIABILITY, "extension": list(parts)},
            {
                "url": core.BIRTH_PLACE,
                "valueAddress": {"extension": [{"url": core.INSEE_CODE, "valueCoding": {"code": "63220"}}]},
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
                "extension": [{"url": core.GIVEN_LIST, "valueString": "CATARINA BELLA"}],
            }
        ],
        "gender": "female",
        "birthDate": "1936-06-21",
    }
    return {**body, **changes}


def status(code: str, system: str = f"{core.CORE}/CodeSystem/fr-core-cs-v2-0445") -> dict[str, Any]:
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
        status(code, f"{core.CORE}/CodeSystem/fr-core-cs-{system}"), matricule="236066322083656" if matricule else ""
    )
    found = core.read(body)
    assert (found.status, found.explicit) == (expected, explicit)


def test_identity__no_reliability_extension__provisional() -> None:
    assert core.read({"resourceType": "Patient"}).status == "PROV"


@pytest.mark.parametrize(
    "parts",
    [(status("VALI"), *DOCUMENT, *INSI_2_1), (status("QUAL", core.STATUS_RNIV), *DOCUMENT, *INSI_2_2)],
    ids=["2.1.0", "2.2.0"],
)
def test_is_qualified__status_traits_and_both_proofs__yes(parts: tuple[dict[str, Any], ...]) -> None:
    assert core.read(patient(*parts)).qualified()


@pytest.mark.parametrize("removed", range(5))
def test_is_qualified__one_part_of_the_evidence_missing__no(removed: int) -> None:
    parts = [status("VALI"), *DOCUMENT, *INSI_2_1]
    del parts[removed]
    assert not core.read(patient(*parts)).qualified()


@pytest.mark.parametrize("document", ["PC", "CC", "CM", "TC", ""])
def test_is_qualified__document_without_high_trust__no(document: str) -> None:
    mode = part("validationMode", valueCoding={"code": document})
    assert not core.read(patient(status("VALI"), mode, DOCUMENT[1], *INSI_2_1)).qualified()


@pytest.mark.parametrize("attribute", ["DOUT", "FICT"])
def test_is_qualified__doubtful_or_fictitious_in_a_second_occurrence__no(attribute: str) -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["extension"].append({"url": core.RELIABILITY, "extension": [status(attribute)]})
    assert not core.read(body).qualified()


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
    assert core.read(patient(**changes)).traits.missing() == missing


@pytest.mark.parametrize("ended", [{"use": "old"}, {"period": {"end": "2020-01-01"}}])
def test_identity__matricule_of_the_past__not_in_force(ended: dict[str, Any]) -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["identifier"][0].update(ended)
    assert core.read(body).matricule == ""
    assert not core.read(body).qualified()


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
    assert ins.first_name_starts_list(core.read(body)) is right


def test_identity__social_security_number_under_the_same_oid__no_matricule() -> None:
    body = patient(status("VALI"), *DOCUMENT, *INSI_2_1)
    body["identifier"][0]["type"] = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NH"}]
    }
    found = core.read(body)
    assert (found.matricule, found.status) == ("", "VALI")
    assert not core.read(body).qualified()


@pytest.mark.parametrize(
    ("attributes", "right"),
    [
        ((), True), (("homonyme",), True), (("douteux",), True), (("fictif",), True), (("douteux", "homonyme"), True),
        (("fictif", "douteux"), False), (("fictif", "homonyme"), False), (("fictif", "douteux", "homonyme"), False),
    ],
)  # fmt: skip
def test_attributes__combined__only_doubtful_with_namesake(attributes: tuple[Any, ...], right: bool) -> None:
    assert Identity(status="PROV", attributes=frozenset(attributes)).compatible_attributes is right


def test_key__of_an_answer_of_insi__is_never_judged() -> None:
    typed = Identity(status="RECUP", oid="1.2.250.1.213.1.4.8", matricule="181036322045660")

    assert typed.matricule_to_check()
    assert not dataclasses.replace(typed, insi=True).matricule_to_check()


@pytest.mark.parametrize("value", [None, "x", 1, [], {}, [None], [{}], {"coding": None}, [{"url": None}], [["x"]]])
@pytest.mark.parametrize("name", ["extension", "identifier", "name", "birthDate", "gender"])
def test_read__resource_of_any_shape__an_identity(name: str, value: Any) -> None:
    assert not core.read({**patient(status("VALI")), name: value}).qualified()


def test_read__reliability_of_any_shape__an_identity() -> None:
    for part in (
        None,
        "x",
        {"url": "identityStatus"},
        {"url": "identityStatus", "valueCoding": "VALI"},
        {"valueCoding": {}},
    ):
        extension = [{"url": core.RELIABILITY, "extension": [part]}]
        assert core.read({"resourceType": "Patient", "extension": extension}).matricule == ""


_WORD = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-'", min_size=1, max_size=8)
_DAY = st.dates().map(lambda d: d.isoformat())
_VERSION = st.sampled_from(["2.1.0", "2.2.0", "2.2.0-rniv"])
_OID = st.sampled_from(sorted(ins.INS_OIDS))


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    """Return an identity that the RNIV allows."""
    status = draw(st.sampled_from(["PROV", "VALI", "RECUP", "QUAL"]))
    choices: list[frozenset[Any]] = [frozenset(), frozenset({"homonyme"})]
    if status == "PROV":
        choices += [frozenset({"fictif"}), frozenset({"douteux"}), frozenset({"douteux", "homonyme"})]
    insi = status in ins.CARRYING
    given = draw(st.lists(_WORD, min_size=1, max_size=3))
    return Identity(
        status=status,
        traits=Traits(
            family=draw(_WORD),
            given=" ".join(given),
            birth_date=draw(_DAY),
            sex=draw(st.sampled_from(["male", "female", "unknown"])),
            cog=draw(st.from_regex(r"[0-9]{5}|2[AB][0-9]{3}", fullmatch=True)),
        ),
        oid=draw(_OID) if insi else "",
        matricule=draw(st.from_regex(r"[1-4][0-9]{14}", fullmatch=True)) if insi else "",
        first_name=given[0],
        document=draw(st.sampled_from(["", "CN", "PA"])),
        document_date=draw(_DAY),
        insi=insi,
        insi_date=draw(_DAY) if insi else "",
        attributes=draw(st.sampled_from(choices)),
    )


@pytest.mark.parametrize("version", ["2.1.0", "2.2.0", "2.2.0-rniv"])
@given(identity=identities())
def test_write_then_read__any_identity_of_the_rniv__is_the_same(version: core.CoreVersion, identity: Identity) -> None:
    written = core.write({"resourceType": "Patient"}, identity, version)

    assert core.read(written) == dataclasses.replace(identity, explicit=version == "2.2.0-rniv")


@given(
    identity=identities(),
    first=st.sampled_from(["2.1.0", "2.2.0", "2.2.0-rniv"]),
    then=st.sampled_from(["2.1.0", "2.2.0-rniv"]),
)
def test_write__from_one_version_to_another__nothing_of_the_first_stays(
    identity: Identity, first: core.CoreVersion, then: core.CoreVersion
) -> None:
    kept = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}], "active": True}

    once = core.write(core.write(kept, identity, first), identity, then)

    assert once == core.write(kept, identity, then)
    assert once["identifier"][-1] == {"system": "urn:x", "value": "1"}


def test_write__over_a_patient__keeps_what_is_not_identity() -> None:
    place = {
        "url": core.BIRTH_PLACE,
        "valueAddress": {
            "city": "Paris",
            "extension": [
                {"url": "urn:x", "valueCode": "x"},
                {"url": core.INSEE_CODE, "valueCoding": {"code": "75056"}},
            ],
        },
    }
    old = {"use": "old", "type": INS_TYPE, "system": NIR_TEST, "value": "209076322083439"}
    social = {
        "use": "official",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NH"}]},
        "system": NIR_TEST,
        "value": "1",
    }
    usual = {"use": "usual", "family": "X"}
    before = patient(status("VALI"), *DOCUMENT, *INSI_2_1, telecom=[{"value": "1"}])
    before["extension"] = [before["extension"][0], place, {"url": "urn:y", "valueCode": "y"}]
    before["identifier"] += [old, social]
    before["name"].append(usual)
    changed = dataclasses.replace(
        core.read(before), status="PROV", insi=False, insi_date="", attributes=frozenset({"douteux"})
    )

    after = core.write(before, changed, "2.1.0")

    assert after["identifier"] == [old, social]
    assert after["name"][-1] == usual
    assert after["telecom"] == [{"value": "1"}]
    assert after["extension"][2]["valueAddress"]["city"] == "Paris"
    assert after["extension"][2]["valueAddress"]["extension"][-1] == {"url": "urn:x", "valueCode": "x"}
    assert after["extension"][-1] == {"url": "urn:y", "valueCode": "y"}
    assert not core.read(after).claimed


_ATTRIBUTES = st.sets(st.sampled_from(["homonyme", "douteux", "fictif"]))


@given(identity=identities(), version=_VERSION, attributes=_ATTRIBUTES, ended=st.booleans())
def test_claimed_ins__any_identity__is_the_judgement_of_the_whole_reading(
    identity: Identity, version: core.CoreVersion, attributes: set[Any], ended: bool
) -> None:
    body = core.write(
        {"resourceType": "Patient"}, dataclasses.replace(identity, attributes=frozenset(attributes)), version
    )
    if ended and body.get("identifier"):
        body["identifier"][0]["period"] = {"end": "2020-01-01"}

    assert bool(core.claimed_ins(body)) == core.read(body).claimed

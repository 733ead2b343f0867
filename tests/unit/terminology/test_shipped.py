"""The facts that ship answer for the bindings of R4 and of the French lists."""

import pytest

from dui_fhir.definitions import source
from dui_fhir.domain.errors import NotFound
from dui_fhir.terminology import Terminology, builtin, requests
from dui_fhir.terminology.builtin import shipped

FHIR = "http://hl7.org/fhir/ValueSet/"
NOS = "https://mos.esante.gouv.fr/NOS/"
TYPES = NOS + "JDV_J07-XdsTypeCode-CISIS/FHIR/JDV-J07-XdsTypeCode-CISIS"
SERAFIN = NOS + "JDV_J285-Besoins_SERAFIN/FHIR/JDV-J285-Besoins-SERAFIN"


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology()


@pytest.mark.parametrize(
    ("value_set", "system", "code", "verdict"),
    [
        (FHIR + "administrative-gender", None, "male", "valid"),
        (FHIR + "administrative-gender|4.0.1", "http://hl7.org/fhir/administrative-gender", "homme", "invalid"),
        (FHIR + "mimetypes", None, "application/pdf", "valid"),
        (FHIR + "mimetypes", None, "pdf", "invalid"),
        (FHIR + "all-languages", "urn:ietf:bcp:47", "fr-FR", "valid"),
        (FHIR + "currencies", None, "EUR", "valid"),
        (FHIR + "currencies", None, "euro", "invalid"),
        (FHIR + "ucum-units", "http://unitsofmeasure.org", "mg/dL", "valid"),
        (FHIR + "ucum-units", "http://unitsofmeasure.org", "mg/dl/jour", "invalid"),
        (FHIR + "condition-code", "http://snomed.info/sct", "73211009", "unknown"),
        (FHIR + "observation-codes", "http://loinc.org", "0-0", "unknown"),
        (TYPES, "http://loinc.org", "34842-5", "valid"),
        (TYPES, "http://loinc.org", "0-0", "invalid"),
        ("urn:oid:1.2.250.1.213.1.1.5.471", "http://loinc.org", "34842-5", "valid"),
        (SERAFIN, "https://smt.esante.gouv.fr/terminologie-SERAFINPH", "1.1.10", "valid"),
        ("urn:nowhere", None, "x", "unknown"),
    ],
)
def test_validate__shipped_lists__verdict(
    terminology: Terminology, value_set: str, system: str | None, code: str, verdict: str
) -> None:
    assert terminology.validate(value_set, system, code) == verdict


def test_expand__filter_without_accents__finds_the_french_labels() -> None:
    url = NOS + "JDV_J02-XdsHealthcareFacilityTypeCode-CISIS/FHIR/JDV-J02-XdsHealthcareFacilityTypeCode-CISIS"
    answer = requests.expand(builtin(), {"url": url, "filter": "etablissement personnes agees"}, "2026-01-01T00:00:00Z")
    labels = [row["display"] for row in answer["expansion"].get("contains", [])]
    assert labels
    assert all("âgées" in label for label in labels)


def test_subsuming__code_of_a_hierarchy__goes_up(terminology: Terminology) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    above = [code for _, code in terminology.subsuming(system, "MTH")]
    assert above[0] == "MTH"
    assert {"PRN", "FAMMEMB"} <= set(above)
    assert (system, "MTH") in set(terminology.subsumed(system, "PRN"))


def test_subsumed__unknown_system__not_found(terminology: Terminology) -> None:
    with pytest.raises(NotFound):
        list(terminology.subsumed("urn:nowhere", "x"))


def test_index__every_resource__is_at_its_place() -> None:
    held = shipped()
    for kind in ("CodeSystem", "ValueSet", "ConceptMap"):
        for url in held.canonicals(kind):
            for version in held.versions(kind, url):
                found = held.get(kind, url, version)
                assert found is not None
                assert (found["resourceType"], found["url"], found.get("version", "")) == (kind, url, version)


def test_add__list_of_a_tenant__takes_the_place_of_the_verdict_kept(terminology: Terminology) -> None:
    own = Terminology()
    assert own.validate("urn:own", "urn:s", "a") == "unknown"
    compose = {"include": [{"system": "urn:s", "concept": [{"code": "a"}]}]}
    resource = {"resourceType": "ValueSet", "url": "urn:own", "status": "active", "compose": compose}
    own.add(resource)
    assert own.validate("urn:own", "urn:s", "a") == "valid"
    assert own.validate("urn:own", "urn:s", "b") == "invalid"
    assert terminology.validate("urn:own", "urn:s", "a") == "unknown"
    own.remove(resource)
    assert own.validate("urn:own", "urn:s", "a") == "unknown"


def test_validate__required_codes_of_r4__all_valid_and_no_other(terminology: Terminology) -> None:
    for value_set, systems in source.read("r4", "required-codes.json").items():
        wrong = [c for s, codes in systems.items() for c in codes if terminology.validate(value_set, s, c) != "valid"]
        assert wrong == [], value_set
        assert terminology.validate(value_set, None, "no-such-code") == "invalid", value_set

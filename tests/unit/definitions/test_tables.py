"""The R4 tables: complete, typed, and the same as what their source gives."""

from pathlib import Path

import pytest

from dui_fhir import definitions
from dui_fhir.definitions import elements, models, reduce

ROOT = Path(__file__).parents[3]
FROM_ELSEWHERE = {f"compartment-{t}.json" for t in ("device", "encounter", "practitioner", "relatedperson")} | {
    "required-codes.json",
    "extensions.json",
}  # SOURCES.md; the last two are compared by tests/conformance/test_validation_tables.py
SHARED = ROOT / "../shared/reference/fhir/r4"


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="the R4 definitions (../shared/reference/fhir/r4) are not on this machine"
)
def test_profiles_r4__regenerated_from_source__is_what_is_committed():
    made = reduce.tables(SHARED)
    committed = {p.relative_to(ROOT / "profiles/r4").as_posix() for p in (ROOT / "profiles/r4").rglob("*.json")}
    assert set(made) == committed - FROM_ELSEWHERE
    for path, content in made.items():
        assert (ROOT / "profiles/r4" / path).read_bytes() == content, path


def test_resource_types__r4__are_the_146_concrete_ones():
    types = definitions.resource_types()
    assert len(types) == 146
    assert {"Patient", "Binary", "Bundle", "Parameters"} <= types
    assert types.isdisjoint({"Resource", "DomainResource", "MetadataResource", "SubscriptionStatus"})


def test_element_table__each_type__has_known_types_and_content_references():
    known = definitions.resource_types() | definitions.data_types() | {"Resource"}
    for name in sorted(known - {"DomainResource"}):
        table = definitions.element_table(name)
        for element in table.elements.values():
            assert {t.code for t in element.types} <= known, element.path
            assert element.content is None or element.content in table.elements, element.path
            assert element.max is None or element.max >= element.min


def test_element_table__patient__says_what_r4_says():
    table = definitions.element_table("Patient")
    contact = table.elements["Patient.contact"]
    assert (contact.min, contact.max, contact.types[0].code) == (0, None, "BackboneElement")
    assert [c.key for c in contact.constraints] == ["pat-1"]
    gender = table.elements["Patient.gender"]
    assert (gender.binding_strength, gender.value_set) == (
        "required",
        "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1",
    )
    practitioner = table.elements["Patient.generalPractitioner"].types[0]
    assert practitioner.targets == ("Organization", "Practitioner", "PractitionerRole")
    deceased = table.elements["Patient.deceased[x]"]
    assert deceased.choice
    assert deceased.modifier
    assert deceased.name == "deceased"
    assert [t.code for t in deceased.types] == ["boolean", "dateTime"]
    assert [e.name for e in table.children("Patient.communication")][-2:] == ["language", "preferred"]


def test_element_table__primitive__holds_its_regex():
    assert definitions.element_table("id").elements["id.value"].types[0].regex == r"[A-Za-z0-9\-\.]{1,64}"


def test_element_table__unknown_type__raises_key_error():
    with pytest.raises(KeyError):
        definitions.element_table("Pateint")


def test_summary_elements__patient__keeps_identity_and_not_contacts():
    kept = definitions.summary_elements("Patient")
    assert {"identifier", "name", "birthDate", "deceased[x]", "link.other"} <= kept
    assert kept.isdisjoint({"contact", "photo", "generalPractitioner", "text"})


def test_implied_systems__required_binding__names_the_system():
    found = elements.implied_systems("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")
    assert found == ("http://hl7.org/fhir/administrative-gender",)
    assert elements.implied_systems("http://example.org/unknown") == ()


def test_compartment__patient__links_observations_by_subject_and_performer():
    assert definitions.compartment("Patient")["Observation"] == ("subject", "performer")
    with pytest.raises(KeyError):
        definitions.compartment("Location")


def test_compartment__each_parameter__exists_and_is_a_reference():
    registry = definitions.search_parameters()
    assert definitions.compartments() == {"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}
    for owner in definitions.compartments():
        for type_, params in definitions.compartment(owner).items():
            for param in params:
                parameter = registry.get(type_, param)
                assert parameter is not None, (type_, param)
                assert parameter.type == "reference", (type_, param)


def test_operation_definitions__r4__have_parameters_and_no_prose():
    operations = definitions.operation_definitions()
    assert len(operations) == 46
    validate = operations["Resource-validate"]
    assert validate["code"] == "validate"
    assert {p["name"] for p in validate["parameter"]} >= {"resource", "mode", "profile", "return"}
    assert all("documentation" not in p for o in operations.values() for p in o.get("parameter", ()))


def test_model__patient__validates_and_unknown_raises():
    patient = models.model("Patient").model_validate({"resourceType": "Patient", "gender": "female"})
    assert patient.gender == "female"
    with pytest.raises(KeyError):
        models.model("Nothing")

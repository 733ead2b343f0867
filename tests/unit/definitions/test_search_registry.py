"""The registry of search parameters, and what plugins add to it."""

import pytest

from dui_fhir.definitions import search_parameters
from dui_fhir.domain.errors import ConfigurationError

EXTRA = {
    "resourceType": "SearchParameter",
    "url": "https://example.org/SearchParameter/birthplace",
    "code": "birthplace",
    "type": "string",
    "base": ["Patient"],
    "expression": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-birthPlace').value as Address",
}


def test_for_type__patient__has_its_own_and_those_of_all_resources():
    found = search_parameters().for_type("Patient")
    assert {"name", "identifier", "birthdate", "_id", "_lastUpdated", "_tag", "_text", "_content"} <= set(found)
    assert found["general-practitioner"].target == ("Practitioner", "Organization", "PractitionerRole")


def test_for_type__bundle__has_no_narrative_to_search():
    assert "_text" not in search_parameters().for_type("Bundle")
    assert "_content" in search_parameters().for_type("Bundle")


def test_for_type__none__has_only_those_of_every_resource():
    assert set(search_parameters().for_type(None)) == {
        "_content", "_id", "_lastUpdated", "_profile", "_query", "_security", "_source", "_tag",
    }  # fmt: skip


def test_with_extra__new_parameter__is_added_and_the_base_registry_unchanged():
    registry = search_parameters().with_extra([EXTRA])
    assert registry.for_type("Patient")["birthplace"].url == EXTRA["url"]
    assert "birthplace" not in search_parameters().for_type("Patient")
    assert registry.by_url(EXTRA["url"]) is registry.get("Patient", "birthplace")


def test_with_extra__several_faults__are_reported_together():
    faulty = [{**EXTRA, "type": "colour"}, EXTRA, {**EXTRA, "base": ["Pateint"]}, {"url": "urn:x"}]
    with pytest.raises(ConfigurationError) as caught:
        search_parameters().with_extra(faulty)
    assert [issue.id for issue in caught.value.issues] == ["search-parameter-invalid"] * 3
    assert "unknown type colour" in caught.value.issues[0].diagnostics


def test_components__each_composite__are_defined():
    registry = search_parameters()
    for parameter in registry:
        for component in parameter.components:
            assert registry.by_url(component.definition) is not None, component.definition

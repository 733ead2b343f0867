"""The registry of a deployment."""

import pytest

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.search.extract import Extractor
from dui_fhir.search.registry import registry_with

GOOD = {
    "url": "https://example.org/SearchParameter/birthplace",
    "code": "birthplace",
    "type": "string",
    "base": ["Patient"],
    "expression": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-birthPlace').value.ofType(Address)",
}


def test_registry_with__plugin_parameter__is_indexed():
    resource = {
        "resourceType": "Patient",
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Mazoires"}},
            {"url": "http://example.org/other", "valueAddress": {"city": "Paris"}},
        ],
    }
    index = Extractor(registry_with([GOOD])).extract(resource)
    assert [(s.param, s.folded) for s in index.strings if s.param == "birthplace"] == [("birthplace", "mazoires")]


def test_registry_with__unsearchable_parameters__are_all_named():
    faulty = [
        GOOD,
        {**GOOD, "url": "urn:a", "expression": "Patient.name.trim()"},
        {**GOOD, "url": "urn:b", "type": "date"},
        {**GOOD, "url": "urn:c", "base": ["Resource"], "expression": "Resource.nothing"},
    ]
    with pytest.raises(ConfigurationError) as caught:
        registry_with(faulty)
    assert [issue.diagnostics.split(":")[1] for issue in caught.value.issues] == ["a", "b", "c"]

"""A resource → its index values."""

import json
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.definitions import resource_types, search_parameters
from dui_fhir.domain import json as fhir_json
from dui_fhir.domain.dates import MS_MAX, MS_MIN, to_ms
from dui_fhir.domain.index import IndexValues, TokenValue
from dui_fhir.search.extract import Extractor, extract, fault, faults, leaf_types, references

SHARED = Path(__file__).parents[3] / "../shared/reference/fhir"
EXAMPLES = sorted(SHARED.glob("*/examples/*.json"))
DAY = 86_400_000


def tokens(index: IndexValues, param: str) -> set[tuple[str | None, str]]:
    return {(t.system, t.code) for t in index.tokens if t.param == param}


def strings(index: IndexValues, param: str) -> set[str]:
    return {s.folded for s in index.strings if s.param == param}


def dates(index: IndexValues, param: str) -> set[tuple[int, int]]:
    return {(d.low, d.high) for d in index.dates if d.param == param}


def targets(index: IndexValues, param: str) -> set[tuple[str | None, ...]]:
    return {(r.type, r.id, r.url, r.version) for r in index.references if r.param == param}


def ms(*parts: int) -> int:
    return to_ms(datetime(*parts, tzinfo=UTC))


# expressions


def test_faults__all_parameters_of_r4__compile():
    assert faults(search_parameters(), sorted(resource_types())) == []


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="the French definitions (../shared/reference/fhir) are not on this machine"
)
def test_fault__french_search_parameters__all_compile():
    for file in SHARED.glob("*/SearchParameter-*.json"):
        resource = json.loads(file.read_bytes())
        if not resource.get("expression"):
            continue
        registry = search_parameters().with_extra([resource])
        for base in resource["base"]:
            assert fault(registry.get(base, resource["code"]), base, registry) is None, file.name


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("Patient.name.", "expected a name"),
        ("Patient.name.substring(1)", "unknown function"),
        ("Patient.name[x]", "expected an index"),
        ("Patient.name where", "unexpected"),
        ("Pateint.name", "unknown type"),
        ("%context.name", "unknown variable"),
        ("Patient.name + 1", "cannot read"),
        ("Patient.link", "no element"),
        ("Patient.nothing", "no element"),
        ("Patient.name.where(family.substring(1) = 'a')", "unknown function"),
    ],
)
def test_fault__what_is_not_understood__says_why(expression, reason):
    extra = {"url": "urn:x", "code": "x", "type": "string", "base": ["Patient"], "expression": expression}
    registry = search_parameters().with_extra([extra])
    assert reason in fault(registry.get("Patient", "x"), "Patient", registry)
    assert Extractor(registry).extract({"resourceType": "Patient", "name": [{"family": "A"}]}).strings


def test_leaf_types__choice__are_those_of_the_alternatives():
    registry = search_parameters()
    assert leaf_types(registry.get("Observation", "date"), "Observation") == {"dateTime", "Period", "Timing", "instant"}
    assert leaf_types(registry.get("Patient", "deceased"), "Patient") == {"boolean"}


# tokens


def test_token__identifier__has_system_value_type_and_text():
    index = extract({
        "resourceType": "Patient",
        "identifier": [
            {
                "system": "urn:oid:1.2.250.1.213.1.4.8",
                "value": "1ABC",
                "type": {"coding": [{"system": "http://t", "code": "INS-NIR"}], "text": "Numéro INS"},
            },
            {"value": "sans système"},
            {"system": "urn:x"},
        ],
    })  # fmt: skip
    assert tokens(index, "identifier") == {
        ("urn:oid:1.2.250.1.213.1.4.8", "1abc"),
        (None, "sans système"),
        ("urn:x", ""),
    }
    assert tokens(index, "identifier:of-type") == {("http://t", "ins-nir|1abc")}
    assert strings(index, "identifier:text") == {"numero ins"}


def test_token__codeable_concept__has_each_coding_and_all_texts():
    index = extract({
        "resourceType": "Observation",
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Poids"}, {"code": "LOCAL"}],
            "text": "Poids du matin",
        },
    })  # fmt: skip
    assert tokens(index, "code") == {("http://loinc.org", "29463-7"), (None, "local")}
    assert strings(index, "code:text") == {"poids", "poids du matin"}
    assert tokens(index, "combo-code") == tokens(index, "code")


def test_token__boolean_code_and_uri__have_no_system():
    index = extract({"resourceType": "Patient", "active": True, "gender": "female", "deceasedBoolean": False})
    assert tokens(index, "active") == {(None, "true")}
    assert tokens(index, "gender") == {(None, "female")}
    assert tokens(index, "deceased") == {(None, "false")}


@pytest.mark.parametrize(
    ("element", "deceased"),
    [({}, "false"), ({"deceasedBoolean": True}, "true"), ({"deceasedDateTime": "2020"}, "true")],
)
def test_token__deceased__is_computed(element, deceased):
    index = extract({"resourceType": "Patient", **element})
    assert tokens(index, "deceased") == {(None, deceased)}


def test_token__contact_point__is_kept_as_written_and_without_punctuation():
    telecom = [{"system": "phone", "value": "01 02.03-04 05"}, {"system": "email", "value": "Jean@Exemple.FR"}]
    index = extract({"resourceType": "Patient", "telecom": telecom})
    assert tokens(index, "phone") == {(None, "01 02.03-04 05"), (None, "0102030405")}
    assert tokens(index, "email") == {(None, "jean@exemple.fr")}
    assert tokens(index, "telecom") == tokens(index, "phone") | tokens(index, "email")


# strings


def test_string__name__has_every_part_and_its_own_parameters():
    name = {
        "text": "Mme Léa d'Arc",
        "family": "d'Arc",
        "given": ["Léa", "Anne"],
        "prefix": ["Mme"],
        "period": {"start": "2000"},
    }
    index = extract({"resourceType": "Patient", "name": [name]})
    assert strings(index, "name") == {"mme lea d arc", "d arc", "lea", "anne", "mme"}
    assert strings(index, "family") == {"d arc"}
    assert strings(index, "given") == {"lea", "anne"}


def test_string__address__has_every_part_but_its_use():
    address = {"use": "home", "line": ["12 rue d'Ulm"], "city": "Paris", "postalCode": "75005", "country": "FRA"}
    index = extract({"resourceType": "Organization", "address": [address], "name": "Les Tilleuls", "alias": ["EHPAD"]})
    assert strings(index, "address") == {"12 rue d ulm", "paris", "75005", "fra"}
    assert strings(index, "address-city") == {"paris"}
    assert tokens(index, "address-use") == {(None, "home")}
    assert strings(index, "name") == {"les tilleuls", "ehpad"}


# dates


def test_date__partial_without_zone__is_the_interval_in_the_zone_given():
    paris = Extractor(zone=ZoneInfo("Europe/Paris"))
    index = paris.extract({"resourceType": "Patient", "birthDate": "2026-07-14"})
    assert dates(index, "birthdate") == {(ms(2026, 7, 13, 22), ms(2026, 7, 14, 22) - 1)}
    assert dates(extract({"resourceType": "Patient", "birthDate": "1940"}), "birthdate") == {
        (ms(1940, 1, 1), ms(1941, 1, 1) - 1)
    }


@pytest.mark.parametrize(
    ("period", "bounds"),
    [
        ({"start": "2026-01-01", "end": "2026-01-31"}, (ms(2026, 1, 1), ms(2026, 2, 1) - 1)),
        ({"start": "2026-01-01"}, (ms(2026, 1, 1), MS_MAX)),
        ({"end": "2026"}, (MS_MIN, ms(2027, 1, 1) - 1)),
    ],
)
def test_date__period__is_open_where_an_end_is_missing(period, bounds):
    assert dates(extract({"resourceType": "Encounter", "period": period}), "date") == {bounds}


def test_date__empty_period__is_no_value():
    assert dates(extract({"resourceType": "Encounter", "period": {}}), "date") == set()


def test_date__timing__is_its_outer_limits():
    timing = {
        "event": ["2026-03-02", "2026-01-05"],
        "repeat": {"boundsPeriod": {"start": "2026-02-01", "end": "2026-04-30"}},
    }
    index = extract({"resourceType": "Observation", "effectiveTiming": timing})
    assert dates(index, "date") == {(ms(2026, 1, 5), ms(2026, 5, 1) - 1)}


# numbers and quantities


def test_quantity__ucum__has_its_canonical_form():
    value = {"value": 2.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    index = extract({"resourceType": "Observation", "valueQuantity": value})
    (quantity,) = [q for q in index.quantities if q.param == "value-quantity"]
    assert (quantity.low, quantity.high, quantity.code, quantity.unit) == (2.5, 2.5, "mg", "mg")
    assert (quantity.canonical_low, quantity.canonical_high, quantity.canonical_code) == (0.0025, 0.0025, "g")


@pytest.mark.parametrize(("comparator", "bounds"), [("<", (-inf, 5.0)), (">=", (5.0, inf)), (None, (5.0, 5.0))])
def test_quantity__comparator__opens_an_end(comparator, bounds):
    value = {"value": 5} | ({"comparator": comparator} if comparator else {})
    index = extract({"resourceType": "Observation", "valueQuantity": value})
    (quantity,) = [q for q in index.quantities if q.param == "value-quantity"]
    assert (quantity.low, quantity.high) == bounds


def test_quantity__sampled_data__spans_its_points():
    data = {"origin": {"value": 10, "unit": "mm"}, "period": 10, "factor": 0.5, "dimensions": 1, "data": "0 4 E -2 U"}
    index = extract({"resourceType": "Observation", "valueSampledData": data})
    (quantity,) = [q for q in index.quantities if q.param == "value-quantity"]
    assert (quantity.low, quantity.high, quantity.unit) == (9.0, 12.0, "mm")


def test_quantity__money_and_range__are_quantities():
    invoice = extract({"resourceType": "Invoice", "totalGross": {"value": 12.5, "currency": "EUR"}})
    (total,) = [q for q in invoice.quantities if q.param == "totalgross"]
    assert (total.low, total.system, total.code) == (12.5, "urn:iso:std:iso:4217", "EUR")
    age = {"low": {"value": 20, "unit": "ans"}, "high": {"value": 30, "unit": "ans"}}
    condition = extract({"resourceType": "Condition", "onsetRange": age})
    (onset,) = [q for q in condition.quantities if q.param == "onset-age"]
    assert (onset.low, onset.high, onset.unit) == (20.0, 30.0, "ans")


def test_quantity__integer_beyond_floats__is_skipped():
    assert extract({"resourceType": "Observation", "valueQuantity": {"value": 10**400}}).quantities == ()


@pytest.mark.parametrize("text", ["1e-999999999", "1e999999999", "-0", "1." + "0" * 5000, "NaN"])
def test_quantity__monstrous_decimal__costs_nothing_and_raises_nothing(text):
    number = fhir_json.Decimal(text)
    quantity = {"value": number, "system": "http://unitsofmeasure.org", "code": "mg"}
    extract({"resourceType": "Observation", "valueQuantity": quantity})
    extract({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": number}]})


# references


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("Patient/1", ("Patient", "1", None, None)),
        ("https://dui.example/fhir/Patient/1", ("Patient", "1", None, None)),
        ("Patient/1/_history/2", ("Patient", "1", None, "2")),
        ("https://other.example/fhir/Patient/1", ("Patient", "1", "https://other.example/fhir/Patient/1", None)),
        (
            "urn:uuid:6a2f0000-0000-4000-8000-000000000000",
            (None, None, "urn:uuid:6a2f0000-0000-4000-8000-000000000000", None),
        ),
    ],
)
def test_reference__each_form__is_local_or_foreign(reference, target):
    resource = {"resourceType": "Observation", "subject": {"reference": reference}}
    assert targets(extract(resource, bases=["https://dui.example/fhir/"]), "subject") == {target}


def test_reference__patient_parameter__keeps_only_patients():
    group = extract({"resourceType": "Observation", "subject": {"reference": "Group/1"}})
    assert targets(group, "patient") == set()
    assert targets(group, "subject") == {("Group", "1", None, None)}
    typed = {
        "resourceType": "Observation",
        "subject": {"type": "Patient", "identifier": {"system": "urn:a", "value": "1"}},
    }
    assert tokens(extract(typed), "patient:identifier") == {("urn:a", "1")}


def test_reference__contained__is_left_out():
    resource = {
        "resourceType": "Observation",
        "subject": {"reference": "#p"},
        "contained": [{"resourceType": "Patient", "id": "p"}],
    }
    assert extract(resource).references == ()
    assert list(references(resource)) == []


def test_reference__canonical__has_url_and_version():
    resource = {"resourceType": "QuestionnaireResponse", "questionnaire": "https://a.example/Questionnaire/q|1.2#part"}
    assert targets(extract(resource), "questionnaire") == {(None, None, "https://a.example/Questionnaire/q", "1.2")}


def test_references__resource__gives_each_path():
    resource = {
        "resourceType": "CareTeam",
        "participant": [{"member": {"reference": "Practitioner/1"}}, {"member": {"reference": "u:x"}}],
    }
    found = dict(references(resource))
    assert found["participant[0].member"].id == "1"
    assert found["participant[1].member"].url == "u:x"


# meta, uris, composites, text


def test_meta__tags_profiles_security_source__are_indexed():
    meta = {
        "tag": [{"system": "urn:t", "code": "a"}],
        "security": [{"system": "urn:s", "code": "R"}],
        "profile": ["https://p.example/StructureDefinition/x|2.0"],
        "source": "urn:src",
    }
    index = extract({"resourceType": "Basic", "meta": meta})
    assert tokens(index, "_tag") == {("urn:t", "a")}
    assert tokens(index, "_security") == {("urn:s", "r")}
    assert {(u.param, u.value) for u in index.uris} == {
        ("_profile", "https://p.example/StructureDefinition/x|2.0"),
        ("_profile", "https://p.example/StructureDefinition/x"),
        ("_source", "urn:src"),
    }


def test_composite__components__share_a_group_per_element():
    def part(code, value):
        return {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}}

    index = extract(
        {"resourceType": "Observation", "component": [part("sys", 150), part("dia", 90), {"code": {"text": "x"}}]}
    )
    groups = {}
    for token in index.tokens:
        if token.param == "component-code-value-quantity$0":
            groups.setdefault(token.group, []).append(token.code)
    for quantity in index.quantities:
        if quantity.param == "component-code-value-quantity$1":
            groups[quantity.group].append(quantity.low)
    assert sorted(groups.values()) == [["dia", 90.0], ["sys", 150.0]]
    assert all(group >= 1 for group in groups)


def test_composite__missing_component__leaves_nothing():
    index = extract({"resourceType": "Observation", "code": {"coding": [{"code": "a"}]}})
    assert not [t for t in index.tokens if "$" in t.param]


def test_text__narrative_and_content__are_folded_words():
    resource = {
        "resourceType": "Observation",
        "text": {"div": '<div xmlns="x">Chute &eacute;vit&#233;e, l\'apr&egrave;s-midi</div>'},
        "note": [{"text": "Marche seule"}],
        "subject": {"reference": "Patient/secret"},
    }
    index = extract(resource)
    assert index.text == "chute evitee l apres midi"
    assert set(index.content.split()) == {"chute", "evitee", "l", "apres", "midi", "marche", "seule"}
    assert Extractor(full_text="none").extract(resource).text == ""
    assert Extractor(full_text="text").extract(resource).content == ""


def test_extension_parameter__on_a_primitive__is_read_beside_it():
    extra = {
        "url": "urn:x", "code": "birth-order", "type": "number", "base": ["Patient"],
        "expression": "Patient.birthDate.extension('urn:order').value",
    }  # fmt: skip
    registry = search_parameters().with_extra([extra])
    resource = {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "urn:order", "valuePositiveInt": 2}]}}
    assert [(n.param, n.low) for n in Extractor(registry).extract(resource).numbers] == [("birth-order", 2.0)]


# oddities


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": "not a list"},
        {"resourceType": "Patient", "name": [None, "x", 3, [], {"given": "Jean", "family": ["a", None, 4]}]},
        {"resourceType": "Patient", "birthDate": 1940, "gender": {}, "active": "true", "identifier": [{"value": 3}]},
        {"resourceType": "Patient", "birthDate": "31/12/1940"},
        {"resourceType": "Patient", "address": [{"line": [None], "_line": [{"extension": []}]}]},
        {"resourceType": "Observation", "valueQuantity": {"value": "12"}, "component": "x", "subject": "Patient/1"},
        {"resourceType": "Bundle", "entry": [None, {"resource": None}]},
        {"resourceType": "Bundle", "type": "document", "entry": []},
        {"resourceType": "Unheard", "name": 1},
        {"resourceType": 3},
        {},
    ],
)
def test_extract__malformed__skips_and_never_raises(resource):
    index = extract(resource)
    assert all(isinstance(s.exact, str) for s in index.strings)


def test_extract__parts_of_wrong_shape__keep_what_can_be_read():
    index = extract({"resourceType": "Patient", "name": [None, 3, {"given": "Jean", "family": ["Roy", None, 4]}]})
    assert strings(index, "name") == {"jean", "roy"}


def test_extract__duplicates__are_dropped():
    index = extract(
        {"resourceType": "Patient", "identifier": [{"system": "s", "value": "1"}, {"system": "s", "value": "1"}]}
    )
    assert [t for t in index.tokens if t.param == "identifier"] == [TokenValue("identifier", "s", "1")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "name",
                    "family",
                    "coding",
                    "system",
                    "code",
                    "value",
                    "reference",
                    "start",
                    "text",
                    "extension",
                    "url",
                )
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ELEMENTS = (
    "name", "identifier", "birthDate", "telecom", "address", "meta", "extension", "code", "subject", "valueQuantity",
    "effectivePeriod", "component", "entry", "text", "status",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(("Patient", "Observation", "Bundle")), st.dictionaries(st.sampled_from(ELEMENTS), JSON))
def test_extract__any_json__never_raises(type_, elements):
    extract({"resourceType": type_, **elements})


@pytest.mark.skipif(not EXAMPLES, reason="the published examples (../shared/reference/fhir) are not on this machine")
def test_extract__published_french_examples__give_values_without_error():
    paris = Extractor(zone=ZoneInfo("Europe/Paris"), bases=["https://dui.example/fhir"])
    for file in EXAMPLES:
        resource = fhir_json.loads(file.read_bytes())
        index = paris.extract(resource)
        assert index.content or resource["resourceType"] == "Binary", file.name
        for entry in resource.get("entry", ()) if resource["resourceType"] == "Bundle" else ():
            paris.extract(entry.get("resource", {}))

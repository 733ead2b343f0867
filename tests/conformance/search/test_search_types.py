"""FHIR R4, search.html#ptypes: number, date, string, token, reference, quantity, uri, composite; with their modifiers."""

from zoneinfo import ZoneInfo

import pytest

PARIS = ZoneInfo("Europe/Paris")


# 3.1.1.4.1 number


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("0.8", ["b"]),
        ("0.80", ["b"]),
        ("0.8,0.5", ["a", "b"]),
        ("gt0.5", ["b", "c"]),
        ("ge0.5", ["a", "b", "c"]),
        ("lt0.8", ["a"]),
        ("ne0.8", ["a", "c"]),
        ("ap0.85", ["b", "c"]),
        ("8e-1", ["b"]),
        ("0.81", []),
    ],
)
def test_number__prefix_and_precision__find(world, search, found):
    risks = [
        {"resourceType": "RiskAssessment", "id": id_, "prediction": [{"probabilityDecimal": value}]}
        for id_, value in (("a", 0.5), ("b", 0.8), ("c", 0.9))
    ]
    assert world(*risks).ids(f"RiskAssessment?probability={search}") == found


# 3.1.1.4.2 date


@pytest.fixture(scope="module")
def encounters(world):
    periods = {
        "past": {"start": "2013-01-01", "end": "2013-01-14"},
        "open": {"start": "2013-03-10"},
        "day": {"start": "2013-03-14", "end": "2013-03-14"},
        "none": None,
    }
    resources = [{"resourceType": "Encounter", "id": id_} | ({"period": p} if p else {}) for id_, p in periods.items()]
    return world(*resources)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("2013-03-14", ["day"]),
        ("2013", ["day", "past"]),
        ("ne2013-01-14", ["day", "open", "past"]),
        ("lt2013-01-14", ["past"]),
        ("gt2013-03-14", ["open"]),
        ("ge2013-03-14", ["day", "open"]),
        ("le2013-03-14", ["day", "open", "past"]),
        ("sa2013-01-14", ["day", "open"]),
        ("sa2013-03-10", ["day"]),
        ("eb2013-03-14", ["past"]),
        ("ap2013-03-20", ["open"]),
        ("2013-01-01T00:00:00Z", []),
    ],
)
def test_date__prefix_on_periods__find(encounters, search, found):
    assert sorted(encounters.ids(f"Encounter?date={search}", now_ms=1_363_737_600_000)) == found


def test_date__two_bounds__are_both_needed(encounters):
    assert encounters.ids("Encounter?date=ge2013-03-12&date=le2013-03-15") == ["day", "open"]


def test_date__missing__finds_those_without(encounters):
    assert encounters.ids("Encounter?date:missing=true") == ["none"]
    assert sorted(encounters.ids("Encounter?date:missing=false")) == ["day", "open", "past"]


def test_date__day_of_the_clock_change__is_the_local_day(world, make):
    times = {
        "before": "2026-03-28T22:59:59Z",
        "in": "2026-03-28T23:00:00Z",
        "last": "2026-03-29T21:59:59Z",
        "after": "2026-03-29T22:00:00Z",
    }
    resources = [make.observation(id_, effectiveDateTime=time) for id_, time in times.items()]
    assert world(*resources, zone=PARIS).ids("Observation?date=2026-03-29") == ["in", "last"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("1940", ["day", "month"]),
        ("1940-05", ["day", "month"]),
        ("1940-05-02", ["day"]),
        ("ge1940-05-02", ["day", "month", "year"]),
    ],
)
def test_date__partial_birth_date__is_found_when_wholly_inside(world, make, search, found):
    people = world(
        make.patient("day", birthDate="1940-05-02"),
        make.patient("month", birthDate="1940-05"),
        make.patient("year", birthDate="1940"),
    )
    expected = [*found, "year"] if search == "1940" else found
    assert people.ids(f"Patient?birthdate={search}") == sorted(expected)


# 3.1.1.4.3 string


@pytest.fixture(scope="module")
def people(world, make):
    return world(
        make.patient("1", name=[{"family": "Son", "given": ["Eve", "Évelyne"]}]),
        make.patient("2", name=[{"family": "Sonder"}, {"family": "Carreno Quiñones"}]),
        make.patient("3", name=[{"family": "Erikson", "given": ["Steven"]}]),
        make.patient("4", name=[{"family": "Quin, O|nes$"}]),
        make.patient("5"),
    )


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("given=eve", ["1"]),
        ("given:contains=eve", ["1", "3"]),
        ("given:exact=Eve", ["1"]),
        ("given:exact=eve", []),
        ("family=son", ["1", "2"]),
        ("family:exact=Son", ["1"]),
        ("family=SÖN", ["1", "2"]),
        ("family=carreno quinones", ["2"]),
        ("family=quin\\, o", ["4"]),
        ("family:exact=Quin\\, O\\|nes\\$", ["4"]),
        ("family=son,erik", ["1", "2", "3"]),
        ("given=eve&family=sonder", []),
        ("name=evelyne", ["1"]),
        ("name:missing=true", ["5"]),
    ],
)
def test_string__modifier_and_case__find(people, search, found):
    assert people.ids(f"Patient?{search}") == found


# 3.1.1.4.4 token


@pytest.fixture(scope="module")
def conditions(world):
    def condition(id_, *codings, text=None, **elements):
        code = (
            {"coding": [dict(zip(("system", "code", "display"), c, strict=False)) for c in codings]} if codings else {}
        )
        return {"resourceType": "Condition", "id": id_, "code": code | ({"text": text} if text else {}), **elements}

    return world(
        condition("a", ("http://icd", "I10", "Hypertension")),
        condition("b", ("http://icd", "E11"), ("http://snomed", "44054006"), text="Diabète de type 2"),
        condition("c", (None, "I10")),
        condition("d", text="Chute"),
        {"resourceType": "Condition", "id": "e"},
    )


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("code=I10", ["a", "c"]),
        ("code=i10", ["a", "c"]),
        ("code=http://icd|I10", ["a"]),
        ("code=|I10", ["c"]),
        ("code=http://icd|", ["a", "b"]),
        ("code=I10,44054006", ["a", "b", "c"]),
        ("code=I10&code=E11", []),
        ("code=E11&code=44054006", ["b"]),
        ("code:not=E11", ["a", "c", "d", "e"]),
        ("code:not=E11,I10", ["d", "e"]),
        ("code:not=44054006&code:not=I10", ["d", "e"]),
        ("code:text=diabete", ["b"]),
        ("code:text=hyper", ["a"]),
        ("code:missing=true", ["e"]),
        ("code:missing=false", ["a", "b", "c", "d"]),
    ],
)
def test_token__system_code_and_modifier__find(conditions, search, found):
    assert conditions.ids(f"Condition?{search}") == found


class Terms:
    """A terminology of three codes."""

    def expand(self, valueset):
        return [("http://icd", "I10"), ("http://icd", "I11")] if valueset == "http://vs/heart" else []

    def subsumed(self, system, code):
        return [(system, code), (system, "E11")]

    def subsuming(self, system, code):
        return [(system, code), (system, "E00")]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("code:in=http://vs/heart", ["a"]),
        ("code:not-in=http://vs/heart", ["b", "c", "d", "e"]),
        ("code:in=http://vs/empty", []),
        ("code:below=http://icd|E00", ["b"]),
        ("code:above=http://icd|E11", ["b"]),
    ],
)
def test_token__terminology__is_asked(conditions, search, found):
    assert conditions.ids(f"Condition?{search}", terminology=Terms()) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("gender=male", ["m"]),
        ("gender=http://hl7.org/fhir/administrative-gender|male", ["m"]),
        ("gender=|male", ["m"]),
        ("gender=http://example.org/|male", []),
        ("gender:not=male", ["f", "n"]),
        ("active=false", ["f"]),
        ("active:missing=true", ["n"]),
        ("deceased=false", ["f", "n"]),
        ("phone=01 02 03 04 05", ["m"]),
        ("phone=0102030405", ["m"]),
        ("email=LEA@exemple.fr", ["f"]),
        ("telecom=lea@exemple.fr,0102030405", ["f", "m"]),
        ("identifier:of-type=http://t|INS|123", ["f"]),
        ("identifier:of-type=http://t|INS|124", []),
    ],
)
def test_token__codes_booleans_contacts_identifiers__find(world, make, search, found):
    ins = {"type": {"coding": [{"system": "http://t", "code": "INS"}]}, "system": "urn:oid:1", "value": "123"}
    resources = (
        make.patient(
            "m",
            gender="male",
            active=True,
            telecom=[{"system": "phone", "value": "01.02.03.04.05"}],
            deceasedDateTime="2020",
        ),
        make.patient(
            "f",
            gender="female",
            active=False,
            telecom=[{"system": "email", "value": "lea@exemple.fr"}],
            identifier=[ins],
        ),
        make.patient("n"),
    )
    assert world(*resources).ids(f"Patient?{search}") == found


# 3.1.1.4.5 reference


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("subject=1", ["g", "p"]),
        ("subject=Patient/1", ["p"]),
        ("subject=https://dui.example/fhir/Patient/1", ["p"]),
        ("subject=https://other.example/fhir/Patient/1", ["o"]),
        ("subject:Patient=1", ["p"]),
        ("subject:Group=1", ["g"]),
        ("subject:Patient=Patient/1", ["p"]),
        ("patient=1", ["p"]),
        ("subject:identifier=urn:a|7", ["l"]),
        ("patient:identifier=7", ["l"]),
        ("subject=Patient/1,Group/1", ["g", "p"]),
        ("subject:missing=true", ["z"]),
        ("subject:missing=false", ["g", "l", "o", "p"]),
        ("subject=urn:uuid:3", []),
    ],
)
def test_reference__each_form__finds(world, make, search, found):
    subjects = {
        "p": {"reference": "Patient/1"},
        "g": {"reference": "https://dui.example/fhir/Group/1"},
        "o": {"reference": "https://other.example/fhir/Patient/1"},
        "l": {"type": "Patient", "identifier": {"system": "urn:a", "value": "7"}},
    }
    resources = [make.observation(id_, subject=subject) for id_, subject in subjects.items()]
    assert sorted(world(*resources, make.observation("z")).ids(f"Observation?{search}")) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("https://a.example/Questionnaire/q", ["1", "2"]),
        ("https://a.example/Questionnaire/q|2", ["2"]),
        ("https://dui.example/fhir/Questionnaire/own", ["3"]),
        ("Questionnaire/rel", ["4"]),
    ],
)
def test_reference__canonical__finds_with_or_without_version(world, search, found):
    canonicals = (
        "https://a.example/Questionnaire/q",
        "https://a.example/Questionnaire/q|2",
        "https://dui.example/fhir/Questionnaire/own",
        "Questionnaire/rel",
    )
    resources = [
        {"resourceType": "QuestionnaireResponse", "id": str(number), "questionnaire": canonical}
        for number, canonical in enumerate(canonicals, 1)
    ]
    assert world(*resources).ids(f"QuestionnaireResponse?questionnaire={search}") == found


# 3.1.1.4.7 quantity


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("5.4|http://unitsofmeasure.org|mg", ["mg", "ug"]),
        ("5.40e-3|http://unitsofmeasure.org|g", ["mg", "ug"]),
        ("5.4||mg", ["mg"]),
        ("5.4||comprimé", ["local"]),
        ("5.4", ["local", "mg"]),
        ("gt5|http://unitsofmeasure.org|mg", ["above", "mg", "ug"]),
        ("le5400|http://unitsofmeasure.org|ug", ["mg", "ug"]),
        ("ap5.8|http://unitsofmeasure.org|mg", ["mg", "ug"]),
        ("5|http://unitsofmeasure.org|mg", ["mg", "ug"]),
        ("ne5.4|http://unitsofmeasure.org|mg", ["above"]),
    ],
)
def test_quantity__units__are_converted(world, make, search, found):
    ucum = "http://unitsofmeasure.org"
    values = {
        "mg": {"value": 5.4, "unit": "mg", "system": ucum, "code": "mg"},
        "ug": {"value": 5400, "unit": "µg", "system": ucum, "code": "ug"},
        "above": {"value": 10, "comparator": ">", "unit": "mg", "system": ucum, "code": "mg"},
        "local": {"value": 5.4, "unit": "comprimé"},
    }
    resources = [make.observation(id_, valueQuantity=value) for id_, value in values.items()]
    assert sorted(world(*resources).ids(f"Observation?value-quantity={search}")) == [
        # 5 stands for 4.5 to 5.5
        id_
        for id_ in found
    ]


# 3.1.1.4.8 uri


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("url=http://acme.org/fhir/ValueSet/123", ["a"]),
        ("url:below=http://acme.org/fhir/", ["a", "b"]),
        ("url:above=http://acme.org/fhir/ValueSet/123/_history/5", ["a"]),
        ("url=http://ACME.org/fhir/ValueSet/123", []),
        ("url=urn:oid:1.2.3.4.5", ["c"]),
        ("url:missing=true", ["d"]),
    ],
)
def test_uri__exact_above_below__find(world, search, found):
    urls = {
        "a": "http://acme.org/fhir/ValueSet/123",
        "b": "http://acme.org/fhir/ValueSet/12",
        "c": "urn:oid:1.2.3.4.5",
        "d": None,
    }
    resources = [{"resourceType": "ValueSet", "id": id_} | ({"url": url} if url else {}) for id_, url in urls.items()]
    assert world(*resources).ids(f"ValueSet?{search}") == found


# 3.1.1.4.6 composite


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("component-code-value-quantity=sys$gt140", ["high"]),
        ("component-code-value-quantity=http://loinc.org|dia$gt140", []),
        ("component-code-value-quantity=sys$gt140,dia$lt80", ["high", "low"]),
        ("combo-code-value-quantity=dia$90||mmHg", ["high"]),
        ("code-value-quantity=weight$ge60", ["weight"]),
        ("component-code-value-quantity:missing=false", ["high", "low"]),
    ],
)
def test_composite__components__match_in_one_element(world, make, search, found):
    def part(code, value):
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "unit": "mmHg"},
        }

    resources = (
        make.observation("high", component=[part("sys", 150), part("dia", 90)]),
        make.observation("low", component=[part("sys", 100), part("dia", 70)]),
        make.observation("weight", code="weight", valueQuantity={"value": 61}),
    )
    assert world(*resources).ids(f"Observation?{search}") == found


def test_composite__relationship__pairs_code_and_target(world):
    resource = {
        "resourceType": "DocumentReference",
        "id": "d",
        "relatesTo": [
            {"code": "replaces", "target": {"reference": "DocumentReference/1"}},
            {"code": "appends", "target": {"reference": "DocumentReference/2"}},
        ],
    }
    documents = world(resource)
    assert documents.ids("DocumentReference?relationship=DocumentReference/1$replaces") == ["d"]
    assert documents.ids("DocumentReference?relationship=DocumentReference/2$replaces") == []

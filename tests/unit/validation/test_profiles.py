"""Profiles: what a differential adds to R4, one constraint at a time."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dui_fhir.validation.bindings import Verdict
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.validator import Validator

CORE = "http://hl7.org/fhir/StructureDefinition/"
URL = "https://example.org/StructureDefinition/p"


def profile(*elements: Any, type: str = "Patient", url: str = URL, **more: Any) -> dict[str, Any]:
    return {
        "url": url,
        "type": type,
        "baseDefinition": CORE + type,
        "differential": {"element": list(elements)},
        **more,
    }


def faults(resource: dict[str, Any], *structures: dict[str, Any], terminology: Any = None) -> list[tuple[str, str]]:
    validator = Validator(Library([Given(structures)]), terminology)
    issues = [*validator.profile(resource, structures[0]["url"]), *validator.base(resource)]
    return [(i.id.removeprefix("validation-"), i.expression[0]) for i in issues if i.blocking]


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


@pytest.mark.parametrize(
    ("element", "resource", "expected"),
    [
        ({"path": "Patient.name", "min": 1}, patient(), ("missing", "Patient")),
        ({"path": "Patient.name", "max": "0"}, patient(name=[{"text": "A"}]), ("too-many-values", "Patient")),
        ({"path": "Patient.name.family", "min": 1}, patient(name=[{"text": "A"}]), ("missing", "Patient.name[0]")),
        ({"path": "Patient.active", "fixedBoolean": True}, patient(active=False), ("fixed", "Patient.active")),
        (
            {"path": "Patient.maritalStatus", "patternCodeableConcept": {"coding": [{"code": "M"}]}},
            patient(maritalStatus={"coding": [{"system": "urn:x", "code": "S"}]}),
            ("fixed", "Patient.maritalStatus"),
        ),
        ({"path": "Patient.id", "maxLength": 3}, patient(id="abcd"), ("value", "Patient.id")),
        (
            {"path": "Patient.birthDate", "minValueDate": "1900-01-01"},
            patient(birthDate="1850-01-01"),
            ("value", "Patient.birthDate"),
        ),
        (
            {"path": "Patient.deceased[x]", "type": [{"code": "dateTime"}]},
            patient(deceasedBoolean=True),
            ("profile-type", "Patient.deceasedBoolean"),
        ),
        (
            {"path": "Patient.name", "constraint": [{"key": "x-1", "severity": "error", "expression": "family.exists()"}]},
            patient(name=[{"text": "A"}]),
            ("invariant", "Patient.name[0]"),
        ),
        (
            {"path": "Patient.generalPractitioner", "type": [{"code": "Reference", "targetProfile": [CORE + "Organization"]}]},
            patient(generalPractitioner=[{"reference": "Practitioner/1"}]),
            ("reference-target", "Patient.generalPractitioner[0]"),
        ),
        ({"path": "Patient.birthDate.extension", "min": 1}, patient(birthDate="1950-01-01"), ("missing", "Patient.birthDate")),
    ],
)  # fmt: skip
def test_constraint__broken__is_the_only_fault(
    element: dict[str, Any], resource: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults(resource, profile(element)) == [expected]


def test_pattern__more_than_asked__fits() -> None:
    element = {"path": "Patient.maritalStatus", "patternCodeableConcept": {"coding": [{"code": "M"}]}}
    concept = {"coding": [{"code": "S"}, {"system": "urn:x", "code": "M", "display": "Marié"}], "text": "marié"}

    assert faults(patient(maritalStatus=concept), profile(element)) == []


def test_parents__each__are_followed() -> None:
    parent = profile({"path": "Patient.name", "min": 1}, url=URL + "-parent")
    child = {**profile({"path": "Patient.gender", "min": 1}), "baseDefinition": URL + "-parent"}

    assert faults(patient(active=True), child, parent) == [("missing", "Patient")] * 2


def test_parent__unknown__gives_way_to_the_snapshot() -> None:
    rows = [{"path": "Patient"}, {"path": "Patient.name", "min": 1, "max": "*"}]
    child = {**profile(), "baseDefinition": "https://example.org/elsewhere", "snapshot": {"element": rows}}

    assert faults(patient(active=True), child) == [("missing", "Patient")]


def test_profile__circle_of_parents__ends() -> None:
    one = {**profile({"path": "Patient.name", "min": 1}), "baseDefinition": URL + "-2"}
    two = {**profile(url=URL + "-2"), "baseDefinition": URL}

    assert ("missing", "Patient") in faults(patient(active=True), one, two)


def test_profile__of_another_type__is_refused() -> None:
    assert faults(patient(), profile(type="Observation"))[0] == ("profile-type", "Patient")


def test_profile__unknown__is_told_and_nothing_else() -> None:
    found = Validator().validate(patient(meta={"profile": [URL]}))

    assert [(i.id, i.severity) for i in found if i.id != "validation-dom-6"] == [
        ("validation-profile-unknown", "information")
    ]


SLICED: list[Any] = [
    {
        "path": "Patient.identifier",
        "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"},
    },
    {"id": "Patient.identifier:a", "path": "Patient.identifier", "sliceName": "a", "min": 1, "max": "1"},
    {"id": "Patient.identifier:a.system", "path": "Patient.identifier.system", "fixedUri": "urn:a"},
    {"id": "Patient.identifier:a.value", "path": "Patient.identifier.value", "min": 1},
    {"id": "Patient.identifier:b", "path": "Patient.identifier", "sliceName": "b", "max": "1"},
    {"id": "Patient.identifier:b.system", "path": "Patient.identifier.system", "fixedUri": "urn:b"},
]
A, B, C = ({"system": f"urn:{s}", "value": "1"} for s in "abc")


def _sliced(**slicing: Any) -> dict[str, Any]:
    head = {**SLICED[0], "slicing": {**SLICED[0]["slicing"], **slicing}}
    return profile(head, *SLICED[1:])


@pytest.mark.parametrize(
    ("slicing", "identifiers", "expected"),
    [
        ({}, [A, B, C], []),
        ({}, [B], [("missing", "Patient")]),
        ({}, [A, A], [("too-many-values", "Patient")]),
        ({}, [{"system": "urn:a"}], [("missing", "Patient.identifier[0]")]),
        ({}, [], [("missing", "Patient")]),
        ({"rules": "closed"}, [A, C], [("slice-closed", "Patient.identifier[1]")]),
        ({"rules": "openAtEnd"}, [A, B, C], []),
        ({"rules": "openAtEnd"}, [A, C, B], [("slice-order", "Patient")]),
        ({"ordered": True}, [A, C, B], []),
        ({"ordered": True}, [B, A], [("slice-order", "Patient")]),
    ],
)
def test_slices__told_by_value__are_counted_and_ordered(
    slicing: dict[str, Any], identifiers: list[Any], expected: list[tuple[str, str]]
) -> None:
    resource = patient(active=True, **({"identifier": identifiers} if identifiers else {}))

    assert faults(resource, _sliced(**slicing)) == expected


def test_slices__without_ids__belong_to_the_last_slice_named() -> None:
    bare: list[Any] = [{k: v for k, v in row.items() if k != "id"} for row in SLICED]

    assert faults(patient(identifier=[{"system": "urn:a"}]), profile(*bare)) == [("missing", "Patient.identifier[0]")]


def test_slices__told_by_pattern_of_a_concept__match_what_fits() -> None:
    rows = [
        {
            "path": "Patient.identifier",
            "slicing": {"discriminator": [{"type": "pattern", "path": "type"}], "rules": "open"},
        },
        {"id": "Patient.identifier:pi", "path": "Patient.identifier", "sliceName": "pi", "min": 1},
        {
            "id": "Patient.identifier:pi.type",
            "path": "Patient.identifier.type",
            "patternCodeableConcept": {"coding": [{"system": "urn:t", "code": "PI"}]},
        },
    ]
    sound = {"type": {"coding": [{"system": "urn:t", "code": "PI"}]}, "value": "1"}

    assert faults(patient(identifier=[sound]), profile(*rows)) == []
    assert faults(patient(identifier=[A]), profile(*rows)) == [("missing", "Patient")]


def test_slices__told_by_existence__split_with_and_without() -> None:
    rows = [
        {"path": "Patient.name", "slicing": {"discriminator": [{"type": "exists", "path": "period"}], "rules": "open"}},
        {"id": "Patient.name:now", "path": "Patient.name", "sliceName": "now", "min": 1, "max": "1"},
        {"id": "Patient.name:now.period", "path": "Patient.name.period", "max": "0"},
        {"id": "Patient.name:then", "path": "Patient.name", "sliceName": "then", "max": "1"},
        {"id": "Patient.name:then.period", "path": "Patient.name.period", "min": 1},
    ]
    then = {"family": "A", "period": {"end": "2020"}}

    assert faults(patient(name=[{"family": "B"}, then]), profile(*rows)) == []
    assert faults(patient(name=[then, then]), profile(*rows)) == [
        ("missing", "Patient"),
        ("too-many-values", "Patient"),
    ]


def test_slices__of_a_choice__are_told_by_type() -> None:
    rows = [
        {"path": "Observation.value[x]", "slicing": {"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"}},
        {"id": "Observation.value[x]:valueString", "path": "Observation.value[x]", "sliceName": "valueString", "min": 1,
         "type": [{"code": "string"}]},
    ]  # fmt: skip
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}

    assert faults({**observation, "valueString": "a"}, profile(*rows, type="Observation")) == []
    assert ("slice-closed", "Observation.valueInteger") in faults(
        {**observation, "valueInteger": 1}, profile(*rows, type="Observation")
    )


def test_slices__sliced_again__constrain_the_inner_ones() -> None:
    rows = [
        *SLICED,
        {
            "id": "Patient.identifier:a",
            "path": "Patient.identifier",
            "sliceName": "a",
            "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"},
        },
        {"id": "Patient.identifier:a/old", "path": "Patient.identifier", "sliceName": "a/old", "max": "1"},
        {"id": "Patient.identifier:a/old.use", "path": "Patient.identifier.use", "fixedCode": "old"},
    ]

    assert faults(patient(identifier=[{**A, "use": "old"}]), profile(*rows)) == []
    assert faults(patient(identifier=[{**A, "use": "usual"}]), profile(*rows)) == [
        ("slice-closed", "Patient.identifier[0]")
    ]


def test_data_type_profile__on_an_element__is_followed() -> None:
    name = profile({"path": "HumanName.family", "min": 1}, type="HumanName", url=URL + "-name")
    person = profile({"path": "Patient.name", "type": [{"code": "HumanName", "profile": [URL + "-name"]}]})

    assert faults(patient(name=[{"text": "A"}]), person, name) == [("missing", "Patient.name[0]")]


def test_data_type_profiles__several__one_is_enough() -> None:
    one = profile({"path": "HumanName.family", "min": 1}, type="HumanName", url=URL + "-1")
    two = profile({"path": "HumanName.text", "min": 1}, type="HumanName", url=URL + "-2")
    person = profile({"path": "Patient.name", "type": [{"code": "HumanName", "profile": [URL + "-1", URL + "-2"]}]})

    assert faults(patient(name=[{"text": "A"}]), person, one, two) == []
    assert faults(patient(name=[{"use": "old"}]), person, one, two) == [("no-profile", "Patient.name[0]")]


def _extension(url: str, **more: Any) -> dict[str, Any]:
    rows = [
        {"path": "Extension.extension", "max": "0"},
        {"path": "Extension.url", "fixedUri": url},
        {"path": "Extension.value[x]", "min": 1, "type": [{"code": "boolean"}]},
    ]
    return profile(*rows, type="Extension", url=url, **more)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient(extension=[{"url": URL, "valueBoolean": True}]), []),
        (patient(extension=[{"url": URL, "valueString": "x"}]), ["profile-type"]),
        (patient(name=[{"extension": [{"url": URL, "valueBoolean": True}]}]), ["extension-context"]),
        (patient(modifierExtension=[{"url": "https://example.com/m", "valueBoolean": True}]), ["modifier-unknown"]),
        (patient(extension=[{"url": "https://example.com/x", "valueBoolean": True}]), []),
    ],
)
def test_extension__where_and_what__is_judged(resource: dict[str, Any], expected: list[str]) -> None:
    definition = _extension(URL, context=[{"type": "element", "expression": "Patient"}])
    validator = Validator(Library([Given([definition])]))

    found = [i.id.removeprefix("validation-") for i in validator.base(resource) if i.blocking]

    assert found == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient(active=True, extension=[{"url": URL, "valueBoolean": True}]), []),
        (patient(extension=[{"url": URL, "valueBoolean": True}]), [("extension-context", "Patient.extension[0]")]),
        (
            patient(active=True, extension=[{"url": URL, "valueBoolean": False}]),
            [("extension-context", "Patient.extension[0]")],
        ),
    ],
)
def test_extension__context_invariant__is_judged_where_it_stands(
    resource: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    definition = _extension(URL, contextInvariant=["active.exists()", "%extension.value = true"])

    assert [f for f in faults(resource, definition) if f[0] == "extension-context"] == expected


def test_extension__context_invariant_on_a_primitive__sees_its_value() -> None:
    definition = _extension(URL, contextInvariant=["$this = @1950-01-01"])
    held = {"_birthDate": {"extension": [{"url": URL, "valueBoolean": True}]}}

    assert ("extension-context", "Patient.birthDate.extension[0]") not in faults(
        patient(birthDate="1950-01-01", **held), definition
    )
    assert [f[0] for f in faults(patient(birthDate="1950-01-02", **held), definition) if "context" in f[0]] == [
        "extension-context"
    ]
    assert [f[0] for f in faults(patient(**held), definition) if "context" in f[0]] == ["extension-context"]
    given = patient(name=[{"given": ["A", "B"], "_given": [None, held["_birthDate"]]}])
    assert [f[0] for f in faults(given, _extension(URL, contextInvariant=["$this = 'B'"])) if "context" in f[0]] == []


def test_extension__context_invariant_that_cannot_be_evaluated__is_told_and_no_pass() -> None:
    definition = _extension(URL, contextInvariant=["nothingOfTheKind()"])
    found = Validator(Library([Given([definition])])).base(patient(extension=[{"url": URL, "valueBoolean": True}]))

    assert "validation-invariant-not-evaluated" in [i.id for i in found]


@pytest.mark.parametrize(
    ("policy", "url", "severity"),
    [
        ("information", "https://example.com/x", "information"),
        ("error", "https://example.com/x", "error"),
        ("error", "http://example.org/x", "information"),
    ],
)
def test_extension__unknown__is_told_as_the_policy_says(policy: Any, url: str, severity: str) -> None:
    validator = Validator(Library(), unknown_extensions=policy)
    found = validator.base(patient(extension=[{"url": url, "valueBoolean": True}]))

    assert [i.severity for i in found if i.id == "validation-extension-unknown"] == [severity]


def test_slices__told_by_an_extension_and_by_what_a_reference_resolves_to__are_matched() -> None:
    by_extension = [
        {
            "path": "Patient.name",
            "slicing": {"discriminator": [{"type": "exists", "path": f"extension('{URL}-x')"}], "rules": "open"},
        },
        {"id": "Patient.name:marked", "path": "Patient.name", "sliceName": "marked", "max": "1"},
        {"id": "Patient.name:marked.extension", "path": "Patient.name.extension", "min": 1},
        {
            "id": "Patient.name:marked.extension:x",
            "path": "Patient.name.extension",
            "sliceName": "x",
            "min": 1,
            "type": [{"code": "Extension", "profile": [f"{URL}-x"]}],
        },
    ]
    definition = _extension(f"{URL}-x")
    marked = {"text": "A", "extension": [{"url": f"{URL}-x", "valueBoolean": True}]}
    assert faults(patient(name=[marked, {"text": "B"}]), profile(*by_extension), definition) == []
    assert ("too-many-values", "Patient") in faults(patient(name=[marked, marked]), profile(*by_extension), definition)

    by_target = [
        {
            "path": "Patient.generalPractitioner",
            "slicing": {"discriminator": [{"type": "type", "path": "resolve()"}], "rules": "open"},
        },
        {
            "id": "Patient.generalPractitioner:house",
            "path": "Patient.generalPractitioner",
            "sliceName": "house",
            "max": "1",
            "type": [{"code": "Reference", "targetProfile": [CORE + "Organization"]}],
        },
    ]
    held = [
        {"resourceType": "Organization", "id": "o", "name": "O"},
        {"resourceType": "Organization", "id": "p", "name": "P"},
        {"resourceType": "Practitioner", "id": "q"},
    ]
    sound = patient(contained=held, generalPractitioner=[{"reference": "#o"}, {"reference": "#q"}])
    twice = patient(contained=held, generalPractitioner=[{"reference": "#o"}, {"reference": "#p"}])
    assert "too-many-values" not in [f[0] for f in faults(sound, profile(*by_target))]
    assert ("too-many-values", "Patient") in faults(twice, profile(*by_target))


class _Terminology:
    """Knows one value set of one code."""

    def validate(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Verdict:
        if value_set != "https://example.org/vs":
            return "unknown"
        return "valid" if (system, code) == ("urn:s", "x") else "invalid"


@pytest.mark.parametrize(
    ("value_set", "strength", "code", "expected"),
    [
        ("https://example.org/vs", "required", "x", []),
        ("https://example.org/vs", "required", "y", [("validation-code", "error")]),
        ("https://example.org/vs", "extensible", "y", [("validation-code-extensible", "warning")]),
        ("https://example.org/vs", "preferred", "y", []),
        ("https://example.org/other", "required", "y", [("validation-code-not-checked", "information")]),
    ],
)
def test_binding__three_outcomes__are_told_apart(
    value_set: str, strength: str, code: str, expected: list[tuple[str, str]]
) -> None:
    element = {"path": "Patient.maritalStatus", "binding": {"strength": strength, "valueSet": value_set}}
    resource = patient(maritalStatus={"coding": [{"system": "urn:s", "code": code}]})

    found = Validator(Library([Given([profile(element)])]), _Terminology()).profile(resource, URL)

    assert [(i.id, i.severity) for i in found] == expected


def test_invariant__that_cannot_be_evaluated__is_told_and_no_pass() -> None:
    rule = {"key": "x-1", "severity": "error", "expression": "name.unknownFunction()"}

    found = Validator(Library([Given([profile({"path": "Patient", "constraint": [rule]})])])).profile(patient(), URL)

    assert [(i.id, i.severity) for i in found] == [("validation-invariant-not-evaluated", "information")]


def _bundle(count: int, **more: Any) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"urn:uuid:{n}", "resource": patient(id=str(n), link=_link(f"urn:uuid:{(n + 1) % count}"))}
        for n in range(count)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **more}


def _link(reference: str) -> list[dict[str, Any]]:
    return [{"other": {"reference": reference}, "type": "seealso"}]


def test_target_profiles__a_ring_of_references__ends_and_finds_the_broken_one() -> None:
    linked = {"path": "Patient.link.other", "type": [{"code": "Reference", "targetProfile": [URL]}]}
    ring = profile(linked, {"path": "Patient.active", "max": "0"})
    bundle = _bundle(200)
    bundle["entry"][100]["resource"]["active"] = True
    for entry in bundle["entry"]:
        entry["resource"]["meta"] = {"profile": [URL]}

    found = {i.expression[0] for i in Validator(Library([Given([ring])])).validate(bundle) if i.blocking}

    assert "Bundle.entry[100].resource" in found
    assert "Bundle.entry[99].resource.link[0].other" in found


def test_entry__told_by_profile__is_in_its_slice() -> None:
    named = profile({"path": "Patient.name", "min": 1}, url=URL + "-named")
    rows = [
        {
            "path": "Bundle.entry",
            "slicing": {"discriminator": [{"type": "profile", "path": "resource"}], "rules": "closed"},
        },
        {"id": "Bundle.entry:named", "path": "Bundle.entry", "sliceName": "named", "min": 1},
        {
            "id": "Bundle.entry:named.resource",
            "path": "Bundle.entry.resource",
            "type": [{"code": "Patient", "profile": [URL + "-named"]}],
        },
    ]
    entry: dict[str, Any] = {"fullUrl": "urn:uuid:1", "resource": patient(name=[{"text": "A"}])}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}

    assert faults(bundle, profile(*rows, type="Bundle"), named) == []
    del entry["resource"]["name"]
    assert ("slice-closed", "Bundle.entry[0]") in faults(bundle, profile(*rows, type="Bundle"), named)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fullUrl": "Patient/1"}, "full-url"),
        ({"fullUrl": "https://example.org/fhir/Patient/2"}, "full-url"),
        ({"fullUrl": None}, "full-url"),
    ],
)
def test_bundle__full_url_that_is_wrong__is_told(change: dict[str, Any], expected: str) -> None:
    entry = {"fullUrl": "https://example.org/fhir/Patient/1", "resource": patient(id="1"), **change}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{k: v for k, v in entry.items() if v is not None}],
    }

    assert [i.id for i in Validator().base(bundle) if i.blocking] == [f"validation-{expected}"]


def test_extension__of_two_versions__either_will_do() -> None:
    older = {**_extension(URL), "version": "1"}
    newer = copy.deepcopy(older)
    newer["version"], newer["differential"]["element"][2]["type"] = "2", [{"code": "string"}]
    validator = Validator(Library([Given([older, newer])]))

    found = {
        key: [i.id for i in validator.base(patient(extension=[{"url": URL, key: value}])) if i.blocking]
        for key, value in (("valueBoolean", True), ("valueString", "x"), ("valueInteger", 1))
    }

    assert found == {"valueBoolean": [], "valueString": [], "valueInteger": ["validation-profile-type"]}


def test_validator__first_use_by_several_threads__gives_each_the_same_answer() -> None:
    name = profile({"path": "HumanName.family", "min": 1}, type="HumanName", url=URL + "-name")
    person = profile({"path": "Patient.name", "type": [{"code": "HumanName", "profile": [URL + "-name"]}]})
    resource = patient(name=[{"text": "A"}])

    for _ in range(20):
        validator = Validator(Library([Given([person, name])]))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, v=validator: [i.id for i in v.profile(resource, URL)], range(8)))
        assert answers == [["validation-missing"]] * 8

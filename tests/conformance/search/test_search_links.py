"""FHIR R4, search.html#chaining, #has, #include, and compartment searches."""

import pytest

from dui_fhir.definitions import search_parameters
from dui_fhir.domain.errors import BadRequest, NotFound
from dui_fhir.search.includes import reverse_query
from dui_fhir.search.parse import Include, compartment_node


def _to(reference):
    return {"reference": reference}


@pytest.fixture(scope="module")
def home(world, make):
    """A small establishment: two residents, their doctor, observations, an audit trail."""
    return world(
        {"resourceType": "Organization", "id": "ehpad", "name": "Les Tilleuls", "partOf": {"reference": "Organization/og"}},
        {"resourceType": "Organization", "id": "og", "name": "Association", "identifier": [{"system": "urn:siren", "value": "9"}]},
        {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Joyeux"}]},
        make.patient(
            "p1",
            name=[{"family": "Petit"}],
            managingOrganization={"reference": "Organization/ehpad"},
            generalPractitioner=[{"reference": "Practitioner/doc"}, {"reference": "Organization/og"}],
        ),
        make.patient("p2", name=[{"family": "Grand"}],
                     identifier=[{"system": "urn:ipp", "value": "2"}], link=[{"other": _to("Patient/p1")}]),
        {"resourceType": "Group", "id": "g", "identifier": [{"system": "urn:ipp", "value": "2"}]},
        make.observation("o1", code="weight", patient="Patient/p1", performer=[{"reference": "Practitioner/doc"}]),
        make.observation("o2", code="weight", patient="Patient/p2"),
        make.observation("o3", code="pulse", patient="Group/g"),
        make.observation("o4", code="pulse", patient="Patient/gone"),
        {"resourceType": "AuditEvent", "id": "ae", "entity": [{"what": _to("Observation/o1")}],
         "agent": [{"who": _to("Practitioner/doc")}]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Observation?subject:Patient.name=petit", ["o1"]),
        ("Observation?patient.name=petit,grand", ["o1", "o2"]),
        ("Observation?subject.identifier=urn:ipp|2", ["o2", "o3"]),
        ("Observation?subject:Group.identifier=urn:ipp|2", ["o3"]),
        ("Observation?patient.general-practitioner.name=joyeux", ["o1"]),
        ("Observation?patient.organization.partof.identifier=urn:siren|9", ["o1"]),
        ("Observation?patient.name:exact=Petit&code=weight", ["o1"]),
        ("Observation?patient.name:missing=false", ["o1", "o2"]),
        ("Observation?patient.organization=Organization/ehpad", ["o1"]),
        ("Observation?patient._id=p2", ["o2"]),
        ("Observation?subject:Patient._has:Observation:subject:code=weight", ["o1", "o2"]),
        ("Patient?_has:Observation:patient:code=weight", ["p1", "p2"]),
        ("Patient?_has:Observation:patient:performer.name=joyeux", ["p1"]),
        ("Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=doc", ["p1"]),
        ("Patient?_has:Observation:patient:code:not=weight", []),
        ("Practitioner?_has:Patient:general-practitioner:name=petit", ["doc"]),
        ("Patient?_has:Observation:patient:code=pulse", []),
    ],
)
def test_links__followed__find(home, search, found):
    assert sorted(home.ids(search)) == found


@pytest.mark.parametrize(
    ("search", "id_"),
    [
        ("Observation?subject.naem=x", "search-unknown-parameter"),
        ("Observation?subject:Patient.naem=x", "search-unknown-parameter"),
        ("Observation?subject:Pateint.name=x", "search-unknown-type"),
        ("Observation?code.name=x", "search-chain-target"),
        ("Patient?_has:Observation:code=x", "search-value"),
        ("Patient?_has:Observation:code:code=x", "search-chain-target"),
        ("Patient?_has:Observatoin:patient:code=x", "search-unknown-type"),
        ("Patient?_has:Observation:patient:cdoe=x", "search-unknown-parameter"),
        (
            "Patient?link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.name=x",
            "search-chain-too-deep",
        ),
    ],
)
def test_links__wrong__are_refused_by_name(home, search, id_):
    with pytest.raises(BadRequest) as caught:
        home.parse(search)
    assert [issue.id for issue in caught.value.issues] == [id_]


def test_chain__misspelt_at_the_end__suggests_the_name(home):
    with pytest.raises(BadRequest) as caught:
        home.parse("Observation?subject:Patient.naem=x")
    assert "« name »" in caught.value.issues[0].text


def test_chain__untyped_and_wide__is_refused_before_it_costs(home):
    with pytest.raises(BadRequest) as caught:
        home.parse("Provenance?target.based-on.based-on.based-on.based-on.code=x")
    assert [issue.id for issue in caught.value.issues] == ["search-chain-too-wide"]


# inclusion


def test_include__each_form__is_read(home):
    parsed = home.parse(
        "Observation?_include=Observation:subject&_include:iterate=Patient:general-practitioner:Practitioner&_include=Observation:*"
        "&_revinclude=Provenance:target&_revinclude=*"
    )
    assert parsed.includes == (
        Include(source="Observation", param="subject"),
        Include(source="Patient", param="general-practitioner", target="Practitioner", iterate=True),
        Include(source="Observation", param=None),
    )
    assert parsed.revincludes == (Include(source="Provenance", param="target"), Include(source=None, param=None))
    assert len(parsed.self_params) == 5


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        ("_include=Observation", "search-value"),
        ("_include=Observation:code", "search-include"),
        ("_include=Observation:sbuject", "search-include"),
        ("_include=Observatoin:subject", "search-unknown-type"),
        ("_include=Observation:subject:Pateint", "search-unknown-type"),
        ("_include:all=Observation:subject", "search-modifier"),
    ],
)
def test_include__wrong__is_refused_by_name(home, value, id_):
    with pytest.raises(BadRequest) as caught:
        home.parse(f"Observation?{value}")
    assert [issue.id for issue in caught.value.issues] == [id_]


@pytest.mark.parametrize(
    ("include", "found"),
    [
        (Include(source="Observation", param="subject"), ["o1", "o2"]),
        (Include(source="Observation", param="subject", target="Group"), []),
        (Include(source=None, param=None), ["o1", "o2", "p2"]),
        (Include(source="Patient", param=None), ["p2"]),
    ],
)
def test_reverse_query__targets__finds_what_points_there(home, include, found):
    query = reverse_query(include, [("Patient", "p1"), ("Patient", "p2")], search_parameters(), 10)
    assert sorted(home.page(query)[0]) == found


# compartments


@pytest.mark.parametrize(
    ("type_", "found"),
    [("Observation", ["o1"]), ("Patient", ["p1", "p2"]), (None, ["o1", "p1", "p2"])],
)
def test_compartment__of_a_patient__holds_what_points_to_it(home, type_, found):
    parsed = home.parse(f"{type_ or ''}?_count=50").within(compartment_node("Patient", "p1", type_))
    assert sorted(home.page(parsed.query)[0]) == found


def test_compartment__with_a_criterion__keeps_both(home):
    parsed = home.parse("Observation?code=pulse").within(compartment_node("Patient", "p1", "Observation"))
    assert home.page(parsed.query)[0] == []


@pytest.mark.parametrize(
    ("owner", "type_"), [("Location", "Observation"), ("Patient", "Location"), ("Patient", "Organization")]
)
def test_compartment__that_does_not_exist__is_not_found(owner, type_):
    with pytest.raises(NotFound):
        compartment_node(owner, "1", type_)

"""FHIR R4, graphql.html."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

LIMITS = {
    "graphql_tokens_max": 60,
    "graphql_depth_max": 6,
    "graphql_fields_max": 12,
    "graphql_resources_max": 4,
    "graphql_bytes_max": 600,
}
PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "active": True,
    "birthDate": "1940-05",
    "_birthDate": {"extension": [{"url": "urn:x", "valueString": "vers"}]},
    "name": [
        {"use": "official", "family": "Dubois", "given": ["Éloïse", "Anne"]},
        {"use": "maiden", "family": "Petit", "given": ["Éloïse"]},
    ],
    "telecom": [{"system": "phone", "value": "01"}, {"system": "email", "value": "a@b.test"}],
    "managingOrganization": {"reference": "Organization/o"},
    "generalPractitioner": [{"reference": "Practitioner/absent"}],
}


class Client:
    """A client of a server."""

    def __init__(self, app: Flask) -> None:
        self._client = app.test_client()

    def put(self, **resource: Any) -> None:
        answer = self._client.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code in (200, 201), answer.text

    def post(self, query: str, at: str = "", media: str = "application/graphql", **others: Any) -> Any:
        body = query if media == "application/graphql" else json.dumps({"query": query, **others})
        return self._client.post(f"/fhir/{at}$graphql", data=body.encode(), headers={"Content-Type": media})

    def get(self, query: str, at: str = "", **params: str) -> Any:
        return self._client.get(f"/fhir/{at}$graphql", query_string={"query": query, **params})

    def data(self, query: str, at: str = "", **variables: Any) -> Any:
        answer = self.post(query, at, "application/json", variables=variables)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json["data"]


def _made(**changes: Any) -> Client:
    chosen = Settings({"store": "memory", "log_level": "ERROR", **changes})
    client = Client(create_app(chosen, engine=build_engine(chosen, writer="own")))
    client.put(resourceType="Organization", id="o", name="Les Tilleuls")
    client.put(**PATIENT)
    client.put(
        resourceType="Patient", id="b", name=[{"family": "Zola"}], managingOrganization={"reference": "Organization/o"}
    )
    for n in range(5):
        subject = {"reference": "Patient/a" if n < 3 else "Patient/b"}
        client.put(resourceType="Observation", id=f"o{n}", status="final", code={"text": f"poids {n}"}, subject=subject)
    return client


@pytest.fixture(scope="module")
def client() -> Client:
    return _made()


# fields


def test_resource__fields_alias_and_companion__are_those_asked(client: Client) -> None:
    data = client.data(
        "{ id birthDate _birthDate { extension { url valueString } } noms: name { family } }", "Patient/a/"
    )

    assert data == {
        "id": "a",
        "birthDate": "1940-05",
        "_birthDate": {"extension": [{"url": "urn:x", "valueString": "vers"}]},
        "noms": [{"family": "Dubois"}, {"family": "Petit"}],
    }


def test_system__resource_by_id__is_read(client: Client) -> None:
    assert client.data('{ Patient(id: "a") { resourceType active } }') == {
        "Patient": {"resourceType": "Patient", "active": True}
    }


@pytest.mark.parametrize("media", ["application/graphql", "application/json"])
def test_post__both_media__are_read(client: Client, media: str) -> None:
    assert client.post("{ id }", "Patient/a/", media).json == {"data": {"id": "a"}}


def test_get__query_and_variables__are_read(client: Client) -> None:
    answer = client.get(
        'query q($i: String = "b") { Patient(id: $i) { id } }', variables='{"i": "a"}', operationName="q"
    )

    assert answer.json == {"data": {"Patient": {"id": "a"}}}


@pytest.mark.parametrize(
    ("arguments", "families"),
    [
        ("(use: official)", ["Dubois"]),
        ('(use: "maiden")', ["Petit"]),
        ('(fhirpath: "given.count() = 2")', ["Dubois"]),
        ("(_count: 1)", ["Dubois"]),
        ("(_offset: 1)", ["Petit"]),
        ("(_count: 1, _offset: 1)", ["Petit"]),
        ("(use: old)", []),
    ],
)
def test_list__arguments__filter_it(client: Client, arguments: str, families: list[str]) -> None:
    data = client.data(f"{{ name{arguments} {{ family }} }}", "Patient/a/")

    assert [name["family"] for name in data.get("name", [])] == families


# fragments, variables, directives


def test_fragments__named_and_inline__apply_to_their_type(client: Client) -> None:
    query = """query { managingOrganization { resource { ...org ... on Patient { birthDate } } } }
               fragment org on Organization { name }"""

    assert client.data(query, "Patient/a/") == {"managingOrganization": {"resource": {"name": "Les Tilleuls"}}}


def test_include_and_skip__variables__decide(client: Client) -> None:
    query = "query($y: Boolean!, $n: Boolean = false) { id @include(if: $y) active @skip(if: $y) birthDate @include(if: $n) }"

    assert client.data(query, "Patient/a/", y=True) == {"id": "a"}
    assert client.data(query, "Patient/a/", y=False) == {"active": True}


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ name @first { family } }", {"name": [{"family": "Dubois"}]}),
        ("{ name @first @singleton { family } }", {"name": {"family": "Dubois"}}),
        ("{ name @flatten { family } }", {"family": ["Dubois", "Petit"]}),
        ("{ name @flatten { given } }", {"given": ["Éloïse", "Anne", "Éloïse"]}),
        ("{ name(use: official) @flatten { family @singleton } id }", {"family": "Dubois", "id": "a"}),
        (
            '{ telecom @slice(path: "system") { value } }',
            {"telecom.phone": {"value": "01"}, "telecom.email": {"value": "a@b.test"}},
        ),
        ('{ name @slice(path: "$index") { family } }', {"name.0": {"family": "Dubois"}, "name.1": {"family": "Petit"}}),
    ],
)
def test_directives__of_fhir__shape_the_data(client: Client, query: str, data: Any) -> None:
    assert client.data(query, "Patient/a/") == data


# references, lists, connections


def test_reference__resource__is_followed(client: Client) -> None:
    query = "{ subject { reference resource(type: Patient) { name(use: official) { family } } } }"

    assert client.data(query, "Observation/o0/")["subject"]["resource"] == {"name": [{"family": "Dubois"}]}


def test_reference__absent_target__is_null_or_an_error_as_asked(client: Client) -> None:
    assert client.data("{ generalPractitioner { resource { id } } }", "Patient/a/")["generalPractitioner"] == [
        {"resource": None}
    ]
    refused = client.post("{ generalPractitioner { resource(optional: false) { id } } }", "Patient/a/")
    assert (refused.status_code, _code(refused)) == (404, "core-graphql-reference")


def test_list__search__takes_search_parameters(client: Client) -> None:
    data = client.data('{ PatientList(family: "dub") { id } all: PatientList(_sort: "family") { id } }')

    assert data == {"PatientList": [{"id": "a"}], "all": [{"id": "a"}, {"id": "b"}]}


def test_list__inside_a_resource__is_of_those_that_point_to_it(client: Client) -> None:
    data = client.data('{ ObservationList(_reference: patient, _sort: "_id") { id code { text } } }', "Patient/a/")

    assert [o["id"] for o in data["ObservationList"]] == ["o0", "o1", "o2"]


def test_connection__pages__follow_the_cursor(client: Client) -> None:
    fields = "{ count pagesize next edges { mode resource { id } } }"
    first = client.data(f'{{ ObservationConnection(_count: 2, _sort: "_id") {fields} }}')["ObservationConnection"]
    second = client.data(f'{{ ObservationConnection(_cursor: "{first["next"]}") {fields} }}')["ObservationConnection"]

    assert (first["count"], first["pagesize"]) == (5, 2)
    assert [e["resource"]["id"] for e in (*first["edges"], *second["edges"])] == ["o0", "o1", "o2", "o3"]
    assert {e["mode"] for e in first["edges"]} == {"match"}


# what is refused


def _code(answer: Any) -> str:
    assert answer.json["resourceType"] == "OperationOutcome", answer.text
    assert answer.json["issue"][0]["details"]["text"]
    return str(answer.json["issue"][0]["details"]["coding"][0]["code"])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("{ id", 400, "core-graphql-invalid"),
        ("", 400, "core-parameter-missing"),
        ("mutation { PatientDelete { id } }", 400, "core-graphql-invalid"),
        ("{ colour }", 400, "core-graphql-invalid"),
        ("{ name }", 400, "core-graphql-invalid"),
        ("{ id { x } }", 400, "core-graphql-invalid"),
        ("{ birthDate(x: 1) }", 400, "core-graphql-invalid"),
        ("{ name @upper { family } }", 400, "core-graphql-invalid"),
        ("{ name @singleton { family } }", 400, "core-graphql-invalid"),
        ("{ name(_count: x) { family } }", 400, "core-graphql-invalid"),
        ('{ name(fhirpath: "((") { family } }', 400, "core-graphql-invalid"),
        ("{ name(fhirpath: \"family.matches('(a+)+$')\") { family } }", 400, "core-graphql-invalid"),
        ("{ ...absent }", 400, "core-graphql-invalid"),
        ("{ ...f } fragment f on Patient { ...f }", 413, "core-graphql-depth"),
        ("query($x: String!) { id }", 400, "core-graphql-invalid"),
        ("{ name(use: $x) { family } }", 400, "core-graphql-invalid"),
        ("query a { id } query b { id }", 400, "core-graphql-invalid"),
        ("{ ObservationList { id } }", 400, "core-graphql-invalid"),
        ("{ ObservationList(_reference: patient, colour: x) { id } }", 400, "search-unknown-parameter"),
        ("{ ObservationConnection(_reference: patient) { colour } }", 400, "core-graphql-invalid"),
        ("{ PatinetList(_reference: patient) { id } }", 400, "core-graphql-invalid"),
    ],
)
def test_query__wrong__is_an_outcome(client: Client, query: str, status: int, code: str) -> None:
    answer = client.post(query, "Patient/a/")

    assert (answer.status_code, _code(answer)) == (status, code)


def test_query__other_media_or_parameter__is_refused(client: Client) -> None:
    assert client.post("{ id }", "Patient/a/", "text/csv").status_code == 415
    assert _code(client.get("{ id }", "Patient/a/", colour="x")) == "core-parameter-unknown"


@pytest.mark.parametrize("at", ["Patient/absent/", "Patinet/a/"])
def test_resource__absent__is_404(client: Client, at: str) -> None:
    assert client.post("{ id }", at).status_code == 404


def test_definition__is_declared_and_readable(client: Client) -> None:
    assert client._client.get("/fhir/OperationDefinition/Resource-graphql").json["code"] == "graphql"


# limits


@dataclass(frozen=True)
class Limit:
    setting: str
    query: Callable[[int], str]
    at: str
    id: str


def _deep(levels: int) -> str:
    """Return a query of so many levels: each inline fragment is one."""
    return "{ " + "... on Patient { " * (levels - 1) + "id" + " }" * levels


LIMITED = [
    # braces count as words, and so does the end of the text
    Limit("graphql_tokens_max", lambda n: "{ " + "id " * (n - 2) + "}", "Patient/a/", "core-graphql-tokens"),
    Limit("graphql_depth_max", _deep, "Patient/a/", "core-graphql-depth"),
    Limit("graphql_fields_max", lambda n: "{ " + "id " * n + "}", "Patient/a/", "core-graphql-fields"),
    Limit(
        "graphql_resources_max",
        lambda n: f'{{ ObservationList(_count: "{n}") {{ id }} }}',
        "",
        "core-graphql-resources",
    ),
]


@pytest.mark.parametrize("limit", LIMITED, ids=lambda limit: limit.setting)
def test_limit__reached_then_passed__is_served_then_refused(limit: Limit) -> None:
    client = _made(**{limit.setting: LIMITS[limit.setting]})
    at_limit, above = (client.post(limit.query(LIMITS[limit.setting] + n), limit.at) for n in (0, 1))

    assert at_limit.status_code == 200, at_limit.text
    assert (above.status_code, _code(above)) == (413, limit.id)


def test_bytes__at_the_limit_and_above__only_the_first_is_served(client: Client) -> None:
    query = "{ name { family given } }"
    size = len(client.post(query, "Patient/a/").data)

    assert _made(graphql_bytes_max=size).post(query, "Patient/a/").status_code == 200
    assert _code(_made(graphql_bytes_max=size - 1).post(query, "Patient/a/")) == "core-graphql-bytes"


WORDS = st.sampled_from([
    "{", "}", "id", "name", "family", "(", ")", "use:", "official", "...",
    "on Patient", "@first", "@flatten", "@slice(path: \"x\")",
    "resource", "subject", "PatientList", "_reference:", "patient", "query", "$x", ":", "\"é\"", "1", "fragment f on Patient",
    "_count:",
    "ObservationConnection", "edges", "next", "managingOrganization",
])  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(WORDS, max_size=14), at=st.sampled_from(["", "Patient/a/", "Observation/o0/"]))
def test_any_query__whatever__is_data_or_an_outcome(client: Client, words: list[str], at: str) -> None:
    answer = client.post(" ".join(words), at)

    assert answer.status_code < 500
    if answer.status_code == 200:
        assert set(answer.json) == {"data"}
    else:
        assert _code(answer)

"""Data that no validation saw: whatever stands in the place of an element, a document is gathered without raising."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from dui_fhir_plugins.commun import documents
from dui_fhir_plugins.commun.document_record import Record

from dui_fhir.domain.change import Resource
from dui_fhir.domain.operation import OperationRequest

from .conftest import CONSENT, PATIENT, composition, contract, health, measure, plan_with_goal, related, section
from .test_document_sections import Sections

ODD: tuple[Any, ...] = (
    None,
    "x",
    5,
    True,
    [],
    {},
    [None],
    [[]],
    [{}],
    ["x"],
    [5],
    {"x": [None]},
    {"coding": "x"},
    [{"coding": [5]}],
)


class Everything:
    """A reader that finds all resources of a type, whatever is asked of them."""

    def __init__(self, *resources: Resource) -> None:
        self._resources = resources

    def read(self, reference: str) -> Resource | None:
        return next((r for r in self._resources if f"{r['resourceType']}/{r['id']}" == reference), None)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        return [r for r in self._resources if r["resourceType"] == type]

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        return iter(self.search(type, params))


def gathered(request: OperationRequest, kind: str, target: Resource, *others: Resource) -> None:
    context = replace(request.context, reader=Everything(PATIENT, target, *others))
    record = Record(target, PATIENT, context, request.documents[kind], {})
    documents.content_of(record)


def spoiled(resource: Resource) -> list[Resource]:
    names = [n for n in resource if n not in ("resourceType", "id")]
    deep = [
        {**resource, name: [{**resource[name][0], inner: odd}, *resource[name][1:]]}
        for name in names
        if isinstance(resource[name], list) and resource[name] and isinstance(resource[name][0], dict)
        for inner in resource[name][0]
        for odd in ODD
    ]
    return [{**resource, name: odd} for name in names for odd in ODD] + deep


FILE = [*health(), related("mere", "Martin", "MTH", "Mère", period={"start": "2020"}), *plan_with_goal()]


@pytest.mark.parametrize("number", range(len(FILE)), ids=[f"{r['resourceType']}-{r['id']}" for r in FILE])
def test_gathered__any_element_of_a_file_odd__never_raises(request_of: Any, number: int) -> None:
    request = request_of(PATIENT)
    for odd in spoiled(FILE[number]):
        for kind in ("dlu", "synthese"):
            gathered(request, kind, PATIENT, odd)


@pytest.mark.parametrize(
    ("kind", "target", "corridor"),
    [
        ("contrat-sejour", contract(), "pa"),
        ("consentement", CONSENT, "ph"),
        ("dipm", composition("dipm", section("financement", "12 €")), "pjm"),
        ("inventaire", composition("inventaire", section("x", "Un buffet")), "pjm"),
        ("grille-aggir", next(r for r in health() if r["id"] == "gir"), "pa"),
    ],
)
def test_made_from__any_element_odd__never_raises(request_of: Any, kind: str, target: Resource, corridor: str) -> None:
    request = request_of(PATIENT, corridor=corridor)
    for odd in spoiled(target):
        gathered(request, kind, odd, measure("tutelle", debut="2026-01-05"))


def test_sections__of_a_whole_file__say_something(sections: Sections) -> None:
    """The odd tests above would pass on a gatherer that says nothing."""
    assert sum(not s["empty"] for s in sections(PATIENT, *FILE, kind="synthese").values()) >= 10

"""The corridors as shipped, loaded once, and a reader that knows the searches they make."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host import PluginHost
from dui_fhir.settings import Settings

CORRIDORS = ["commun", "pa", "dom", "ph", "pde", "pds", "ahi", "pjm"]


class FakeReader:
    """Resources in memory; understands ``status``, ``_tag`` and references by their element's name, nothing else."""

    def __init__(self, *resources: Resource) -> None:
        self.resources = {f"{r['resourceType']}/{r['id']}": r for r in resources}

    def read(self, reference: str) -> Resource | None:
        return self.resources.get(reference)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        found = [r for r in self.resources.values() if r["resourceType"] == type]
        for name, value in params:
            found = [r for r in found if self._matches(r, name, value)]
        return found

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        yield from self.search(type, params)

    @staticmethod
    def _matches(resource: Resource, name: str, value: str) -> bool:
        if name == "status":
            return resource.get("status") in value.split(",")
        if name == "_tag":
            system, _, code = value.partition("|")
            return any((t["system"], t["code"]) == (system, code) for t in resource.get("meta", {}).get("tag", ()))
        if name == "code":
            system, _, code = value.partition("|")
            return any((c["system"], c["code"]) == (system, code) for c in resource.get("code", {}).get("coding", ()))
        assert name in ("subject", "patient", "focus", "target"), name
        links = resource.get(name, ())
        return any(
            link.get("reference") in value.split(",") for link in (links if isinstance(links, list) else [links])
        )


@pytest.fixture(scope="session")
def corridors() -> PluginHost:
    return PluginHost.load(Settings({"plugins": CORRIDORS, "plugin_folders": []}))


ContextOf = Callable[..., Context]


@pytest.fixture
def context_of(corridors: PluginHost) -> ContextOf:
    """``context_of(*resources, active=("pa",), category="500", parameters={}, **changes)``."""

    def make(
        *resources: Resource,
        active: Sequence[str] = ("pa",),
        category: str = "500",
        parameters: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Context:
        structure = Structure(finess="010000000", category=category, name="Essai", address="1 rue de l'Essai")
        values: dict[str, Any] = {
            "tenant": "essai",
            "actor": Actor(structure="010000000"),
            "now": datetime(2026, 1, 15, 8, tzinfo=UTC),
            "reader": FakeReader(*resources),
            "structure": structure,
            "structures": (structure,),
            "corridors": frozenset({"commun", *active}),
            "parameters": {**corridors.parameters(structure), **(parameters or {})},
        }
        return Context(**(values | changes))

    return make


Write = Callable[..., tuple[Issue, ...]]


@pytest.fixture
def write(corridors: PluginHost, context_of: ContextOf) -> Write:
    """``write(resource, *others, before=None, stored=(), **context)`` returns the issues; ``others`` are siblings."""

    def do(
        resource: Resource, *others: Resource, before: Resource | None = None, stored: Sequence[Resource] = (), **k: Any
    ) -> tuple[Issue, ...]:
        change = Change(
            interaction="create" if before is None else "update",
            type=resource["resourceType"],
            id=resource["id"],
            before=before,
            after=resource,
            siblings={f"{r['resourceType']}/{r['id']}": r for r in others},
        )
        return corridors.check(change, context_of(*stored, **k))

    return do


def shown(issues: Sequence[Issue]) -> list[tuple[str, str]]:
    return [(issue.id, issue.severity) for issue in issues]

"""The examples of a plugin's folder: collected, put in circumstances, and submitted to the rules."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from dui_fhir.domain import json
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change, Interaction, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host import Plugin, PluginHost, Rule
from dui_fhir.plugin_kit.reader import ExampleReader

Expectation = Literal["valid", "invalid", "warning"]
EXPECTATIONS: tuple[Expectation, ...] = ("valid", "invalid", "warning")
NOW = "2026-01-15T09:00:00+01:00"
FINESS = "000000000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One file of ``examples/``. ``rule`` is the rule that must answer; None for a valid one, or where none is named."""

    file: Path
    expectation: Expectation
    rule: Rule | None

    @property
    def name(self) -> str:
        """Its path inside the plugin's folder."""
        return f"examples/{self.expectation}/{self.file.name}"


def examples_of(plugin: Plugin) -> tuple[Example, ...]:
    """Return the examples of a plugin, in the order of their names."""
    return tuple(
        Example(file=file, expectation=expectation, rule=named(file, plugin.rules) if expectation != "valid" else None)
        for expectation in EXPECTATIONS
        for file in sorted((plugin.folder / "examples" / expectation).glob("*.json"))
    )


def named(file: Path, rules: Iterable[Rule]) -> Rule | None:
    """Return the rule with whose id the name of a file begins, the longest id where several do; None where none does."""
    starting = [r for r in rules if file.stem == r.id or file.stem.startswith((f"{r.id}-", f"{r.id}_", f"{r.id}."))]
    return max(starting, key=lambda rule: len(rule.id), default=None)


def issues_of(example: Example, plugin: Plugin, host: PluginHost) -> tuple[Issue, ...]:
    """Return what the rules say of the file of an example; see :func:`issues_of_value`."""
    return issues_of_value(json.loads(example.file.read_bytes()), example, plugin, host)


def issues_of_value(value: Any, example: Example, plugin: Plugin, host: PluginHost) -> tuple[Issue, ...]:
    """Return what the rules say of an example, in the circumstances of ``examples/context.json``.

    A rule of kind A is asked for each of its channels; any other by a create, update or delete.
    Raises: ValueError (French) where the file is no example; PluginFailed.
    """
    change, others = change_of(value)
    context = context_of(plugin, host, others, example.file.name)
    if example.rule is not None and example.rule.kind == "A":
        document = change.after or {}
        found = [host.check_sending(document, channel, context) for channel in example.rule.channels]
        return tuple(dict.fromkeys(issue for issues in found for issue in issues))
    return host.check(change, context)


def change_of(value: Any) -> tuple[Change, list[Resource]]:
    """Return the change that the content of an example stands for, and the resources that may be read meanwhile.

    Raises: ValueError (French) where it is no example.
    """
    resources = list(_resources(value))
    change = _change(resources)
    return change, [resource for resource, _ in resources if resource is not change.before]


def _resources(value: Any) -> Iterator[tuple[Resource, str]]:
    """Yield each resource of the file with its method (``PUT`` where the file does not say)."""
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise ValueError("il faut une ressource FHIR ou un Bundle (resourceType absent)")
    if value["resourceType"] != "Bundle":
        yield _with_id(value, 0), "PUT"
        return
    entries = value.get("entry", [])
    if not entries:
        raise ValueError("le Bundle n'a aucune entrée")
    for index, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise ValueError(f"l'entrée {index} du Bundle ne porte pas de ressource")
        yield _with_id(resource, index), entry.get("request", {}).get("method", "PUT")


def _with_id(resource: Resource, index: int) -> Resource:
    return resource if "id" in resource else {**resource, "id": f"exemple-{index}"}


def _change(resources: list[tuple[Resource, str]]) -> Change:
    (first, method), *others = resources
    type, id = first["resourceType"], first["id"]
    before = next((r for r, _ in others if r["resourceType"] == type and r["id"] == id), None)
    siblings = {f"{r['resourceType']}/{r['id']}": r for r, _ in others if r is not before}
    if method == "DELETE":
        return Change(interaction="delete", type=type, id=id, before=first, siblings=siblings)
    interaction: Interaction = "create" if before is None else "update"
    return Change(interaction=interaction, type=type, id=id, before=before, after=first, siblings=siblings)


def context_of(plugin: Plugin, host: PluginHost, resources: list[Resource], name: str = "") -> Context:
    """Return the circumstances of the example ``name`` of a plugin, with a reader of ``resources``."""
    circumstances = _circumstances(plugin.folder, name)
    category = circumstances.get("category") or next(iter(plugin.categories), "")
    corridors = frozenset({"commun", plugin.id})
    structure = Structure(
        finess=FINESS,
        category=category,
        name="Structure d'exemple",
        address="1 rue de l'Exemple, 75000 Paris",
        corridors=tuple(sorted(corridors - {"commun"})),
    )
    return Context(
        tenant="exemple",
        actor=Actor(structure=FINESS),
        now=datetime.fromisoformat(circumstances.get("now", NOW)),
        reader=ExampleReader(resources, host.search_parameters()),
        structure=structure,
        structures=(structure,),
        corridors=corridors,
        parameters={**host.parameters(structure), **circumstances.get("parameters", {})},
    )


def _circumstances(folder: Path, name: str) -> Mapping[str, Any]:
    file = folder / "examples" / "context.json"
    value: Mapping[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
    special = [given for start, given in value.get("exceptions", {}).items() if name.startswith(start)]
    return {**value, **(special[0] if special else {})}

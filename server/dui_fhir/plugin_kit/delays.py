"""The examples of delays: ``examples/delay/<rule>*.json`` says on which day a clock-driven rule is due for a file.

Each is tried the day before, on the day and the day after: the task opens once the day is over, and not before. With ``due``
null the rule must ask for nothing, however late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from dui_fhir.domain.calendar import day_of
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dossier import Dossier
from dui_fhir.plugin_host import Plugin, PluginHost, Rule
from dui_fhir.plugin_host.json_files import read, validate
from dui_fhir.plugin_kit.examples import context_of, named

FOLDER: Final = "delay"
YEARS_AFTER: Final = 10
"""For a rule that must ask for nothing: how long it is watched after the last date of the example."""
_STAYS: Final = frozenset({"Encounter", "EpisodeOfCare"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DelayExample:
    """One file. ``rule`` None = its name begins with the id of no rule of the plugin."""

    file: Path
    rule: Rule | None

    @property
    def name(self) -> str:
        """Its path inside the plugin's folder."""
        return f"examples/{FOLDER}/{self.file.name}"


def delays_of(plugin: Plugin) -> tuple[DelayExample, ...]:
    """Return the examples of delays of a plugin, in the order of their names."""
    files = sorted((plugin.folder / "examples" / FOLDER).glob("*.json"))
    return tuple(DelayExample(file=file, rule=named(file, plugin.rules)) for file in files)


def delay_faults(example: DelayExample, plugin: Plugin, host: PluginHost) -> Iterator[str]:
    """Yield what is wrong with an example, as French sentences."""
    if example.rule is None:
        yield "le nom ne commence par l'identifiant d'aucune règle du couloir"
        return
    value, faults = read(example.file, example.name)
    faults = faults or validate(value, "examples-delay", example.name)
    if faults:
        yield from (f"{fault.path} : {fault.text}" if fault.path else fault.text for fault in faults)
        return
    due, resources, parameters = _parts(value)
    find = next((r.find for r in host.clock_rules((plugin.id,)) if r.id == example.rule.id), None)
    if find is None:
        yield f"la règle {example.rule.id} n'est pas périodique : declare_clock_rules ne la donne pas"
        return

    def late(day: date) -> bool:
        dossier = _dossier(plugin, host, resources, example, day, parameters)
        return any(day > deadline.due for deadline in find(dossier))

    if due is None:
        last = max((d for d in _dates(resources)), default=date(2026, 1, 1))
        if late(last + timedelta(days=366 * YEARS_AFTER)):
            yield f"la règle {example.rule.id} ne devait rien demander, et demande"
        return
    for days, expected in ((-1, False), (0, False), (1, True)):
        day = due + timedelta(days=days)
        if late(day) != expected:
            yield f"le {day.isoformat()}, la tâche de {example.rule.id} {'manque' if expected else 'est déjà ouverte'}"


def _parts(value: dict[str, Any]) -> tuple[date | None, list[Resource], dict[str, Any]]:
    due = value["due"]
    resources = [r if "id" in r else {**r, "id": f"exemple-{n}"} for n, r in enumerate(value["resources"])]
    return (None if due is None else date.fromisoformat(due)), resources, value.get("parameters", {})


def _dossier(
    plugin: Plugin, host: PluginHost, resources: list[Resource], example: DelayExample, day: date, own: dict[str, Any]
) -> Dossier:
    context = context_of(plugin, host, resources, example.file.name)
    stays = tuple(r for r in resources if r["resourceType"] in _STAYS)
    person = next((r for r in resources if r["resourceType"] == "Patient"), None)
    return Dossier(
        today=day,
        reader=context.reader,
        structure=context.structure,
        person=f"Patient/{person['id']}" if person is not None else "",
        stays=tuple(sorted(stays, key=lambda s: str(s.get("period", {}).get("start", "")))),
        parameters={**context.parameters, **own},
    )


def _dates(value: Any) -> Iterator[date]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _dates(child)
    elif isinstance(value, list):
        for child in value:
            yield from _dates(child)
    elif isinstance(value, str) and (day := day_of(value)) is not None:
        yield day

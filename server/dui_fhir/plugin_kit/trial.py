"""``dui-fhir plugin test``: every rule of a folder against its examples, its delays, and its own contrary."""

from dataclasses import dataclass, field
from pathlib import Path

from dui_fhir.plugin_host import Fault
from dui_fhir.plugin_kit import mutants
from dui_fhir.plugin_kit.checking import example_faults
from dui_fhir.plugin_kit.delays import delay_faults, delays_of
from dui_fhir.plugin_kit.examples import examples_of
from dui_fhir.plugin_kit.mutants import host_of, plugin_of

UNSHOWN = "la règle {rule} peut être renversée sans qu'aucun exemple {which} ne le voie"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was tried, and what failed. Counts are of files and conditions."""

    rules: int
    examples: int
    delays: int
    conditions: int
    faults: tuple[Fault, ...] = field(default=())

    def line(self) -> str:
        """Return it as one French line."""
        tried = f"{self.rules} règles, {self.examples} exemples, {self.delays} délais, {self.conditions} conditions renversées"
        return f"{tried} : {f'{len(self.faults)} faute(s)' if self.faults else 'aucune faute'}"


def try_folder(path: Path) -> Trial:
    """Try all rules of a folder. Raises: ConfigurationError where it cannot be loaded (``plugin check`` says why)."""
    folder = path.resolve()
    host = host_of(folder)
    plugin = plugin_of(host, folder.name)
    examples, delays, conditions = examples_of(plugin), delays_of(plugin), mutants.mutants(folder)
    faults = [Fault(file=e.name, text=t) for e in examples for t in example_faults(e, plugin, host)]
    faults += [Fault(file=e.name, text=t) for e in delays for t in delay_faults(e, plugin, host)]
    declarative = [r for r in plugin.rules if r.form != "python"]
    for rule in declarative:
        stopped, let_pass = mutants.flipped(host, plugin.id, rule)
        for seen, which in ((stopped, "arrêté"), (let_pass, "accepté")):
            if not seen:
                faults.append(Fault(file=rule.file, text=UNSHOWN.format(rule=rule.id, which=which)))
    if not faults:  # a mutant is judged by examples: these must be right first
        faults += [
            Fault(file=m.file, path=f"ligne {m.line}", text=UNSHOWN.format(rule=m.rules, which="ou envoi"))
            for m in mutants.survivors(folder, conditions)
        ]
    return Trial(
        rules=len(plugin.rules),
        examples=len(examples),
        delays=len(delays),
        conditions=len(declarative) + len(conditions),
        faults=tuple(faults),
    )

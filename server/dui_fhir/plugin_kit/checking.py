"""``dui-fhir plugin check``: every fault of a folder at once, in plain French, file and path named."""

import copy
from collections.abc import Iterator
from pathlib import Path

from dui_fhir.definitions import resource_types
from dui_fhir.domain import json
from dui_fhir.domain.errors import DuiError
from dui_fhir.domain.issues import Issue
from dui_fhir.plugin_host import Fault, Plugin, PluginHost, Rule, Source
from dui_fhir.plugin_host.fhirpath import problems
from dui_fhir.plugin_host.finder import TRUNK, installed_source
from dui_fhir.plugin_host.json_files import read, validate
from dui_fhir.plugin_host.loading import Loaded, load_all
from dui_fhir.plugin_host.plugin import DEFINITION_FOLDERS, Content
from dui_fhir.plugin_kit.delays import FOLDER as DELAYS
from dui_fhir.plugin_kit.delays import delay_faults, delays_of
from dui_fhir.plugin_kit.examples import EXPECTATIONS, Example, examples_of, issues_of_value
from dui_fhir.plugin_kit.indicator_faults import indicator_faults
from dui_fhir.plugin_kit.source_code import source_faults

_FILES = frozenset({"plugin.json", "README.md", "parameters.json", "documents.json", "access.json", "indicators.json"})
_FOLDERS = frozenset({*DEFINITION_FOLDERS, "rules", "templates", "examples", "__pycache__"})


def check_folder(path: Path) -> list[Fault]:
    """Return all faults of a plugin's folder, sorted by file; empty = fit to be loaded and sound.

    The common trunk (beside the folder, or installed) is loaded with it, so that examples meet the rules they will meet
    in service. Nothing is raised for what the folder holds.
    """
    folder = path.resolve()
    if not (folder / "plugin.json").exists():
        return [Fault(file="plugin.json", text="ce fichier est absent : ce dossier n'est pas un couloir")]
    source = Source(id=folder.name, folder=folder)
    loaded = load_all([*trunk_of(folder), source])
    content = loaded.contents[source.id]
    faults = [*content.faults, *_file_faults(folder), *source_faults(folder), *_declaration_faults(content)]
    faults += _clock_faults(loaded, source.id)
    faults += _status_faults(content)
    faults += _indicator_faults(loaded, source.id)
    faults += _example_faults(loaded, source.id)
    return sorted(dict.fromkeys(faults), key=lambda f: (f.file, f.path, f.text))


def trunk_of(folder: Path) -> list[Source]:
    """Return the common trunk that goes with a folder: that beside it, else the installed one; none for the trunk itself."""
    if folder.name == TRUNK:
        return []
    beside = folder.parent / TRUNK
    found = Source(id=TRUNK, folder=beside) if (beside / "plugin.json").exists() else installed_source(TRUNK)
    return [found] if found is not None else []


def _file_faults(folder: Path) -> Iterator[Fault]:
    if not (folder / "README.md").exists():
        yield Fault(
            file="README.md", text="ce fichier est absent : dites la portée, les sources, les questions ouvertes"
        )
    for file in sorted(folder.iterdir()):
        known = file.name in _FOLDERS if file.is_dir() else file.name in _FILES or file.suffix == ".py"
        if not known and not file.name.startswith("."):
            yield Fault(file=file.name, text="fichier ou dossier inconnu (liste : docs/fr/format-du-couloir.md)")
    for directory in sorted((folder / "examples").glob("*")):
        if directory.name not in (*EXPECTATIONS, DELAYS, "context.json"):
            text = "seuls valid, invalid, warning, delay et context.json ont un sens ici"
            yield Fault(file=f"examples/{directory.name}", text=text)
    context = folder / "examples" / "context.json"
    if context.exists():
        value, faults = read(context, "examples/context.json")
        yield from faults or validate(value, "examples-context", "examples/context.json")


def _declaration_faults(content: Content) -> Iterator[Fault]:
    yield from _source_faults(content)
    known = resource_types()
    for rule in content.rules:
        for type in sorted(rule.resources - known - {"*"}):
            yield Fault(file=rule.file, path="resource", text=f"« {type} » n'est pas un type de ressource FHIR R4")
        for path in rule.paths:
            if path.split(".")[0] not in known:
                yield Fault(
                    file=rule.file, path="expression", text=f"« {path} » ne commence pas par un type de ressource"
                )
        if rule.form == "fhirpath":
            expression = json.loads((content.folder / rule.file).read_bytes())["expression"]
            yield from (Fault(file=rule.file, path="expression", text=text) for text in problems(expression))
    for document in content.documents:
        for template in (document.template, *document.variants.values()):
            if template is not None and not template.exists():
                text = f"le modèle {template.relative_to(content.folder).as_posix()} est absent"
                yield Fault(file="documents.json", path=document.id, text=text)


def _status_faults(content: Content) -> Iterator[Fault]:
    """What a status claims and the files deny: see docs/fr/format-du-couloir.md. The rest is for people to judge."""
    status = str(content.manifest.get("status", ""))
    if status in ("silver", "gold"):
        for indicator in content.indicators:
            if "calculation" not in indicator:
                yield Fault(
                    file="indicators.json",
                    path=indicator["id"],
                    text=f"« {status} » : cet indicateur n'est pas calculé",
                )
        if content.documents and not any(document.made_from for document in content.documents):
            yield Fault(
                file="documents.json", text=f"« {status} » : aucun document n'est établi par le serveur (made_from)"
            )
    if status == "gold":
        readme = content.folder / "README.md"
        if not readme.exists() or "## Relectures" not in readme.read_text(encoding="utf-8"):
            text = "« gold » : le README dit qui du métier a relu, et quand (## Relectures)"
            yield Fault(file="README.md", text=text)


def _clock_faults(loaded: Loaded, id: str) -> Iterator[Fault]:
    run = {clock_rule.id for plugin, clock_rule in loaded.clock_rules if plugin == id}
    for rule in loaded.contents[id].rules:
        if rule.kind == "P" and rule.id not in run:
            yield Fault(
                file=rule.file, text=f"la règle {rule.id} est périodique, et declare_clock_rules ne l'exécute pas"
            )


def _indicator_faults(loaded: Loaded, id: str) -> Iterator[Fault]:
    contents = loaded.contents
    return indicator_faults(
        contents[id].indicators,
        clock_rules={rule.id for _, rule in loaded.clock_rules},
        parameters={f"{name}.{p['name']}" for name, content in contents.items() for p in content.parameters},
        extra=[
            d for content in contents.values() for d in content.definitions if d["resourceType"] == "SearchParameter"
        ],
    )


def _source_faults(content: Content) -> Iterator[Fault]:
    declared = [s["id"] for s in content.manifest.get("sources", ()) if isinstance(s, dict) and "id" in s]
    used = [(rule.file, "source", rule.source) for rule in content.rules]
    used += [("documents.json", d.id, d.source) for d in content.documents]
    used += [("parameters.json", p["name"], p["source"]) for p in content.parameters]
    used += [("indicators.json", i["id"], i["source"]) for i in content.indicators]
    used += [("access.json", f"{r['role']} × {r['category']}", r["source"]) for r in content.access]
    for file, path, source in used:
        if not any(source == id or source.startswith((f"{id} ", f"{id},", f"{id};", f"{id} :")) for id in declared):
            text = f"la source « {source} » ne commence par aucune des sources déclarées dans plugin.json"
            yield Fault(file=file, path=path, text=text)


def _example_faults(loaded: Loaded, id: str) -> Iterator[Fault]:
    host = PluginHost(loaded)
    plugin = next((p for p in host.plugins if p.id == id), None)
    if plugin is None:  # without a manifest there is nothing to ask the examples
        return
    examples = examples_of(plugin)
    yield from _missing_examples(plugin, examples)
    faults = loaded.contents[id].faults
    if any(fault.file == "parameters.json" for fault in faults):
        return  # the code would be told to fail where nothing is wrong with it
    code_is_sound = not any(fault.file.endswith(".py") for fault in faults)
    for example in examples:
        if code_is_sound or (example.rule is not None and example.rule.form != "python"):
            yield from (Fault(file=example.name, text=text) for text in example_faults(example, plugin, host))
    for delay in delays_of(plugin) if code_is_sound else ():
        yield from (Fault(file=delay.name, text=text) for text in delay_faults(delay, plugin, host))


def _missing_examples(plugin: Plugin, examples: tuple[Example, ...]) -> Iterator[Fault]:
    for rule in plugin.rules:
        expectation = "invalid" if rule.severity == "error" else "warning"
        shown = any(e.rule == rule and e.expectation == expectation for e in examples)
        if rule.kind != "P" and not shown:
            text = f"la règle {rule.id} n'a pas d'exemple examples/{expectation}/{rule.id}*.json"
            yield Fault(file=rule.file, text=text)
    if not any(e.expectation == "valid" for e in examples) and plugin.rules:
        yield Fault(file="examples/valid", text="il faut au moins un exemple accepté")


def example_faults(example: Example, plugin: Plugin, host: PluginHost) -> Iterator[str]:
    """Yield what is wrong with an example, as French sentences: the wrong answer, the wrong rule, a broken file."""
    if example.expectation != "valid" and example.rule is None:
        yield "le nom ne commence par l'identifiant d'aucune règle du couloir"
        return
    try:
        given = json.loads(example.file.read_bytes())
        before = copy.deepcopy(given)
        issues = issues_of_value(given, example, plugin, host)
    except ValueError as error:
        yield f"ce n'est pas un exemple : {error}"
        return
    except DuiError as error:
        yield f"le couloir est en panne sur cet exemple : {error}"
        return
    if given != before:
        yield "une règle a modifié la ressource qu'elle contrôle"
    yield from _answer_faults(example, issues)


def _answer_faults(example: Example, issues: tuple[Issue, ...]) -> Iterator[str]:
    refusals = [issue.id for issue in issues if issue.blocking]
    rule: Rule | None = example.rule
    if rule is None or example.expectation == "warning":
        if refusals:
            yield f"doit être accepté, mais il est refusé par {', '.join(refusals)}"
        if rule is not None and rule.id not in [issue.id for issue in issues if not issue.blocking]:
            yield f"doit recevoir l'avertissement {rule.id}, et ne le reçoit pas"
        return
    if not refusals:
        yield f"doit être refusé par {rule.id}, mais il est accepté"
    elif set(refusals) != {rule.id}:
        yield f"doit être refusé par {rule.id} seulement, mais il l'est par {', '.join(sorted(set(refusals)))}"

"""A loaded plugin as a value, and reading one from its folder with all its faults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dui_fhir import __version__
from dui_fhir.domain.change import Resource
from dui_fhir.plugin_host import json_files
from dui_fhir.plugin_host.documents import DocumentType, document_type
from dui_fhir.plugin_host.fault import Fault
from dui_fhir.plugin_host.fhirpath import variables
from dui_fhir.plugin_host.rules import Check, Form, Rule, compile_check, declared, path_in_folder
from dui_fhir.plugin_host.versions import accepts

DEFINITION_FOLDERS: Mapping[str, frozenset[str]] = {
    "profiles": frozenset({"StructureDefinition"}),
    "terminology": frozenset({"ValueSet", "CodeSystem", "ConceptMap", "NamingSystem"}),
    "questionnaires": frozenset({"Questionnaire"}),
    "search": frozenset({"SearchParameter"}),
    "operations": frozenset({"OperationDefinition"}),
}
"""Folder of FHIR resources → the types it may hold."""

_FORMS: Mapping[str, tuple[Form, str]] = {
    ".schema.json": ("schema", "rule-schema"),
    ".fhirpath.json": ("fhirpath", "rule-fhirpath"),
    ".rule.json": ("python", "rule-declared"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """One plugin in force. ``categories`` are FINESS codes; ``hooks`` the names of the hooks its plugin.py implements;
    ``parameters`` default values by short name."""

    id: str
    title: str
    wave: str
    version: str
    status: str
    prefix: str
    folder: Path
    rules: tuple[Rule, ...] = ()
    documents: tuple[DocumentType, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def always(self) -> bool:
        """True for the trunk: its rules apply to every structure."""
        return self.wave == "tronc"


@dataclass(kw_only=True)
class Content:
    """What a folder holds, read and checked file by file; ``faults`` empty = fit to be loaded."""

    folder: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    documents: list[DocumentType] = field(default_factory=list)
    parameters: list[Mapping[str, Any]] = field(default_factory=list)
    access: list[Mapping[str, Any]] = field(default_factory=list)
    indicators: list[Mapping[str, Any]] = field(default_factory=list)
    definitions: list[Resource] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    manifest_is_sound: bool = False

    @property
    def id(self) -> str:
        """Id of the plugin; the folder's name where the manifest does not say."""
        return str(self.manifest.get("id", self.folder.name))

    @property
    def prefix(self) -> str:
        """How the ids of its rules begin."""
        return str(self.manifest.get("prefix", self.id.upper()))

    def plugin(self, hooks: tuple[str, ...] = ()) -> Plugin:
        """Return the plugin as a value; only where the manifest is sound."""
        m = self.manifest
        return Plugin(
            id=m["id"],
            title=m["title"],
            wave=m["wave"],
            version=m["version"],
            status=m["status"],
            prefix=self.prefix,
            folder=self.folder,
            rules=tuple(self.rules),
            documents=tuple(self.documents),
            parameters={p["name"]: p["value"] for p in self.parameters},
            categories=tuple(c["code"] for c in m.get("categories", ())),
            hooks=hooks,
        )


def read_folder(folder: Path) -> Content:
    """Read a plugin's folder. Faults are collected, never raised."""
    content = Content(folder=folder)
    _read_manifest(content)
    content.parameters = _read_list(content, "parameters")
    content.access = _read_list(content, "access")
    content.indicators = _read_list(content, "indicators")
    entries = _read_list(content, "documents")
    content.documents = [document_type(d, plugin=content.id, folder=folder) for d in entries]
    _read_rules(content)
    _read_definitions(content)
    content.faults += _twice([p["name"] for p in content.parameters])
    return content


def _read_manifest(content: Content) -> None:
    value, content.faults = json_files.read(content.folder / "plugin.json", "plugin.json")
    if content.faults:
        return
    content.faults = json_files.validate(value, "plugin", "plugin.json")
    if isinstance(value, dict):
        content.manifest = value
    content.manifest_is_sound = not content.faults
    if not content.faults and not accepts(value["server"], __version__):
        text = f"ce couloir demande un serveur {value['server']} ; celui-ci est en version {__version__}"
        content.faults.append(Fault(file="plugin.json", path="server", text=text))


def _read_list(content: Content, name: str) -> list[Mapping[str, Any]]:
    """Return the entries of ``<name>.json`` where its schema accepts it, else nothing (and faults)."""
    file = content.folder / f"{name}.json"
    if not file.exists():
        return []
    value, faults = json_files.read(file, file.name)
    faults = faults or json_files.validate(value, name, file.name)
    content.faults += faults
    return [] if faults else value


def _read_rules(content: Content) -> None:
    for file in sorted((content.folder / "rules").glob("*.json")):
        name = path_in_folder(file, content.folder)
        form = next((found for suffix, found in _FORMS.items() if file.name.endswith(suffix)), None)
        if form is None:
            text = "le nom doit finir par .schema.json, .fhirpath.json ou .rule.json"
            content.faults.append(Fault(file=name, text=text))
            continue
        value, faults = json_files.read(file, name)
        content.faults += faults
        if not faults:
            add_rule(content, value, form[0], name)


def add_rule(content: Content, value: Any, form: Form, name: str) -> None:
    """Add one rule to a content, or its faults."""
    schema = next(schema for f, schema in _FORMS.values() if f == form)
    faults = json_files.validate(value, schema, name)
    content.faults += faults
    if faults:
        return
    rule = declared(value, plugin=content.id, form=form, file=name)
    content.rules.append(rule)
    content.faults += _rule_faults(content, rule, value)
    try:
        check = compile_check(rule, value)
    except ValueError as error:
        content.faults.append(Fault(file=name, text=str(error)))
        return
    if check is not None:
        content.checks.append(check)


def _rule_faults(content: Content, rule: Rule, value: Mapping[str, Any]) -> Iterator[Fault]:
    if not rule.id.startswith(f"{content.prefix}-"):
        yield Fault(file=rule.file, path="id", text=f"l'identifiant {rule.id} doit commencer par « {content.prefix}- »")
    if rule.kind == "A" and not rule.channels:
        yield Fault(file=rule.file, path="channels", text="une règle d'envoi (kind A) nomme ses canaux")
    if rule.form == "fhirpath":
        known = {p["name"] for p in content.parameters}
        for name in variables(value["expression"]):
            if name not in known:
                text = f"%{name} n'est pas un paramètre de parameters.json"
                yield Fault(file=rule.file, path="expression", text=text)


def _read_definitions(content: Content) -> None:
    for directory, types in DEFINITION_FOLDERS.items():
        for file in sorted((content.folder / directory).glob("*.json")):
            name = path_in_folder(file, content.folder)
            value, faults = json_files.read(file, name)
            faults = faults or list(_definition_faults(value, types, name))
            content.faults += faults
            if not faults:
                content.definitions.append(value)


def _definition_faults(value: Any, types: frozenset[str], name: str) -> Iterator[Fault]:
    if not isinstance(value, dict) or value.get("resourceType") not in types:
        yield Fault(file=name, path="resourceType", text=f"il faut ici une ressource {' ou '.join(sorted(types))}")
    elif not isinstance(value.get("url"), str) and value["resourceType"] != "NamingSystem":
        yield Fault(file=name, path="url", text="il manque l'URL canonique")


def _twice(names: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Fault(file="parameters.json", path=f"[{index}].name", text=f"paramètre « {name} » déclaré deux fois")

"""Load all plugins together: folders, modules, declarations; every fault of every plugin is collected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy

from dui_fhir import hookspecs
from dui_fhir import settings as server_settings
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dossier import ClockRule
from dui_fhir.domain.operation import Operation
from dui_fhir.plugin_host import json_files
from dui_fhir.plugin_host.calls import Calls
from dui_fhir.plugin_host.documents import document_type
from dui_fhir.plugin_host.fault import Fault
from dui_fhir.plugin_host.finder import Source
from dui_fhir.plugin_host.modules import implementations, load_module
from dui_fhir.plugin_host.plugin import Content, Plugin, add_rule, read_folder
from dui_fhir.plugin_host.rules import Check
from dui_fhir.ports import Connector
from dui_fhir.settings import Setting, SettingError

CODE = "plugin.py"


@dataclass(kw_only=True)
class Loaded:
    """Everything the plugins bring: fit to serve only without ``faults``, else good enough to look for more of them."""

    manager: pluggy.PluginManager
    contents: dict[str, Content] = field(default_factory=dict)
    plugins: tuple[Plugin, ...] = ()
    checks: tuple[Check, ...] = ()
    definitions: tuple[Resource, ...] = ()
    operations: tuple[Operation, ...] = ()
    clock_rules: tuple[tuple[str, ClockRule], ...] = ()
    connectors: tuple[Connector, ...] = ()
    commands: tuple[Any, ...] = ()
    access: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    indicators: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, list[Fault]]:
        """The faults by plugin; only plugins that have some."""
        return {id: content.faults for id, content in self.contents.items() if content.faults}


def load_all(sources: Sequence[Source]) -> Loaded:
    """Load the plugins of ``sources``, in their order. Faults are collected by plugin, never raised."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loading = _Loading(manager)
    for source in sources:
        loading.take(source)
    loading.declare()
    loading.refuse_duplicates()
    return loading.result()


class _Loading:
    """The work in progress of one start-up."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self.manager = manager
        self.contents: dict[str, Content] = {}
        self.hooks: dict[str, tuple[str, ...]] = {}
        self.declared: dict[str, list[tuple[str, Any]]] = {}
        self.settings: dict[str, Any] = {}

    def take(self, source: Source) -> None:
        """Read one folder and register its module."""
        content = read_folder(source.folder)
        if source.id in self.contents:
            first = self.contents[source.id].folder
            self.contents[source.id].faults.append(
                _fault("plugin.json", f"deux couloirs portent ce nom (l'autre : {first.name})")
            )
            return
        self.contents[source.id] = content
        if content.id != source.id:
            text = f"l'identifiant « {content.id} » n'est pas le nom du dossier ou de l'installation (« {source.id} »)"
            content.faults.append(Fault(file="plugin.json", path="id", text=text))
        module, faults = load_module(source)
        content.faults += faults
        if module is None:
            return
        self.hooks[source.id], faults = implementations(module, self.manager)
        content.faults += faults
        if not faults:
            self.manager.register(module, name=source.id)
            self.manager.check_pending()

    def declare(self) -> None:
        """Call the ``declare_`` hooks and check what they give as the files are checked."""
        calls = Calls.of(self.manager, list(self.contents))
        for name in calls.implementations:
            if name.startswith("declare_"):
                self.declared[name] = list(self._declared(calls, name))
        for id, rule in self.declared["declare_rules"]:
            add_rule(self.contents[id], rule, "python", CODE)
        for hook, schema in (("documents", "documents"), ("access_rules", "access"), ("indicators", "indicators")):
            for id, entry in self.declared[f"declare_{hook}"]:
                self._declare_entry(self.contents[id], entry, schema)
        for id, setting in self.declared["declare_settings"]:
            self._declare_setting(id, setting)
        for id, clock_rule in self.declared["declare_clock_rules"]:
            self._declare_clock_rule(self.contents[id], clock_rule)

    def _declared(self, calls: Calls, hook: str) -> Iterator[tuple[str, Any]]:
        for implementation in calls.each(hook):
            try:
                answer = list(implementation())
            except Exception as error:  # whatever it raises, the server names it and does not start
                text = f"{hook} a échoué : {type(error).__name__}: {error}"
                self.contents[implementation.plugin].faults.append(_fault(CODE, text))
                continue
            yield from ((implementation.plugin, item) for item in answer)

    def _declare_entry(self, content: Content, entry: Any, schema: str) -> None:
        # a function is no JSON: what an indicator adds up may be one (hookspecs.declare_indicators)
        told = {k: v for k, v in entry.items() if not callable(v)} if isinstance(entry, Mapping) else entry
        faults = json_files.validate([told], schema, CODE)
        content.faults += faults
        if faults:
            return
        if schema == "documents":
            content.documents.append(document_type(entry, plugin=content.id, folder=content.folder))
        else:
            getattr(content, schema).append(entry)

    def _declare_clock_rule(self, content: Content, clock_rule: Any) -> None:
        name = getattr(clock_rule, "id", clock_rule)
        if not isinstance(clock_rule, ClockRule) or name not in {rule.id for rule in content.rules}:
            text = f"declare_clock_rules : « {name} » n'est pas une règle déclarée par ce couloir"
            content.faults.append(_fault(CODE, text))

    def _declare_setting(self, id: str, setting: Any) -> None:
        if not isinstance(setting, Setting) or not setting.name.startswith(f"{id}_"):
            self.contents[id].faults.append(_fault(CODE, f"declare_settings : le nom doit commencer par « {id}_ »"))
            return
        try:
            self.settings[f"{id}.{setting.name.removeprefix(f'{id}_')}"] = server_settings.read_one(setting)
        except SettingError as error:
            self.contents[id].faults.append(_fault(CODE, str(error)))

    def refuse_duplicates(self) -> None:
        """Refuse what two plugins, or one twice, call by the same id."""
        contents = self.contents.items()
        self._refuse("la règle", [(id, r.id, r.file) for id, c in contents for r in c.rules])
        self._refuse("le document", [(id, f"{id}.{d.id}", "documents.json") for id, c in contents for d in c.documents])
        self._refuse("l'indicateur", [(id, i["id"], "indicators.json") for id, c in contents for i in c.indicators])
        rows = [(id, _row(r), "access.json") for id, c in contents for r in c.access]
        self._refuse("le droit", [(id, f"{id} : {row}", file) for id, row, file in rows])
        urls = [(id, d["url"], "définitions") for id, c in contents for d in c.definitions if "url" in d]
        self._refuse("l'URL", urls + self._named("definitions", lambda d: d["url"]))
        operations = self.declared["declare_operations"]
        self._refuse("l'opération", [(id, name, CODE) for id, o in operations for name in _operation_names(o)])
        self._refuse("l'horloge de la règle", self._named("clock_rules", lambda r: getattr(r, "id", r)))
        self._refuse("le connecteur", self._named("connectors", lambda c: c.kind))
        self._refuse("la commande", self._named("commands", lambda c: c.name))
        self._refuse("le réglage", self._named("settings", lambda s: s.name))

    def _named(self, what: str, name: Callable[[Any], Any]) -> list[tuple[str, Any, str]]:
        return [(id, name(item), CODE) for id, item in self.declared[f"declare_{what}"]]

    def _refuse(self, what: str, names: Sequence[tuple[str, Any, str]]) -> None:
        owners: dict[Any, str] = {}
        for id, name, file in names:
            if name in owners:
                self.contents[id].faults.append(_fault(file, f"{what} « {name} » existe déjà ({owners[name]})"))
            owners.setdefault(name, f"couloir « {id} », {file}")

    def result(self) -> Loaded:
        """Return what was loaded, with its faults."""
        contents = self.contents
        items = contents.items()
        computed = tuple(d for _, d in self.declared["declare_definitions"])
        return Loaded(
            manager=self.manager,
            contents=contents,
            plugins=tuple(c.plugin(self.hooks.get(id, ())) for id, c in items if c.manifest_is_sound),
            checks=tuple(check for content in contents.values() for check in content.checks),
            definitions=tuple(d for c in contents.values() for d in c.definitions) + computed,
            operations=tuple(o for _, o in self.declared["declare_operations"]),
            clock_rules=tuple(self.declared["declare_clock_rules"]),
            connectors=tuple(c for _, c in self.declared["declare_connectors"]),
            commands=tuple(c for _, c in self.declared["declare_commands"]),
            access=tuple((id, row) for id, content in items for row in content.access),
            indicators=tuple((id, i) for id, content in items for i in content.indicators),
            settings=self.settings,
        )


def _operation_names(operation: Operation) -> list[str]:
    types = operation.definition.get("resource") or ["(serveur)"]
    return [f"{type}/${operation.definition['code']}" for type in types]


def _row(row: Mapping[str, Any]) -> str:
    return f"{row['role']} × {row['category']} × {row['scope']}"


def _fault(file: str, text: str) -> Fault:
    return Fault(file=file, text=text)

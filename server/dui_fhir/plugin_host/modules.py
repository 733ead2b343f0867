"""Load the ``plugin.py`` of a folder, and look at the hooks it implements before anything calls them."""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pluggy

from dui_fhir.plugin_host.fault import Fault
from dui_fhir.plugin_host.finder import Source


def load_module(source: Source) -> tuple[ModuleType | None, list[Fault]]:
    """Return the plugin's module, None where it has no plugin.py; an exception at import is a fault, with its line."""
    if not (source.folder / "plugin.py").exists():
        return None, []
    try:
        if source.package is not None:
            return importlib.import_module(f"{source.package}.plugin"), []
        return _load_bare(source.folder), []
    except Exception as error:  # whatever a plugin's import raises, the server names it and does not start
        return None, [_import_fault(error, source.folder)]


def _load_bare(folder: Path) -> ModuleType:
    """Import a folder without packaging, under a private name that no other plugin can import or collide with."""
    package = f"_dui_fhir_folder_{folder.name}_{abs(hash(folder)):x}"
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    parent = ModuleType(package)
    parent.__path__ = [str(folder)]
    sys.modules[package] = parent
    return importlib.import_module(f"{package}.plugin")


def _import_fault(error: Exception, folder: Path) -> Fault:
    if isinstance(error, SyntaxError) and error.filename:
        return Fault(file=Path(error.filename).name, path=f"ligne {error.lineno}", text="erreur de syntaxe Python")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)]
    file, path = (Path(frames[-1].filename).name, f"ligne {frames[-1].lineno}") if frames else ("plugin.py", "")
    return Fault(file=file, path=path, text=f"échec au chargement : {type(error).__name__}: {error}")


def implementations(module: ModuleType, manager: pluggy.PluginManager) -> tuple[tuple[str, ...], list[Fault]]:
    """Return the names of the hooks a module implements, and its faults: unknown hook, wrapper, unknown parameter."""
    names: list[str] = []
    faults: list[Fault] = []
    for name in sorted(vars(module)):
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            continue
        names.append(name)
        faults += _hook_faults(module, name, options, manager)
    return tuple(names), faults


def _hook_faults(
    module: ModuleType, name: str, options: pluggy.HookimplOpts, manager: pluggy.PluginManager
) -> Iterator[Fault]:
    function = getattr(module, name)
    path = f"ligne {inspect.unwrap(function).__code__.co_firstlineno}"
    spec = getattr(manager.hook, name, None)
    if spec is None or spec.spec is None:
        yield Fault(file="plugin.py", path=path, text=f"point d'extension inconnu « {name} » (liste : docs/hooks.md)")
        return
    if options["wrapper"] or options["hookwrapper"]:
        yield Fault(
            file="plugin.py", path=path, text=f"« {name} » : un couloir ne peut pas envelopper les autres (wrapper)"
        )
    for parameter in inspect.signature(function).parameters:
        if parameter not in spec.spec.argnames:
            text = (
                f"« {name} » n'a pas de paramètre « {parameter} » (permis : {', '.join(spec.spec.argnames) or 'aucun'})"
            )
            yield Fault(file="plugin.py", path=path, text=text)

"""Find the folders of plugins: installed packages by entry point, and bare folders given in the settings."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from dui_fhir.plugin_host.fault import Fault
from dui_fhir.settings import Settings

GROUP = "dui_fhir.plugins"
TRUNK = "commun"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a plugin is. ``package``: its import name where it is installed, None for a bare folder."""

    id: str
    folder: Path
    package: str | None = None


def find(settings: Settings) -> tuple[list[Source], list[Fault]]:
    """Return the plugins in force, the trunk first, then in the order of the settings; and what was not found.

    Installing a package activates nothing: only the ids named in ``settings.plugins``, and the trunk, are taken.
    """
    installed = {point.name: point for point in sorted(entry_points(group=GROUP), key=str)}
    faults = list(_named_twice())
    folders = [Source(id=Path(f).resolve().name, folder=Path(f).resolve()) for f in settings.plugin_folders]
    sources: list[Source] = []
    for id in dict.fromkeys([TRUNK, *settings.plugins]):
        source = _installed(id, installed) or next((f for f in folders if f.id == id), None)
        if source is None:
            faults.append(Fault(file=id, text=_absent(id, installed)))
        else:
            sources.append(source)
    known = {source.folder for source in sources}
    return sources + [f for f in dict.fromkeys(folders) if f.folder not in known], faults


def installed_source(id: str) -> Source | None:
    """Return an installed plugin whatever the settings say, None where no package has this id."""
    return _installed(id, {point.name: point for point in entry_points(group=GROUP)})


def _installed(id: str, installed: dict[str, EntryPoint]) -> Source | None:
    point = installed.get(id)
    if point is None:
        return None
    spec = importlib.util.find_spec(point.value)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Source(id=id, folder=Path(places[0]).resolve(), package=point.value) if places else None


def _named_twice() -> Iterator[Fault]:
    values: dict[str, set[str]] = {}
    for point in entry_points(group=GROUP):
        values.setdefault(point.name, set()).add(point.value)
    for name, packages in sorted(values.items()):
        if len(packages) > 1:
            yield Fault(file=name, text=f"deux paquets installés portent ce nom : {', '.join(sorted(packages))}")


def _absent(id: str, installed: dict[str, EntryPoint]) -> str:
    present = ", ".join(sorted(installed)) or "aucun"
    return (
        f"le couloir « {id} » n'est pas installé (installés : {present}) ; un dossier nouveau se prend en compte en relançant "
        "./run, ou avec --plugin-folder"
    )

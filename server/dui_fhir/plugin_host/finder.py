"""Find the folders of plugins: installed packages by entry point, and bare folders given in the settings."""

import importlib.util
from dataclasses import dataclass
from importlib.metadata import entry_points
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


def find(settings: Settings) -> tuple[list[Source], dict[str, list[Fault]]]:
    """Return the plugins in force, the trunk first, then in the order of the settings; and the faults by id.

    Installing a package activates nothing: only the ids named in ``settings.plugins``, and the trunk, are taken.
    """
    packages = _packages()
    folders = [Source(id=Path(f).resolve().name, folder=Path(f).resolve()) for f in settings.plugin_folders]
    sources: list[Source] = []
    faults: dict[str, list[Fault]] = {}
    for id in dict.fromkeys([TRUNK, *settings.plugins]):
        source = _installed(id, packages) or next((f for f in folders if f.id == id), None)
        if source is not None:
            sources.append(source)
        if source is None or len(packages.get(id, ())) > 1:
            faults[id] = [Fault(file="réglage plugins", text=_fault_text(id, packages))]
    known = {source.folder for source in sources}
    return sources + [f for f in dict.fromkeys(folders) if f.folder not in known], faults


def installed_source(id: str) -> Source | None:
    """Return an installed plugin whatever the settings say, None where no package has this id."""
    return _installed(id, _packages())


def _packages() -> dict[str, list[str]]:
    """The import names of the installed plugins by id: one, unless two distributions claim it."""
    found: dict[str, list[str]] = {}
    for name, value in sorted({(point.name, point.value) for point in entry_points(group=GROUP)}):
        found.setdefault(name, []).append(value)
    return found


def _installed(id: str, packages: dict[str, list[str]]) -> Source | None:
    if id not in packages:
        return None
    package = packages[id][0]
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Source(id=id, folder=Path(places[0]).resolve(), package=package) if places else None


def _fault_text(id: str, packages: dict[str, list[str]]) -> str:
    if len(packages.get(id, ())) > 1:
        return f"deux paquets installés portent ce nom : {', '.join(packages[id])}"
    return (
        f"ce couloir n'est pas installé (installés : {', '.join(packages) or 'aucun'}) ; un dossier nouveau se prend en compte en "
        "relançant ./run, ou avec --plugin-folder"
    )

"""``dui-fhir verify``: are the data what they should be?"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options
from dui_fhir.domain.errors import DuiError

SAMPLE = 1000


@click.command()
@click.argument("paths", metavar="[SAUVEGARDE|FICHIER]…", nargs=-1, type=click.Path(path_type=Path, exists=True))
@options.tenants
@click.option("--all", "everything", is_flag=True, help="Recalculer chaque ressource, et non un échantillon.")
@click.option(
    "--sample", type=click.IntRange(1), default=SAMPLE, show_default=True, help="Ressources recalculées par organisme."
)
@options.data
@options.plugin_folder
@options.config
def command(
    paths: tuple[Path, ...],
    tenants: tuple[str, ...],
    everything: bool,
    sample: int,
    config: Path | None,
    **flags: Any,
) -> None:
    """Contrôle les organismes en place, ou des sauvegardes, ou des fichiers, sans rien changer ni arrêter.

    Intégrité du fichier, historique sans trou, versions courantes, compteurs ; puis, par ressource : contenu lisible et
    inchangé, index et clés uniques recalculés. Sortie 0 si tout est bon.
    """
    settings = options.sqlite_settings(config, **flags)
    from dui_fhir.cli.recomputation import recomputation
    from dui_fhir.store.sqlite.verify import verify

    again = recomputation(settings)
    sound = True
    for name, file, fault in _files(Path(settings.data_dir), paths, tenants):
        try:
            if fault:
                lines = [f"{name} : {fault}"]
            else:
                report = verify(file, name, again, sample=None if everything else sample)
                lines = _told(name, report)
        except DuiError as error:
            lines = [f"{name} : {error.issues[0].text}"]
        sound &= lines[-1].endswith("aucune anomalie.")
        click.echo("\n".join(lines))
    sys.exit(0 if sound else 1)


def _files(data: Path, paths: Sequence[Path], tenants: Sequence[str]) -> Iterator[tuple[str, Path, str]]:
    """Yield name, file and what is already known to be wrong."""
    from dui_fhir.store.sqlite import manifest
    from dui_fhir.store.sqlite.place import Place
    from dui_fhir.store.tenants import is_name, unknown

    for path in paths:
        if path.is_file():
            yield path.stem, path, ""
            continue
        for saved in manifest.read(path).only(tenants):
            file = path / saved.file
            intact = file.exists() and (file.stat().st_size, manifest.sha256(file)) == (saved.bytes, saved.sha256)
            yield saved.tenant, file, "" if intact else "le fichier n'est pas celui du manifeste."
    if paths:
        return
    place = Place(data)
    for name in tenants or place.names():
        if not is_name(name) or not place.file(name).exists():
            raise unknown(name)
        yield name, place.file(name), ""


def _told(name: str, report: Any) -> list[str]:
    lines = [f"{name} : {finding.text}" for finding in report.findings]
    if report.content is None:
        return lines
    count = sum(report.content.resources.values())
    verdict = "aucune anomalie." if report.sound else f"{len(report.findings)} anomalie(s)."
    return [
        *lines,
        f"{name} : {count} ressources, {report.content.versions} versions, {report.examined} recalculées ; {verdict}",
    ]

"""``dui-fhir backup``: copy tenants while the server works."""

from pathlib import Path
from typing import Any

import click

from dui_fhir import __version__
from dui_fhir.cli import options


@click.command()
@click.argument("destination", metavar="DEST", type=click.Path(path_type=Path))
@options.tenants
@options.data
@options.config
def command(destination: Path, tenants: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Sauvegarde les organismes dans le nouveau dossier DEST, sans arrêter le serveur.

    Chaque organisme est copié tel qu'il est à un instant, quoi qu'il s'écrive pendant ce temps, puis contrôlé. DEST paraît
    complet ou pas du tout : un fichier SQLite par organisme, et manifest.json (empreintes SHA-256, version de schéma, comptes,
    dernier numéro d'historique).
    """
    settings = options.sqlite_settings(config, **flags)
    from dui_fhir.domain.clock import SystemClock
    from dui_fhir.store.sqlite.backup import backup

    data = Path(settings.data_dir)
    done = backup(data, destination, names=tenants, clock=SystemClock(), program=__version__)
    for saved in done.tenants:
        count = sum(saved.content.resources.values())
        click.echo(
            f"{saved.tenant} : {count} ressources, {saved.content.versions} versions, "
            f"{saved.bytes / 1e6:.1f} Mo, à {saved.instant}."
        )
    click.echo(f"Sauvegarde faite dans {destination} ({len(done.tenants)} organisme(s)).")

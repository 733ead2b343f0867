"""``dui-fhir upgrade``: bring data written by an earlier version to the present schema."""

from pathlib import Path
from typing import Any

import click

from dui_fhir import __version__
from dui_fhir.cli import options


@click.command()
@options.data
@options.config
def command(config: Path | None, **flags: Any) -> None:
    """Met à niveau les données d'une version antérieure ; le serveur doit être arrêté.

    Chaque base est d'abord sauvegardée dans le dossier « backups » des données, puis mise à niveau étape par étape, chaque étape
    entière ou pas du tout. Des données d'une version plus récente, ou inconnues, sont refusées sans rien changer.
    """
    settings = options.sqlite_settings(config, **flags)
    from dui_fhir.domain.clock import SystemClock
    from dui_fhir.store.sqlite import schema
    from dui_fhir.store.sqlite.upgrade import upgrade

    done = upgrade(Path(settings.data_dir), clock=SystemClock(), program=__version__)
    for name, before in done.before.items():
        click.echo(f"{name} : schéma {before} → {schema.VERSION}.")
    click.echo(f"Sauvegarde d'avant : {done.saved}" if done.saved else f"Rien à faire : schéma {schema.VERSION}.")

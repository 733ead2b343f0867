"""``dui-fhir plugin``: what a domain expert uses to see, check and start a corridor."""

import sys
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.group()
def command() -> None:
    """Couloirs : liste, contrôle, création."""


@command.command("list")
@options.plugin_folder
@options.config
def list_(config: Path | None, **flags: Any) -> None:
    """Liste les couloirs actifs : état, règles, documents, points d'extension."""
    settings = options.settings_from(config, **flags)
    from dui_fhir.plugin_host import PluginHost
    from dui_fhir.plugin_kit import list_plugins

    click.echo(list_plugins(PluginHost.load(settings)))


@command.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
def check(folders: tuple[Path, ...]) -> None:
    """Contrôle des dossiers de couloir et montre toutes leurs fautes à la fois."""
    from dui_fhir.plugin_kit import check_folder

    total = 0
    for folder in folders:
        faults = check_folder(folder)
        total += len(faults)
        click.echo(f"{folder} : {'aucune faute' if not faults else f'{len(faults)} faute(s)'}")
        for fault in faults:
            click.echo(f"  {fault.file}{f' ({fault.path})' if fault.path else ''} : {fault.text}")
    sys.exit(1 if total else 0)


@command.command()
@click.argument("name")
@click.option(
    "--in",
    "parent",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("plugins"),
    show_default=True,
    help="Dossier où créer le couloir.",
)
def new(name: str, parent: Path) -> None:
    """Crée le dossier d'un nouveau couloir NAME, complet et conforme : il ne reste qu'à le remplir."""
    from dui_fhir.plugin_kit import new_folder

    folder = new_folder(name, parent)
    click.echo(f"Couloir créé : {folder}")
    click.echo(f"Contrôle : dui-fhir plugin check {folder}")
    click.echo(f"Essai : dui-fhir serve --plugin-folder {folder}")

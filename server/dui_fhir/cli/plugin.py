"""``dui-fhir plugin``: what a domain expert uses to see, check and start a corridor."""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


def _corridors(paths: Iterable[Path]) -> list[Path]:
    """Return the paths without what Python keeps beside corridors, which ``plugins/*`` names too."""
    return [path for path in paths if not path.name.startswith("__")]


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
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def check(folders: tuple[Path, ...]) -> None:
    """Contrôle des dossiers de couloir et montre toutes leurs fautes à la fois."""
    from dui_fhir.plugin_kit import check_folder

    total = 0
    for folder in _corridors(folders):
        faults = check_folder(folder)
        total += len(faults)
        click.echo(f"{folder} : {'aucune faute' if not faults else f'{len(faults)} faute(s)'}")
        for fault in faults:
            click.echo(f"  {fault.file}{f' ({fault.path})' if fault.path else ''} : {fault.text}")
    sys.exit(1 if total else 0)


@command.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def test(folders: tuple[Path, ...]) -> None:
    """Essaie chaque règle : ses exemples, ses délais (la veille, le jour, le lendemain), et son contraire.

    Une condition renversée doit être vue par un exemple ; sinon la règle n'est pas montrée. Compter quelques secondes par dossier.
    """
    from dui_fhir.plugin_kit.trial import try_folder

    logging.disable(logging.CRITICAL)  # a rule turned round may fail: that is noticed, and no news
    total = 0
    for folder in _corridors(folders):
        trial = try_folder(folder)
        total += len(trial.faults)
        click.echo(f"{folder} : {trial.line()}")
        for fault in trial.faults:
            click.echo(f"  {fault.file}{f' ({fault.path})' if fault.path else ''} : {fault.text}")
    sys.exit(1 if total else 0)


@command.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Dossier où écrire une page par couloir [défaut : à l'écran].",
)
def docs(folders: tuple[Path, ...], out: Path | None) -> None:
    """Fait la page lisible d'un couloir : règles, délais, documents, habilitations, indicateurs, sources, questions ouvertes."""
    from dui_fhir.plugin_kit.pages import page

    for folder in _corridors(folders):
        if out is None:
            click.echo(page(folder))
            continue
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"{folder.resolve().name}.md"
        file.write_text(page(folder), encoding="utf-8")
        click.echo(f"{file}")


@command.command()
@click.argument("before", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("after", type=click.Path(path_type=Path, exists=True, file_okay=False))
def diff(before: Path, after: Path) -> None:
    """Dit en mots ce qui change d'un état d'un couloir (BEFORE) à un autre (AFTER) : règles, délais, documents, droits."""
    from dui_fhir.plugin_kit.differences import differences

    lines = list(differences(before, after))
    click.echo("\n".join(lines) or "Aucune différence.")


@command.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Dossier où les écrire.")
def schemas(out: Path) -> None:
    """Écrit les schémas JSON de tous les fichiers d'un couloir, pour que l'éditeur de texte complète et contrôle.

    Un serveur les donne aussi sous /schemas/plugin/.
    """
    from dui_fhir.plugin_kit.published import write

    for file in write(out):
        click.echo(f"{file}")


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

"""``dui-fhir ig``: the FHIR packages (guides) that the server validates with, besides those that ship."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options
from dui_fhir.domain.errors import NotFound


@click.group()
def command() -> None:
    """Guides FHIR au format de paquet NPM (.tgz) : ajouter, lister, retirer.

    Un paquet officiel ajouté remplace, pour les mêmes adresses canoniques, les profils livrés avec le serveur. Pris en compte au
    prochain démarrage.
    """


def _folder(config: Path | None, **flags: Any) -> Path:
    from dui_fhir.app import ig_folder

    return ig_folder(options.settings_from(config, **flags))


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.data
@options.config
def add(files: tuple[Path, ...], config: Path | None, **flags: Any) -> None:
    """Ajoute des paquets. La même version remplace la précédente ; plusieurs versions cohabitent."""
    from dui_fhir.validation.packages import add as add_package

    folder = _folder(config, **flags)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in files:
        package = add_package(file, folder)
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(package.counts.items()))
        click.echo(f"{package.key} ajouté ({counts or 'aucune ressource'}).")
        for missing in package.missing:
            click.echo(f"  dépendance absente : {missing}")


@command.command("list")
@options.data
@options.config
def list_(config: Path | None, **flags: Any) -> None:
    """Liste les paquets ajoutés, avec leurs dépendances absentes, puis ceux livrés avec le serveur."""
    from dui_fhir.validation.packages import list_packages
    from dui_fhir.validation.shipped import shipped_packages

    for package in list_packages(_folder(config, **flags)):
        absent = f" — dépendances absentes : {', '.join(package.missing)}" if package.missing else ""
        click.echo(f"{package.key}  {package.title}{absent}")
    for shipped in shipped_packages():
        click.echo(f"{shipped.id}#{shipped.version}  (livré)")


@command.command()
@click.argument("package", metavar="ID#VERSION")
@options.data
@options.config
def remove(package: str, config: Path | None, **flags: Any) -> None:
    """Retire un paquet ajouté."""
    from dui_fhir.validation.packages import remove as remove_package

    id, _, version = package.partition("#")
    if not remove_package(id, version, _folder(config, **flags)):
        raise NotFound.of("core-package-unknown", f"Aucun paquet ajouté ne s'appelle « {package[:100]} ».")
    click.echo(f"{package} retiré.")

"""``dui-fhir ig``: the FHIR packages (guides) that the server validates with, besides those that ship."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options
from dui_fhir.domain.errors import NotFound


@click.group()
def command() -> None:
    """Guides FHIR au format de paquet NPM (.tgz) : ajouter, lister, retirer.

    Un paquet officiel ajouté remplace, pour les mêmes adresses canoniques, les profils livrés avec le serveur. Un serveur en marche
    le prend en compte dans la seconde. Avec --tenant, le paquet n'est vu que de cet organisme, où il passe avant ceux de tous.
    """


def folder_of(config: Path | None, tenant: str | None, *, known: bool = False, **flags: Any) -> Path:
    """Return the folder of the packages of all, or of one tenant; ``known``: which must be there.

    Raises: BadRequest (``tenant-name``), NotFound (``tenant-unknown``).
    """
    from dui_fhir import administration
    from dui_fhir.app import ig_folder
    from dui_fhir.store import tenants
    from dui_fhir.validation.guides import tenant_folder

    settings = options.settings_from(config, **flags)
    if tenant is None:
        return ig_folder(settings)
    folder = tenant_folder(ig_folder(settings), tenants.check_name(tenant))
    if known and tenant not in [name for name, _ in administration.list_tenants(settings)]:
        raise tenants.unknown(tenant)
    return folder


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.one_tenant
@options.data
@options.config
def add(files: tuple[Path, ...], tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Ajoute des paquets. La même version remplace la précédente ; plusieurs versions cohabitent.

    Les paramètres de recherche d'un paquet entrent en vigueur, sauf ceux que le serveur a déjà (même adresse) et ceux qu'il ne peut
    pas indexer, qui sont nommés. Un serveur en marche indexe en arrière-plan ce qui fut écrit avant eux.
    """
    from dui_fhir import administration
    from dui_fhir.validation.packages import add as add_package

    folder = folder_of(config, tenant, known=True, **flags)
    for file in files:
        package = add_package(file, folder)
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(package.counts.items()))
        click.echo(f"{package.key} ajouté ({counts or 'aucune ressource'}).")
        for missing in package.missing:
            click.echo(f"  dépendance absente : {missing}")
        if "SearchParameter" in package.counts:
            for line in administration.guided_parameters(options.settings_from(config, **flags), tenant):
                click.echo(f"  {line}")


@command.command("list")
@options.one_tenant
@options.data
@options.config
def list_(tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Liste les paquets ajoutés, avec leurs dépendances absentes, puis ceux livrés avec le serveur."""
    from dui_fhir.validation.packages import list_packages
    from dui_fhir.validation.shipped import shipped_packages

    for owner in [tenant, None] if tenant is not None else [None]:
        for package in list_packages(folder_of(config, owner, **flags)):
            where = f"  ({owner})" if owner else ""
            absent = f" — dépendances absentes : {', '.join(package.missing)}" if package.missing else ""
            click.echo(f"{package.key}  {package.title}{where}{absent}")
    for shipped in shipped_packages():
        click.echo(f"{shipped.id}#{shipped.version}  (livré)")


@command.command()
@click.argument("package", metavar="ID#VERSION")
@options.one_tenant
@options.data
@options.config
def remove(package: str, tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Retire un paquet ajouté."""
    from dui_fhir.validation.packages import remove as remove_package

    id, _, version = package.partition("#")
    if not remove_package(id, version, folder_of(config, tenant, **flags)):
        raise NotFound.of("core-package-unknown", f"Aucun paquet ajouté ne s'appelle « {package[:100]} ».")
    click.echo(f"{package} retiré.")

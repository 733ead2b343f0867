"""``dui-fhir terminology``: lists of codes brought as CSV, seen at once by validation, searches and operations."""

import re
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options
from dui_fhir.cli.ig import folder_of
from dui_fhir.domain.errors import BadRequest, NotFound

_PREFIX = "liste."


@click.group()
def command() -> None:
    """Listes de codes (nomenclatures) apportées en CSV : ajouter, lister, retirer.

    Une liste devient un CodeSystem et le ValueSet de tous ses codes. Un serveur en marche la prend en compte
    dans la seconde. Une nomenclature déjà au format FHIR s'ajoute par « dui-fhir ig add » (paquet),
    ou par l'API (POST CodeSystem, ValueSet, ConceptMap).
    """


@command.command()
@click.option(
    "--csv",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Fichier CSV, en UTF-8.",
)
@click.option("--url", required=True, metavar="URL", help="Adresse canonique du système de codes.")
@click.option("--version", required=True, help="Version de la liste, par exemple 2026-01.")
@click.option("--name", required=True, help="Nom court, sans espace ni accent : TypesAtelier.")
@click.option("--language", default="fr", show_default=True, help="Langue des libellés.")
@options.one_tenant
@options.data
@options.config
def add(
    file: Path, url: str, version: str, name: str, language: str, tenant: str | None, config: Path | None, **flags: Any
) -> None:
    """Ajoute une liste. La première ligne nomme les colonnes, séparées par « ; », « , » ou une tabulation :

    \b
    code, libelle        obligatoires
    definition           texte
    parent               code du concept au-dessus
    inactif              oui pour un code qui ne doit plus être choisi
    libelle:en           libellé dans une autre langue

    Toutes les fautes sont dites ensemble, avec leur ligne ; alors rien n'est ajouté.
    """
    from dui_fhir.terminology.csv import Target, read
    from dui_fhir.validation.packages import add_resources

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name) is None or re.fullmatch(r"\S+:\S+", url) is None:
        text = "Le nom commence par une lettre, suivie de lettres, de chiffres ou de « _ » ; l'adresse est un URI."
        raise BadRequest.of("terminology-csv-target", text, "name or url")
    rows = read(_text(file), Target(url=url, version=version, name=name, language=language))
    manifest = {"name": _PREFIX + name.lower(), "version": version, "canonical": url, "title": name}
    package = add_resources(manifest, list(rows), folder_of(config, tenant, known=True, **flags))
    click.echo(f"{package.key} ajouté : {rows[0]['count']} codes.")
    click.echo(f"  système de codes : {url}")
    click.echo(f"  jeu de valeurs : {rows[1]['url']}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        text = "Le fichier n'est pas en UTF-8 : dans un tableur, enregistrez-le en « CSV UTF-8 »."
        raise BadRequest.of("terminology-csv", text, f"byte {error.start} is not UTF-8") from error


@command.command("list")
@options.one_tenant
@options.data
@options.config
def list_(tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Liste les nomenclatures apportées en CSV : celles de tous, ou celles d'un organisme."""
    from dui_fhir.validation.packages import list_packages

    for package in list_packages(folder_of(config, tenant, **flags)):
        if package.id.startswith(_PREFIX):
            click.echo(f"{package.key}  {package.title}  {package.canonical}")


@command.command()
@click.argument("list_", metavar="liste.NOM#VERSION")
@options.one_tenant
@options.data
@options.config
def remove(list_: str, tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Retire une nomenclature ; les ressources qui en citent les codes ne changent pas."""
    from dui_fhir.validation.packages import remove as remove_package

    id, _, version = list_.partition("#")
    if not id.startswith(_PREFIX) or not remove_package(id, version, folder_of(config, tenant, **flags)):
        raise NotFound.of("core-package-unknown", f"Aucune liste ajoutée ne s'appelle « {list_[:100]} ».")
    click.echo(f"{list_} retiré.")

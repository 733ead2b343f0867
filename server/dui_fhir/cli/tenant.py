"""``dui-fhir tenant``: the organismes gestionnaires and their structures."""

import re
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import merge, options
from dui_fhir.domain.structure import Structure

_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")


@click.group()
def command() -> None:
    """Organismes gestionnaires (un organisme = une base séparée) et leurs structures."""


command.add_command(merge.command)


@command.command()
@click.argument("name")
@click.option(
    "--structure",
    "structures",
    multiple=True,
    metavar="FINESS,CATÉGORIE,NOM,ADRESSE",
    help="Une structure de l'organisme (répétable). Des virgules sont permises dans l'adresse.",
)
@click.option(
    "--corridor", "corridors", multiple=True, help="Couloir imposé, si la catégorie en désigne plusieurs ou aucun."
)
@options.data
@options.plugin_folder
@options.config
def add(name: str, structures: tuple[str, ...], corridors: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Crée l'organisme NAME, ou complète ses structures.

    Exemple : dui-fhir tenant add alpha --structure "330785001,500,EHPAD Les Tilleuls,1 rue des Lilas, 33000 Bordeaux"
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    for text in administration.add_tenant(settings, name, [structure(s) for s in structures], corridors):
        click.echo(text)


@command.command("list")
@options.data
@options.config
def list_(config: Path | None, **flags: Any) -> None:
    """Liste les organismes et leurs structures."""
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    tenants = administration.list_tenants(settings)
    if not tenants:
        click.echo("Aucun organisme. Pour en créer un : dui-fhir tenant add NOM")
    for name, structures in tenants:
        click.echo(name)
        for s in structures:
            click.echo(
                f"  {s.finess}  catégorie {s.category or '?'}  {s.name}  [{', '.join(s.corridors) or 'tronc commun seul'}]"
            )


@command.command("set")
@click.argument("name")
@click.argument("key", metavar="CLÉ")
@click.argument("values", nargs=-1, metavar="[VALEUR]...")
@options.data
@options.config
def set_(name: str, key: str, values: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Règle l'organisme NAME ; sans valeur, il revient au réglage du serveur. Ce que dit l'organisme l'emporte.

    \b
    validation.structure  refuse | warn             défaut de structure R4
    validation.declared   refuse | warn | off       défaut d'un profil déclaré
    validation.profiles   "refuse CANONIQUE" ...    profils à part
    validation.chosen     "Type CANONIQUE" ...      profils suivis même non déclarés

    Une liste se donne entière. Exemple :

    \b
    dui-fhir tenant set alpha validation.chosen \\
      "Patient https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient"
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    for text in administration.set_tenant(settings, name, key, values):
        click.echo(text)


@command.command()
@click.argument("name")
@click.argument("parameter", metavar="PARAMÈTRE")
@click.argument("value", required=False, metavar="[VALEUR]")
@click.option("--structure", "finess", metavar="FINESS", help="Pour cette structure seulement [défaut : toutes]")
@options.data
@options.plugin_folder
@options.config
def parameter(
    name: str, parameter: str, value: str | None, finess: str | None, config: Path | None, **flags: Any
) -> None:
    """Règle un délai, un seuil ou une gravité des couloirs pour l'organisme NAME ; sans valeur, celle du couloir revient.

    Les paramètres d'un couloir et leurs sources sont dans sa page (dui-fhir plugin docs). Exemples :

    \b
    dui-fhir tenant parameter alpha pa.dlu_redaction_jours 3 --structure 330785001
    dui-fhir tenant parameter alpha pa.severity.PA-06 error
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    click.echo(administration.set_parameter(settings, name, parameter, value, finess))


@command.command()
@click.argument("name")
@options.data
@options.config
def show(name: str, config: Path | None, **flags: Any) -> None:
    """Montre les réglages propres à l'organisme NAME."""
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    lines = administration.tenant_values(settings, name)
    for key, values in lines.items():
        click.echo(f"{key}")
        for value in values:
            click.echo(f"  {value}")
    if not lines:
        click.echo("Aucun réglage propre : ceux du serveur s'appliquent.")


def structure(text: str) -> Structure:
    """Parse ``FINESS,category,name,address``. Raises: click.BadParameter."""
    parts = [part.strip() for part in text.split(",", 3)]
    if len(parts) != 4 or not all(parts):
        raise click.BadParameter(
            "quatre valeurs sont attendues : FINESS,CATÉGORIE,NOM,ADRESSE", param_hint="--structure"
        )
    finess, category, name, address = parts
    if not _FINESS.fullmatch(finess):
        raise click.BadParameter(f"« {finess} » n'est pas un numéro FINESS (9 caractères)", param_hint="--structure")
    if not re.fullmatch(r"[0-9]{3}", category):
        raise click.BadParameter(
            f"« {category} » n'est pas une catégorie FINESS (3 chiffres)", param_hint="--structure"
        )
    return Structure(finess=finess, category=category, name=name, address=address)

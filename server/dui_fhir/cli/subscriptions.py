"""``dui-fhir subscriptions``: events that no subscriber received, and their sending again."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options

_TENANT = click.option("--tenant", help="Un seul organisme [défaut : tous]")


@click.group()
def command() -> None:
    """Abonnements : évènements non remis, renvoi."""


@command.command("list")
@_TENANT
@options.data
@options.plugin_folder
@options.config
def list_(tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Liste les évènements abandonnés, du plus ancien au plus récent.

    Une ligne donne l'abonnement, le numéro de l'évènement et l'identifiant de la dernière erreur ; rien de nominatif.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    click.echo("\n".join(administration.dead_letters(settings, tenant)) or "Aucun évènement abandonné.")


@command.command()
@click.argument("subscription", required=False)
@_TENANT
@options.data
@options.plugin_folder
@options.config
def retry(subscription: str | None, tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Remet en file les évènements abandonnés, de l'abonnement SUBSCRIPTION (son id) ou de tous.

    Se lance serveur en marche. Chacun repart sous son numéro d'origine : le destinataire ignore ce qu'il a déjà. Un abonnement en
    erreur doit d'abord être redemandé (status=requested).
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    click.echo("\n".join(administration.retry_letters(settings, tenant, subscription)) or "Aucun évènement à renvoyer.")

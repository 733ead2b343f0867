"""``dui-fhir clock``: the daily pass of the rules that depend on the date."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Jour à considérer [défaut : aujourd'hui]")
@click.option("--tenant", help="Un seul organisme [défaut : tous]")
@options.data
@options.plugin_folder
@options.config
def command(day: datetime | None, tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Passe les règles à échéance (contrat à signer, projet à revoir, droits qui expirent…).

    Ouvre et ferme les tâches de la liste de travail ; relancer le même jour ne change rien. Le processus d'envoi le fait de
    lui-même une fois par jour : cette commande sert à l'essai, à la reprise, ou à regarder une date à venir sur une copie.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    for line in administration.run_clock(settings, day.date() if day else None, tenant):
        click.echo(line)

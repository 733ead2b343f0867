"""``dui-fhir reindex``: indexes again what was written before a search parameter was added."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@click.option(
    "--status",
    "only_status",
    is_flag=True,
    help="Dit où en est l'indexation, sans rien faire.",
)
@click.option("--tenant", help="Un seul organisme [défaut : tous]")
@options.data
@options.plugin_folder
@options.config
def command(only_status: bool, tenant: str | None, config: Path | None, **flags: Any) -> None:
    """Indexe les ressources écrites avant l'ajout d'un paramètre de recherche.

    Un paramètre s'ajoute par POST SearchParameter (statut active) ou avec un couloir. Le serveur indexe de lui-même, par lots, et
    reprend après un arrêt : cette commande sert serveur arrêté, après un échec, ou pour suivre l'avancement (--status). Elle ne
    change ni version ni date.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    if only_status:
        lines = [
            line for line in administration.index_progress(settings) if not tenant or line.startswith(f"{tenant} :")
        ]
        click.echo("\n".join(lines) or "Tous les paramètres de recherche sont indexés.")
        return
    administration.reindex(settings, tenant, told=click.echo)

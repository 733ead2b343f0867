"""``dui-fhir check``: is this configuration fit to serve?"""

import sys
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options
from dui_fhir.settings import SETTINGS


@click.command()
@options.data
@options.plugin_folder
@options.config
@click.option("--show", is_flag=True, help="Affiche aussi chaque réglage en vigueur.")
def command(config: Path | None, show: bool, **flags: Any) -> None:
    """Contrôle la configuration sans rien démarrer : réglages, couloirs, magasin, limites de la machine."""
    settings = options.settings_from(config, **flags)
    if show:
        for s in SETTINGS:
            click.echo(f"{s.name} = {getattr(settings, s.name)!r}")
    from dui_fhir.cli import starting
    from dui_fhir.cli.serve import refuse_open_door

    refuse_open_door(settings)
    for line in starting.check(settings):
        click.echo(line)
    click.echo("Configuration correcte.")
    sys.exit(0)

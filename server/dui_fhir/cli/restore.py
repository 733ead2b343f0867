"""``dui-fhir restore``: put a backup in place."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.tenants
@click.option("--force", is_flag=True, help="Remplacer les organismes présents ; leurs fichiers sont gardés à côté.")
@options.data
@options.plugin_folder
@options.config
def command(source: Path, tenants: tuple[str, ...], force: bool, config: Path | None, **flags: Any) -> None:
    """Restaure les organismes de la sauvegarde SRC ; le serveur doit être arrêté.

    Tout est contrôlé avant que rien ne change : empreintes, intégrité, historique sans trou, index recalculé sur un échantillon.
    Une sauvegarde d'un schéma antérieur est mise à niveau. Sans --force, un organisme présent n'est jamais remplacé.
    """
    settings = options.sqlite_settings(config, **flags)
    from dui_fhir.cli.recomputation import recomputation
    from dui_fhir.domain.clock import SystemClock
    from dui_fhir.store.sqlite.restore import restore

    again = recomputation(settings)
    data = Path(settings.data_dir)
    for done in restore(source, data, names=tenants, force=force, again=again, clock=SystemClock()):
        count = sum(done.content.resources.values())
        click.echo(f"{done.tenant} : {count} ressources restaurées, {done.report.examined} contrôlées en détail.")
        if done.upgraded:
            click.echo(f"  schéma mis à niveau en {done.upgraded} étape(s).")
        if done.kept is not None:
            click.echo(f"  l'ancien fichier est gardé : {done.kept}")
        if not done.report.sound:
            click.echo("  l'index date d'autres réglages ou d'autres couloirs : voyez « dui-fhir verify ».")
    click.echo("Restauration faite.")

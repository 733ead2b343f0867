"""``dui-fhir import``: bring existing files in, rules reporting instead of refusing (decision D7, reprise)."""

import sys
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--tenant", help="Organisme qui reçoit [défaut : l'organisme par défaut]")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Où écrire le compte rendu détaillé (JSON par ligne).",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Processus qui préparent côte à côte [défaut : les cœurs, au-delà de 2 Mo]",
)
@options.data
@options.plugin_folder
@options.config
def command(
    files: tuple[Path, ...],
    tenant: str | None,
    report: Path | None,
    processes: int | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Reprend des fichiers FHIR : Bundles JSON (transaction, batch, collection), ressources seules ou NDJSON.

    Mode reprise : les règles signalent et ne refusent pas, sauf une incohérence. Chaque Bundle est tout ou rien ; une faute
    n'arrête pas les suivants. Un dossier est lu en entier. Relancer le même import n'ajoute rien. Sortie 0 si tout est entré.

    Avant la première passe des échéances, dites à chaque structure son jour de reprise (dui-fhir tenant parameter ORGANISME
    commun.reprise_date JOUR --structure FINESS) : ses retards d'avant tiennent alors dans une tâche par règle.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir.cli.import_files import run

    summary = run(settings, files, tenant or settings.default_tenant, report, processes=processes)
    click.echo(summary.text())
    sys.exit(0 if summary.refused == 0 else 1)

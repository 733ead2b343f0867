"""``dui-fhir tenant merge``: two organismes become one (decision D3)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dui_fhir.cli import options

if TYPE_CHECKING:
    from dui_fhir.merging.survey import Survey

SHOWN = 20


@click.command("merge")
@click.argument("source")
@click.argument("target")
@click.option(
    "--act",
    metavar="RÉFÉRENCE",
    help="Acte qui ordonne la fusion (décision, avis du délégué à la protection des données).",
)
@click.option("--apply", "applied", is_flag=True, help="Fait la fusion ; sans cette option, rien n'est écrit.")
@click.option("--undo", is_flag=True, help="Retire ce que la fusion a écrit et que personne n'a modifié depuis.")
@options.data
@options.plugin_folder
@options.config
def command(
    source: str, target: str, act: str | None, applied: bool, undo: bool, config: Path | None, **flags: Any
) -> None:
    """Verse les dossiers de l'organisme SOURCE dans l'organisme TARGET.

    Sans --apply : à blanc, montre ce qui serait fait. Une personne connue des deux (même INS qualifiée) garde deux dossiers,
    reliés par Patient.link : jamais de fusion silencieuse. Interrompue, la fusion reprend quand on la relance. SOURCE n'est
    pas modifié. Arrêtez le serveur d'abord.
    """
    if applied and undo:
        raise click.UsageError("--apply et --undo s'excluent.")
    if applied and not act:
        raise click.UsageError("--apply demande --act : la référence de l'acte qui ordonne la fusion.")
    settings = options.settings_from(config, **flags)
    from dui_fhir import app
    from dui_fhir.merging import apply
    from dui_fhir.merging.survey import survey

    engine = app.build_engine(settings, writer="own")
    try:
        if undo:
            _tell_undone(apply.undo(engine, source, target))
            return
        found = survey(engine.stores, source, target)
        for line in lines(found):
            click.echo(line)
        if applied:
            click.echo(f"{apply.merge(engine, found, str(act))} ressources écrites dans « {target} ».")
        else:
            click.echo("À blanc : rien n'a été écrit. Pour le faire : --apply --act RÉFÉRENCE")
    finally:
        engine.stores.close()


def lines(found: "Survey") -> list[str]:
    """Return what a survey found, in French; no trait of anybody."""
    told = [f"« {found.source} » vers « {found.target} » :"]
    told += [f"  structures : {', '.join(sorted(found.structures)) or 'aucune'}"]
    told += [f"  à écrire : {_counts(found.copied) or 'rien'}"]
    told += [f"  déjà là : {_counts(found.present)}"] if found.present else []
    told += [f"  personnes connues des deux (même INS qualifiée), à relier sans fusionner : {len(found.same_person)}"]
    told += [f"    {there} → {here}" for there, here in sorted(found.same_person.items())[:SHOWN]]
    told += [f"  identifiants pris, changés à l'arrivée : {len(found.renamed)}"]
    told += [f"    {there} → {here}" for there, here in sorted(found.renamed.items())[:SHOWN]]
    told += [f"  envois encore en attente : {found.waiting} (la fusion les attend)"] if found.waiting else []
    return [*told, "  restent à la source : l'historique, les abonnements, les liens d'agenda."]


def _counts(counts: Any) -> str:
    return ", ".join(f"{n} {type}" for type, n in sorted(counts.items()))


def _tell_undone(undone: Any) -> None:
    click.echo(f"Retirés : {_counts(undone.removed) or 'rien'}.")
    if undone.kept:
        click.echo(f"Gardés, car modifiés depuis ({len(undone.kept)}) : {', '.join(undone.kept[:SHOWN])}")

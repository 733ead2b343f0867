"""``dui-fhir sample``: fictitious structures of any size."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@click.option("--corridor", "corridors", multiple=True, help="Couloir d'une structure (répétable) [défaut : les sept]")
@click.option(
    "--persons", type=click.IntRange(1, 100_000), default=60, show_default=True, help="Personnes par structure."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Graine : la même donne les mêmes données.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Jour où l'on se place [défaut : aujourd'hui]")
@click.option("--tenant", default="demo", show_default=True, help="Organisme à remplir ; créé au besoin.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Écrit les transactions dans ce fichier (une par ligne) au lieu de remplir un organisme.",
)
@options.data
@options.config
def command(
    corridors: tuple[str, ...],
    persons: int,
    seed: int,
    day: datetime | None,
    tenant: str,
    out: Path | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Remplit un organisme de structures fictives : personnes, séjours, projets, transmissions, traitements.

    Personne de réel : noms courants tirés au sort, numéros FINESS d'un département qui n'existe pas, matricules INS de la plage
    d'essai. Se lance serveur arrêté ; relancer avec la même graine et le même jour ne change rien.
    """
    from dui_fhir.demo.sample import DOMAINS, Sample
    from dui_fhir.domain import json

    today = day.date() if day else date.today()
    samples = [
        Sample(corridor, persons=persons, seed=seed, today=today, number=number)
        for number, corridor in enumerate(DOMAINS, 1)
        if not corridors or corridor in corridors
    ]
    unknown = sorted(set(corridors) - set(DOMAINS))
    if unknown:
        raise click.UsageError(f"couloir inconnu : {', '.join(unknown)} (choix : {', '.join(DOMAINS)})")
    if out is not None:
        with out.open("wb") as stream:
            for sample in samples:
                stream.writelines(json.dumps(bundle) + b"\n" for bundle in sample.bundles())
        click.echo(f"{out} : {sum(s.persons for s in samples)} personnes, {len(samples)} structure(s).")
        return
    from dui_fhir import administration

    settings = options.settings_from(config, **{**flags, "plugins": ["commun", *DOMAINS]})
    for line in administration.fill(settings, tenant, samples):
        click.echo(line)

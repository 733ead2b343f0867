"""``dui-fhir identities``: who asks for a look at his identity, without any trait on the screen."""

from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@click.option("--tenant", help="Organisme [défaut : celui des réglages]")
@click.option("--structure", metavar="FINESS", help="Les personnes de cette structure seulement.")
@click.option("--reason", "reasons", multiple=True, metavar="MOTIF", help="Ce motif seulement (répétable).")
@click.option("--count", default=50, show_default=True, help="Lignes montrées.")
@options.data
@options.plugin_folder
@options.config
def command(
    tenant: str | None, structure: str | None, reasons: tuple[str, ...], count: int, config: Path | None, **flags: Any
) -> None:
    """Liste de travail d'identitovigilance : les plus urgentes d'abord.

    Ni nom ni matricule ne s'affiche : la ligne donne la référence du dossier, ses motifs, et les dossiers semblables.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import app
    from dui_fhir.domain import json
    from dui_fhir.service import router
    from dui_fhir.service.message import ServiceRequest

    params = [("reason", r) for r in reasons] + [("_count", str(count))]
    params += [("structure", structure)] if structure else []
    engine = app.build_engine(settings, writer="client")
    try:
        asked = ServiceRequest(
            tenant=tenant or str(settings.default_tenant),
            method="GET",
            path="Patient/$identity-worklist",
            base_url="",
            params=tuple(params),
        )
        body = router.dispatch(engine, asked).body
    finally:
        engine.stores.close()
    bundle = json.loads(body) if isinstance(body, bytes) else body or {}
    click.echo(f"{bundle.get('total', 0)} identités à regarder.")
    for entry in bundle.get("entry", ()):
        click.echo(_line(entry))


def _line(entry: dict[str, Any]) -> str:
    parts = entry["search"]["extension"][0]["extension"]
    reasons = " ; ".join(p["valueCoding"]["display"] for p in parts if p["url"] == "motif")
    like = ", ".join(p["valueReference"]["reference"] for p in parts if p["url"] == "semblable")
    told = f"{round(entry['search']['score'] * 100):>4}  Patient/{entry['resource']['id']}  {reasons}"
    return f"{told} ({like})" if like else told

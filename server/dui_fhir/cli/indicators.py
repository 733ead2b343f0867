"""``dui-fhir indicators``: the usage indicators of a structure or of a grappe, and the check of a report handed over."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dui_fhir.cli import options

if TYPE_CHECKING:
    from dui_fhir.indicators.evaluation import Result
    from dui_fhir.service.engine import Engine

COLUMNS = (
    "indicateur", "version", "structures", "debut", "fin", "numerateur", "denominateur", "taux", "unite", "cible", "atteinte",
    "motif", "empreinte",
)  # fmt: skip


@click.command()
@click.option("--tenant", help="Organisme [défaut : celui des réglages]")
@click.option(
    "--organization", "organizations", multiple=True, metavar="FINESS", help="Structure (répétable : leur somme)."
)
@click.option("--all", "every", is_flag=True, help="Toutes les structures de l'organisme, chacune à part.")
@click.option(
    "--grappe",
    "members",
    multiple=True,
    metavar="ORGANISME:FINESS",
    help="Structure d'une grappe de plusieurs organismes (répétable) : totaux seulement, petits effectifs masqués.",
)
@click.option("--month", metavar="AAAA-MM", help="Mois [défaut : le dernier mois entier]")
@click.option("--quarter", is_flag=True, help="Les trois mois qui finissent avec ce mois (première mesure).")
@click.option("--indicator", "names", multiple=True, metavar="ID", help="Cet indicateur seulement (répétable).")
@click.option("--lists", is_flag=True, help="Avec --json : ajoute les listes nominatives.")
@click.option("--json", "as_json", is_flag=True, help="Sortie : Bundle de MeasureReport.")
@click.option("--csv", "as_csv", is_flag=True, help="Sortie : CSV à points-virgules.")
@click.option("--keep", is_flag=True, help="Garde les rapports dans l'organisme (preuve datée).")
@click.option(
    "--verify", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Vérifie un rapport remis (JSON)."
)
@options.data
@options.plugin_folder
@options.config
def command(config: Path | None, **given: Any) -> None:
    """Calcule les indicateurs d'usage (ESMS numérique) et ceux des couloirs.

    Exemple : dui-fhir indicators --tenant alpha --organization 330785001 --month 2026-10

    Une empreinte accompagne chaque résultat : elle prouve les listes comptées sans les montrer. Rapport à remettre :
    --json ; pour le vérifier plus tard : --verify FICHIER.
    """
    names = ("data_dir", "store", "plugin_folders")
    settings = options.settings_from(config, **{name: given.pop(name) for name in names if name in given})
    from dui_fhir import app

    engine = app.build_engine(settings, writer="own" if given["keep"] else "client")
    tenant = given["tenant"] or str(settings.default_tenant)
    try:
        if given["verify"]:
            _verify(engine, tenant, given["verify"])
            return
        results = _across(engine, given) if given["members"] else _within(engine, tenant, given)
        click.echo(_shown(engine, results, given), nl=False)
    finally:
        engine.stores.close()


def _within(engine: "Engine", tenant: str, given: dict[str, Any]) -> "list[Result]":
    from dui_fhir.indicators import operations
    from dui_fhir.service.sendings import server_call

    call = server_call(engine, tenant, "Organization/$indicators")
    period = operations.period_of(given, operations.circumstances(call))
    known = operations.structures_of(call)
    chosen = [operations.structure_named(call, name) for name in given["organizations"]] or list(known)
    groups = [[s] for s in chosen] if given["every"] else [chosen]
    results = [r for group in groups if group for r in operations.results_of(call, group, period, given["names"])]
    if given["keep"]:
        operations.keep(call, results)
    return results


def _across(engine: "Engine", given: dict[str, Any]) -> "list[Result]":
    """Return the sums over structures of several tenants: no list, no small number leaves any of them."""
    from dui_fhir.indicators import operations
    from dui_fhir.indicators.evaluation import grappe, masked
    from dui_fhir.service.sendings import server_call

    smallest = 0
    parts: dict[str, list[Result]] = {}
    for member in given["members"]:
        tenant, _, finess = member.partition(":")
        if not finess:
            raise click.BadParameter("écrivez ORGANISME:FINESS", param_hint="--grappe")
        # the most cautious of the tenants decides: what one hides, the sum must not show
        structure = operations.structure_named(server_call(engine, tenant, "Organization/$indicators"), finess)
        smallest = max(smallest, int(engine.parameters(tenant, structure)["commun.indicateurs_effectif_min"]))
        for result in _within(engine, tenant, {**given, "organizations": (finess,), "every": False, "keep": False}):
            parts.setdefault(result.indicator.id, []).append(result)
    return [masked(grappe(some), smallest) for some in parts.values()]


def _shown(engine: "Engine", results: "Sequence[Result]", given: dict[str, Any]) -> str:
    if given["as_json"]:
        from dui_fhir.domain import json
        from dui_fhir.indicators.report import measure_report

        lists = given["lists"] and not given["members"]
        reports = [measure_report(r, now_ms=engine.clock.now_ms(), lists=lists) for r in results]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in reports]}
        return json.dumps(bundle, pretty=True).decode() + "\n"
    if given["as_csv"]:
        return _as_csv(results)
    return (
        "".join(f"{line}\n" for line in _table(results, _today(engine))) or "Aucun indicateur pour cette structure.\n"
    )


def _as_csv(results: "Sequence[Result]") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(result) for result in results)
    return out.getvalue()


def _row(result: "Result") -> list[str]:
    from dui_fhir.indicators.evaluation import REASONS

    exact, target = result.exact, result.indicator.target
    return [
        result.indicator.id,
        result.indicator.version,
        " ".join(result.structures),
        result.period.start.isoformat(),
        result.period.end.isoformat(),
        *(_number(t.value) if t else "" for t in (result.numerator, result.denominator)),
        "" if exact is None else f"{float(exact):.4f}".replace(".", ","),
        result.indicator.unit,
        "" if target is None else f"{target:g}",
        {None: "", True: "oui", False: "non"}[result.reached],
        REASONS.get(result.absent, ""),
        result.hash,
    ]


def _number(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))


def _today(engine: "Engine") -> date:
    return datetime.fromtimestamp(engine.clock.now_ms() / 1000, UTC).astimezone(engine.options.zone).date()


def _table(results: "Sequence[Result]", today: date) -> list[str]:
    from dui_fhir.indicators.report import sentence

    lines: list[str] = []
    place = ""
    for result in results:
        where = f"{', '.join(result.structures)} — du {_day(result.period.start)} au {_day(result.period.end)}"
        where += " (période en cours)" if result.period.end >= today else ""
        if where != place:
            lines += ([""] if lines else []) + [where]
            place = where
        lines.append(f"  {result.indicator.id:<18} {result.indicator.title}")
        lines.append(f"  {'':<18} {sentence(result)}{_counts(result)}{_reached(result)}")
        lines.append(f"  {'':<18} empreinte {result.hash}")
    return lines


def _day(day: Any) -> str:
    return f"{day:%d/%m/%Y}"


def _counts(result: "Result") -> str:
    if result.numerator is None or result.denominator is None or result.absent == "masked":
        return ""
    return f" ({_number(result.numerator.value)} / {_number(result.denominator.value)})"


def _reached(result: "Result") -> str:
    if result.reached is None:
        return ""
    return f" — cible {result.indicator.target:g} {result.indicator.unit} {'atteinte' if result.reached else 'non atteinte'}"


def _verify(engine: "Engine", tenant: str, file: Path) -> None:
    """Tell of each report of a file whether it was changed, and whether the data still give the same. Exit 1 where not."""
    from dui_fhir.domain import json
    from dui_fhir.indicators.verification import verdicts
    from dui_fhir.service.sendings import server_call

    try:
        given = json.loads(file.read_bytes())
    except ValueError:
        raise click.BadParameter("ce n'est pas du JSON", param_hint="--verify") from None
    found = list(verdicts(server_call(engine, tenant, "Organization/$indicators"), given))
    for verdict in found:
        click.echo(verdict.sentence)
    if not found or not all(verdict.sound for verdict in found):
        raise SystemExit(1)

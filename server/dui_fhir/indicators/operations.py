"""``Measure/$evaluate-measure`` and ``Organization/$indicators``.

Sources: FHIR R4, measure-operation-evaluate-measure.html; ``$indicators`` is ours.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, NotFound
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators.counting import Circumstances
from dui_fhir.indicators.evaluation import Result, evaluate, grappe, indicator_named, indicators_of, today_of
from dui_fhir.indicators.period import Period, last_months
from dui_fhir.indicators.publication import publish_measures
from dui_fhir.indicators.report import measure_report
from dui_fhir.service import bundles, parameters, read
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.structures import finess_of
from dui_fhir.service.write import commit

SUMMARIES = frozenset({"", "summary", "population"})
LISTS = "subject-list"


def operations() -> tuple[Served, ...]:
    """Return both operations."""
    return (Served(definition=_EVALUATE, serve=_evaluate), Served(definition=_INDICATORS, serve=_indicators))


def circumstances(call: Call) -> Circumstances:
    """Return what a count needs of a call."""
    engine = call.engine
    return Circumstances(
        store=call.store,
        host=engine.host,
        parameters=partial(engine.parameters, call.request.tenant),
        options=call.options,
        now_ms=engine.clock.now_ms(),
    )


def structures_of(call: Call) -> tuple[Structure, ...]:
    """Return the structures of the tenant."""
    return call.engine.structures.of(call.request.tenant, call.store)


def _in(name: str, type: str, max: str = "1") -> dict[str, Any]:
    return {"name": name, "use": "in", "min": 0, "max": max, "type": type}


_EVALUATE: Resource = {**operation_definitions()["Measure-evaluate-measure"], "affectsState": False}
_INDICATORS: Resource = {
    "resourceType": "OperationDefinition",
    "id": "dui-organization-indicators",
    "url": "urn:dui-fhir:operation:organization-indicators",
    "name": "OrganizationIndicators",
    "status": "active",
    "kind": "operation",
    "code": "indicators",
    "affectsState": False,
    "resource": ["Organization"],
    "system": False,
    "type": True,
    "instance": True,
    "parameter": [
        _in("month", "string"),
        _in("quarter", "boolean"),
        _in("periodStart", "date"),
        _in("periodEnd", "date"),
        _in("measure", "string", "*"),
        _in("structure", "string", "*"),
        _in("reportType", "code"),
        _in("keep", "boolean"),
        {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"},
    ],
}


# ----------------------------------------------------------------------------------------------- $evaluate-measure


def _evaluate(call: Call) -> ServiceResponse:
    """Return one MeasureReport.

    ``subject``: the Organization of a structure; absent = all the structures of the tenant together.
    Raises: BadRequest (``indicator-…``, ``core-parameter-…``), NotFound (``indicator-unknown``, ``structure-…``).
    """
    inputs = parameters.of_call(call, _EVALUATE)
    for name in ("practitioner", "lastReceivedOn"):
        if name in inputs:
            raise _wrong(f"le paramètre {name} n'a pas de sens ici")
    name = call.id if "id" in call.names else str(inputs.get("measure", ""))
    indicator = indicator_named(call.engine.host, name)
    publish_measures(call.store, call.engine.extractor, call.engine.host)
    period = Period.between(str(inputs["periodStart"]), str(inputs["periodEnd"]))
    lists = _wants_lists(inputs)
    chosen = [_structure_of(call, inputs["subject"])] if "subject" in inputs else list(structures_of(call))
    given = circumstances(call)
    corridors_of = {s: indicators_of(call.engine.host, s) for s in chosen}
    concerned = [s for s in chosen if indicator in corridors_of[s]] or chosen
    found = [r for s in concerned for r in evaluate(s, period, [indicator], given)]
    if not found:
        raise NotFound.of("structure-none", "Aucune structure n'est déclarée dans cet organisme.", "no structure")
    result = found[0] if len(found) == 1 else grappe(found)
    return ServiceResponse(status=200, body=measure_report(result, now_ms=given.now_ms, lists=lists))


def _structure_of(call: Call, subject: object) -> Structure:
    name = str(subject).removeprefix(f"{call.request.base_url}/")
    return structure_named(call, name)


def structure_named(call: Call, name: str) -> Structure:
    """Return a structure by FINESS or by the reference of its Organization. Raises: NotFound (``structure-not-found``)."""
    known = {s.finess: s for s in structures_of(call)}
    wanted = name.removeprefix("Organization/")
    found = known.get(wanted) or known.get(wanted.removeprefix("finess-")) or known.get(_finess(call, wanted))
    if found is None:
        raise NotFound.of(
            "structure-not-found", "Aucune structure de cet organisme n'a ce numéro FINESS.", "no such structure"
        )
    return found


def _finess(call: Call, id: str) -> str:
    found = call.store.read("Organization", id)
    return (finess_of(found.resource()) or "") if found is not None and not found.deleted else ""


# ---------------------------------------------------------------------------------------------------- $indicators


def _indicators(call: Call) -> ServiceResponse:
    """Return a Bundle of MeasureReports: every indicator of a structure, or of a grappe (``structure``, repeated).

    ``keep`` (POST only) stores the summaries: the same data give the same report, which is then not written again.
    Raises: as ``$evaluate-measure``.
    """
    inputs = parameters.of_call(call, _INDICATORS)
    given = circumstances(call)
    publish_measures(call.store, call.engine.extractor, call.engine.host)
    results = results_of(call, _chosen(call, inputs), period_of(inputs, given), inputs.get("measure", ()))
    if inputs.get("keep"):
        if call.request.method != "POST":
            raise _wrong("garder les rapports se demande par POST")
        keep(call, results)
    lists = _wants_lists(inputs)
    reports = [measure_report(r, now_ms=given.now_ms, lists=lists) for r in results]
    base = call.request.base_url
    entries = [bundles.entry({"fullUrl": f"{base}/MeasureReport/{r['id']}"}, r) for r in reports]
    body = bundles.bundle(
        "collection", entries, links={"self": f"{base}/{call.request.path}"}, total=None, now_ms=given.now_ms
    )
    return ServiceResponse(status=200, body=body)


def _chosen(call: Call, inputs: dict[str, Any]) -> list[Structure]:
    if "id" in call.names:
        read.present(call.store.read("Organization", call.id), "Organization")
        return [structure_named(call, call.id)]
    names = [n for given in inputs.get("structure", ()) for n in str(given).split(",") if n]
    return [structure_named(call, name) for name in dict.fromkeys(names)] or list(structures_of(call))


def period_of(inputs: dict[str, Any], given: Circumstances) -> Period:
    """Return the period asked for: a month (default: the last whole one), its quarter, or two days."""
    if "periodStart" in inputs or "periodEnd" in inputs:
        return Period.between(str(inputs.get("periodStart", "")), str(inputs.get("periodEnd", "")))
    month = str(inputs.get("month") or last_months(today_of(given), 1)[0])
    return Period.month(month, quarter=bool(inputs.get("quarter", False)))


def results_of(
    call: Call, structures: Sequence[Structure], period: Period, names: Iterable[str] = ()
) -> tuple[Result, ...]:
    """Return every indicator of one structure, or the sums over several; ``names`` keeps some of them."""
    host, given = call.engine.host, circumstances(call)
    wanted = {indicator_named(host, name).id for name in names}
    by_indicator: dict[str, list[Result]] = {}
    for structure in structures:
        chosen = [i for i in indicators_of(host, structure) if not wanted or i.id in wanted]
        for result in evaluate(structure, period, chosen, given):
            by_indicator.setdefault(result.indicator.id, []).append(result)
    return tuple(grappe(some) if len(structures) > 1 else some[0] for some in by_indicator.values())


def keep(call: Call, results: Iterable[Result]) -> None:
    """Store the summaries that are not there yet. Earlier reports of the same period stay: they are what was sent."""
    reports = [measure_report(r, now_ms=call.engine.clock.now_ms()) for r in results if r.denominator is not None]

    def build() -> Drafts:
        drafts = []
        for report in reports:
            before = call.store.read("MeasureReport", report["id"])
            if before is None or before.deleted:
                drafts.append(
                    Draft(type="MeasureReport", id=report["id"], resource=report, before=before, method="PUT")
                )
        return Drafts(drafts=drafts, by_server=True)

    commit(call, build)


def _wants_lists(inputs: dict[str, Any]) -> bool:
    kind = str(inputs.get("reportType", ""))
    if kind != LISTS and kind not in SUMMARIES:
        raise _wrong(f"reportType est « summary » ou « {LISTS} »")
    return kind == LISTS


def _wrong(why: str) -> BadRequest:
    return BadRequest.of("indicator-parameter", f"Calcul d'indicateur : {why}.", "input of the operation")

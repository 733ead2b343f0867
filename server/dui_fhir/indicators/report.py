"""A result as an R4 MeasureReport, its proof, and the check of that proof. Source: FHIR R4, measurereport.html.

R4 has no Organization among the subjects of a report: the structure is its ``reporter``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import BadRequest
from dui_fhir.indicators.counting import Tally
from dui_fhir.indicators.definition import TAG
from dui_fhir.indicators.evaluation import REASONS, Result, canonical_json

PROOF = "urn:dui-fhir:extension:preuve"
TARGET = "urn:dui-fhir:extension:cible"
TOTAL = "urn:dui-fhir:extension:total"
IDENTIFIER = "urn:dui-fhir:indicateur"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UCUM = "http://unitsofmeasure.org"
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_UNITS = {"%": "%", "jours": "d", "points": "1", "nombre": "1", "heures": "h"}
_DIGITS = 4


def measure_report(result: Result, *, now_ms: int, lists: bool = False) -> Resource:
    """Return the report of a result; with ``lists``, what was counted, as contained Lists (``type`` ``subject-list``).

    Its id comes from the proof: the same data give the same report, other data another one beside it.
    """
    contained: list[Resource] = []
    group: Resource = {"population": list(_populations(result, contained if lists else None))}
    group["measureScore"] = _score(result)
    if result.parts:
        group["stratifier"] = [_by_structure(result)]
    report: Resource = {
        "resourceType": "MeasureReport",
        "id": report_id(result, lists=lists),
        "meta": {"tag": [TAG]},
        "contained": contained,
        "extension": list(_extensions(result)),
        "identifier": [{"system": IDENTIFIER, "value": _business(result, f)} for f in result.structures],
        "status": "complete",
        "type": "subject-list" if lists else "summary",
        "measure": f"{result.indicator.url}|{result.indicator.version}",
        "date": instant(now_ms),
        "period": result.period.to_fhir(),
        "group": [group],
    }
    if len(result.structures) == 1:
        report["reporter"] = {"reference": f"Organization/finess-{result.structures[0]}"}
    return {name: value for name, value in report.items() if value != []}


def report_id(result: Result, *, lists: bool = False) -> str:
    """Return the logical id of a report: that of its proof and of its form."""
    return f"ind-{result.hash[:48]}{'-l' if lists else ''}"


def _business(result: Result, finess: str) -> str:
    return f"3{finess}/{result.indicator.id}/{result.period.name.replace('/', '_')}"


def _populations(result: Result, contained: list[Resource] | None) -> Iterator[Resource]:
    for code, tally in (("denominator", result.denominator), ("numerator", result.numerator)):
        if tally is None:
            continue
        population: Resource = {"code": _concept(code), "count": round(tally.value)}
        if contained is not None:
            contained.append(_list(code, tally))
            population["subjectResults"] = {"reference": f"#{code}"}
        yield population


def _list(code: str, tally: Tally) -> Resource:
    total = {"url": TOTAL, "valueDecimal": tally.value}
    listed: Resource = {
        "resourceType": "List", "id": code, "extension": [total], "status": "current", "mode": "snapshot", "code": _concept(code),
    }  # fmt: skip
    if tally.references:
        return {**listed, "entry": [{"item": {"reference": r}} for r in tally.references]}
    return {**listed, "emptyReason": {"text": "Rien n'a été compté."}}


def _concept(code: str) -> Resource:
    return {"coding": [{"system": _POPULATION, "code": code}]}


def _score(result: Result) -> Resource:
    exact = result.exact
    if exact is None:
        return {"extension": [{"url": ABSENT, "valueCode": result.absent}]}
    unit = result.indicator.unit
    return {"value": round(float(exact), _DIGITS), "unit": unit, "system": UCUM, "code": _UNITS.get(unit, "1")}


def _by_structure(result: Result) -> Resource:
    strata = [
        {
            "value": {"text": part.structures[0]},
            "population": list(_populations(part, None)),
            "measureScore": _score(part),
        }
        for part in result.parts
    ]
    return {
        "code": [{"text": "structure (FINESS)"}],
        "stratum": [{k: v for k, v in s.items() if v != []} for s in strata],
    }


def _extensions(result: Result) -> Iterator[Resource]:
    parameters = canonical_json(dict(result.parameters)).decode()
    yield {
        "url": PROOF,
        "extension": [
            {"url": "algorithme", "valueString": "SHA-256 du JSON canonique (docs/fr/indicateurs.md)"},
            {"url": "empreinte", "valueString": result.hash},
            {"url": "parametres", "valueString": parameters},
        ],
    }
    if result.reached is not None:
        target = result.indicator.target
        yield {
            "url": TARGET,
            "extension": [
                {"url": "valeur", "valueDecimal": target},
                {"url": "atteinte", "valueBoolean": result.reached},
            ],
        }


# ------------------------------------------------------------------------------------------------------------- proof


def proof_of(report: Mapping[str, Any]) -> str:
    """Return the proof that a report carries. Raises: BadRequest (``indicator-report``)."""
    return _part(report, "empreinte")


def recomputed(report: Mapping[str, Any]) -> str | None:
    """Return the proof computed again from the lists of a report; None for one that shows no list.

    Raises: BadRequest (``indicator-report``).
    """
    lists = {c["id"]: c for c in report.get("contained", ()) if isinstance(c, dict) and "id" in c}
    if not lists:
        return None
    try:
        value = {
            "measure": report["measure"],
            "structures": finess_of_report(report),
            "period": {"start": report["period"]["start"], "end": report["period"]["end"]},
            "parameters": json.loads(_part(report, "parametres")),
            **{code: _items(lists.get(code)) for code in ("numerator", "denominator")},
        }
    except (KeyError, TypeError, ValueError):
        raise _not_ours() from None
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _items(listed: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if listed is None:
        return None
    total = next(e["valueDecimal"] for e in listed.get("extension", ()) if e.get("url") == TOTAL)
    return {"total": float(total), "items": [e["item"]["reference"] for e in listed.get("entry", ())]}


def finess_of_report(report: Mapping[str, Any]) -> list[str]:
    """Return the structures of a report, sorted: each identifier is ``3`` + FINESS + ``/`` + indicator + ``/`` + period."""
    return sorted(str(i["value"]).partition("/")[0][1:] for i in report["identifier"])


def _part(report: Mapping[str, Any], name: str) -> str:
    for extension in report.get("extension", ()):
        if extension.get("url") == PROOF:
            return next((str(p["valueString"]) for p in extension.get("extension", ()) if p.get("url") == name), "")
    raise _not_ours()


def _not_ours() -> BadRequest:
    return BadRequest.of(
        "indicator-report", "Ce n'est pas un rapport d'indicateur de ce serveur.", "not a MeasureReport with a proof"
    )


def sentence(result: Result) -> str:
    """Return the rate as it is read, or why there is none."""
    exact = result.exact
    if exact is None:
        return REASONS[result.absent]
    rounded = f"{float(exact):.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return f"{rounded} {result.indicator.unit}"

"""``$translate``: a code in another system, by concept maps. Source: FHIR R4, conceptmap-operation-translate.html."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dui_fhir.terminology.concepts import Resource
from dui_fhir.terminology.scope import canonical
from dui_fhir.terminology.versions import split

_EQUIVALENCES = {
    "related-to": "relatedto",
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
"""R5 relationships in the words of R4 (equivalence says how the target stands to the source)."""
_REVERSED = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
_NO_MATCH = frozenset({"unmatched", "disjoint"})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be translated. ``source`` and ``target``: canonicals of value sets; ``reverse``: from target to source."""

    system: str | None
    code: str
    target_system: str | None = None
    source: str | None = None
    target: str | None = None
    reverse: bool = False


@dataclass(frozen=True, kw_only=True)
class Match:
    """One translation: the equivalence, in R4's words, as seen from the code given."""

    system: str | None
    code: str
    display: str | None
    equivalence: str
    map: str
    comment: str | None = None


def translate(maps: Iterable[Resource], wanted: Wanted) -> dict[str, Any]:
    """Return the Parameters of the answer: ``result`` is True where one match is better than ``unmatched``."""
    matches = list(dict.fromkeys(m for found in maps if _between(found, wanted) for m in _matches(found, wanted)))
    result = any(m.equivalence not in _NO_MATCH for m in matches)
    rows: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if not result:
        rows.append({"name": "message", "valueString": "Aucune correspondance connue pour ce code."})
    rows.extend(_row(m) for m in matches)
    return {"resourceType": "Parameters", "parameter": rows}


def _between(found: Resource, wanted: Wanted) -> bool:
    """Tell whether a map goes from and to the value sets named, where some are."""
    ends = [_end(found, "source"), _end(found, "target")]
    source, target = reversed(ends) if wanted.reverse else ends
    return (wanted.source is None or source == split(wanted.source)[0]) and (
        wanted.target is None or target == split(wanted.target)[0]
    )


def _end(found: Resource, side: str) -> str | None:
    for name in (f"{side}Canonical", f"{side}Uri", f"{side}ScopeCanonical", f"{side}ScopeUri"):
        if name in found:
            return split(found[name])[0]
    return None


def _matches(found: Resource, wanted: Wanted) -> Iterator[Match]:
    for group in found.get("group", ()):
        source, target = split(group.get("source", ""))[0], split(group.get("target", ""))[0]
        if wanted.reverse:
            source, target = target, source
        if wanted.system not in (None, source) or wanted.target_system not in (None, target):
            continue
        yield from _reversed(found, group, wanted, target) if wanted.reverse else _direct(found, group, wanted, target)


def _equivalence(target: Resource) -> str:
    return str(target.get("equivalence") or _EQUIVALENCES.get(target.get("relationship", ""), "relatedto"))


def _direct(found: Resource, group: Resource, wanted: Wanted, system: str) -> Iterator[Match]:
    for element in group.get("element", ()):
        if element.get("code") != wanted.code:
            continue
        for target in element.get("target", ()):
            yield Match(
                system=system or None,
                code=target.get("code", ""),
                display=target.get("display"),
                equivalence=_equivalence(target),
                map=canonical(found),
                comment=target.get("comment"),
            )


def _reversed(found: Resource, group: Resource, wanted: Wanted, system: str) -> Iterator[Match]:
    for element in group.get("element", ()):
        for target in element.get("target", ()):
            if target.get("code") == wanted.code:
                equivalence = _equivalence(target)
                yield Match(
                    system=system or None,
                    code=element.get("code", ""),
                    display=element.get("display"),
                    equivalence=_REVERSED.get(equivalence, equivalence),
                    map=canonical(found),
                )


def _row(match: Match) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "equivalence", "valueCode": match.equivalence}]
    if match.code:
        coding = {"system": match.system, "code": match.code, "display": match.display}
        parts.append({"name": "concept", "valueCoding": {k: v for k, v in coding.items() if v}})
    if match.comment:
        parts.append({"name": "message", "valueString": match.comment})
    return {"name": "match", "part": [*parts, {"name": "source", "valueUri": match.map}]}

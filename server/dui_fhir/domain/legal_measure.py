"""A legal measure about a person: placement, AEMO, curatelle, tutelle, injonction thérapeutique…

One object for all corridors; the lists of types are theirs. Kept as a ``Basic`` whose ``code`` is ``mesure`` in
``urn:dui-fhir:objet``, with one complex extension (docs/fr/mesure.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dui_fhir.domain.calendar import add_months, day_of
from dui_fhir.domain.change import Resource

OBJECT_SYSTEM = "urn:dui-fhir:objet"
MEASURE = "urn:dui-fhir:extension:mesure"


@dataclass(frozen=True, kw_only=True, slots=True)
class LegalMeasure:
    """The facts of a measure; what is not said is empty or None.

    ``frame``: ``administratif`` or ``judiciaire``; ``scope``: ``personne``, ``biens``, ``biens-et-personne``; ``ended``: the day
    it was lifted before its ``end``; ``restricted``: ``Type/id`` of a representative → the rights that the judge limited.
    """

    reference: str
    person: str
    type: str = ""
    frame: str = ""
    authority: str = ""
    decided: date | None = None
    place: str = ""
    start: date | None = None
    end: date | None = None
    ended: date | None = None
    notified: date | None = None
    scope: str = ""
    motives: str = ""
    content: str = ""
    renewal: bool = False
    restricted: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, basic: Resource) -> "LegalMeasure | None":
        """Read a ``Basic``; None where it is no measure."""
        if not is_measure(basic):
            return None
        facts: Resource = next((e for e in basic.get("extension", ()) if e.get("url") == MEASURE), {})
        return cls(
            reference=f"Basic/{basic.get('id', '')}",
            person=str((basic.get("subject") or {}).get("reference", "")),
            type=_text(facts, "type"),
            frame=_text(facts, "cadre"),
            authority=_text(facts, "autorite"),
            decided=day_of(_text(facts, "dateDecision")),
            place=_text(facts, "lieuDecision"),
            start=day_of(_text(facts, "debut")),
            end=day_of(_text(facts, "fin")),
            ended=day_of(_text(facts, "mainlevee")),
            notified=day_of(_text(facts, "notification")),
            scope=_text(facts, "portee"),
            motives=_text(facts, "motifs"),
            content=_text(facts, "contenu"),
            renewal=_text(facts, "renouvellement") == "true",
            restricted=tuple(_restrictions(facts)),
        )

    def in_force(self, today: date) -> bool:
        """True where the measure runs on that day: begun, neither ended nor lifted."""
        begins = self.start or self.decided
        last = min((d for d in (self.end, self.ended) if d is not None), default=None)
        return begins is not None and begins <= today and (last is None or today <= last)

    def last_day_allowed(self, years: int) -> date | None:
        """Return the last day of a measure of ``years`` from its start: 29/02/2024 + 5 years = 28/02/2029."""
        begins = self.start or self.decided
        return None if begins is None else add_months(begins, 12 * years)


def is_measure(basic: Resource) -> bool:
    """True for a ``Basic`` that carries a measure."""
    codings = (basic.get("code") or {}).get("coding", ())
    return any(c.get("system") == OBJECT_SYSTEM and c.get("code") == "mesure" for c in codings)


def _values(facts: Mapping[str, Any], name: str) -> Iterator[Any]:
    for part in facts.get("extension", ()):
        if part.get("url") == name:
            yield from (value for key, value in part.items() if key.startswith("value"))


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = next(_values(facts, name), "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        coding: Mapping[str, Any] = next(iter(value.get("coding", ())), value)
        named = coding.get("code") or value.get("text") or value.get("reference") or value.get("display")
        return str(named or (value.get("identifier") or {}).get("value", ""))
    return str(value)


def _restrictions(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in facts.get("extension", ()):
        if part.get("url") == "droitLimite":
            yield _text(part, "titulaire"), _text(part, "droit")

"""An indicator as the plugins declare it, and the R4 Measure that stands for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

from dui_fhir.domain.change import Resource
from dui_fhir.domain.structure import Structure

What = Literal["persons", "resources", "days", "minutes", "points"]
Population = Literal["accompanied", "active", "entered", "left"]
TAG = {"system": "urn:dui-fhir:tag", "code": "indicateur"}
_LIBRARY_KIND = "http://terminology.hl7.org/CodeSystem/measure-scoring"
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """Resources of the structure: a type, a FHIR search, and a date parameter that touches the period; or ``any`` of several.

    ``months`` names the parameter with the number of months ago that the date may have begun, at the end of the period;
    ``ever``: at any time up to that end; ``date`` empty = any date.
    """

    resource: str = ""
    search: tuple[tuple[str, str], ...] = ()
    date: str = ""
    months: str = ""
    ever: bool = False
    any: "tuple[Criterion, ...]" = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Criterion":
        """Read one of a file."""
        if "any" in entry:
            return cls(any=tuple(map(cls.of, entry["any"])))
        search = tuple(parse_qsl(entry.get("search", ""), keep_blank_values=True, separator="&"))
        return cls(
            resource=entry["resource"],
            search=search,
            date=entry.get("date", ""),
            months=entry.get("months", ""),
            ever=bool(entry.get("ever", False)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """A numerator or a denominator. ``of``: what is counted, for all but persons and days; ``in_order``: clock rules that
    have nothing to ask of the file at the end of the period; ``except_corridors``: structures whose persons do not count;
    ``anyone``: what is counted need not concern a person of the population."""

    what: What = "persons"
    population: Population = "accompanied"
    having: tuple[Criterion, ...] = ()
    without: tuple[Criterion, ...] = ()
    in_order: tuple[str, ...] = ()
    except_corridors: frozenset[str] = frozenset()
    of: Criterion | None = None
    last_of_person: bool = False
    anyone: bool = False

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> Self:
        """Read one of a file."""
        return cls(
            what=entry.get("count", "persons"),
            population=entry.get("population", "accompanied"),
            having=tuple(map(Criterion.of, entry.get("having", ()))),
            without=tuple(map(Criterion.of, entry.get("without", ()))),
            in_order=tuple(entry.get("in_order", ())),
            except_corridors=frozenset(entry.get("except_corridors", ())),
            of=Criterion.of(entry["of"]) if "of" in entry else None,
            last_of_person=bool(entry.get("last_of_person", False)),
            anyone=bool(entry.get("anyone", False)),
        )


Value = Callable[[Resource, Mapping[str, Any]], float | None]
"""What a resource is worth, by the parameters in force; None = it does not count."""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One indicator. ``numerator`` and ``denominator`` None = it is told, not counted here."""

    id: str
    plugin: str
    title: str
    version: str
    unit: str
    source: str
    status: str
    numerator_text: str
    denominator_text: str
    numerator: Count | None = None
    denominator: Count | None = None
    target: float | None = None
    note: str = ""
    not_applicable: str = ""
    not_applicable_corridors: frozenset[str] = frozenset()
    value: Value | None = None
    parameters: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, plugin: str, entry: Mapping[str, Any]) -> Self:
        """Read an entry of ``indicators.json``, or one that a hook declares."""
        calculation = entry.get("calculation", {})
        counts = {name: Count.of_entry(calculation[name]) for name in ("numerator", "denominator") if calculation}
        return cls(
            id=entry["id"],
            plugin=plugin,
            title=entry["title"],
            version=entry.get("version", "1"),
            unit=entry.get("unit", "%"),
            source=entry["source"],
            status=entry["status"],
            numerator_text=entry["numerator"],
            denominator_text=entry["denominator"],
            numerator=counts.get("numerator"),
            denominator=counts.get("denominator"),
            target=entry.get("target"),
            note=entry.get("note", ""),
            not_applicable=entry.get("not_applicable", ""),
            not_applicable_corridors=frozenset(entry.get("not_applicable_corridors", ())),
            value=entry.get("value"),
            parameters=tuple(sorted(_months(counts.values()))),
        )

    @property
    def url(self) -> str:
        """Canonical of its Measure."""
        return f"urn:dui-fhir:measure:{self.id}"

    @property
    def measure_id(self) -> str:
        """Logical id of its Measure."""
        return self.id.lower()

    @property
    def computed(self) -> bool:
        """True where the server counts it."""
        return self.numerator is not None and self.denominator is not None

    @property
    def judged(self) -> bool:
        """True where clock rules or a function judge what is counted, by the parameters of the structure."""
        counts = [count for count in (self.numerator, self.denominator) if count is not None]
        return self.value is not None or any(count.in_order for count in counts)

    def applies_to(self, structure: Structure) -> bool:
        """False where all corridors of the structure are out of its scope (decision D26)."""
        corridors = frozenset(structure.corridors)
        return not corridors or not corridors <= self.not_applicable_corridors

    def measure(self) -> Resource:
        """Return its Measure (R4), which says in French what is counted and where it comes from."""
        persons = all(c is not None and c.what == "persons" for c in (self.numerator, self.denominator))
        shown = {"numerator": self.numerator_text, "denominator": self.denominator_text}
        measure: Resource = {
            "resourceType": "Measure",
            "id": self.measure_id,
            "meta": {"tag": [TAG]},
            "url": self.url,
            "identifier": [{"system": "urn:dui-fhir:indicateur", "value": self.id}],
            "version": self.version,
            "name": self.id.replace("-", "_"),
            "title": self.title,
            "status": "active" if self.computed else "draft",
            "experimental": self.status == "jugement",
            "subjectCodeableConcept": {
                "coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Organization"}]
            },
            "description": self._description(),
            "scoring": {"coding": [{"system": _LIBRARY_KIND, "code": "proportion" if persons else "ratio"}]},
            "group": [{"population": [_population(code, text) for code, text in shown.items()]}],
        }
        return measure

    def _description(self) -> str:
        parts = [f"{self.numerator_text} / {self.denominator_text}.", f"Unité : {self.unit}."]
        if self.target is not None:
            parts.append(f"Cible : {self.target:g} {self.unit}.")
        if self.not_applicable:
            parts.append(f"Ne s'applique pas : {self.not_applicable}.")
        parts += [self.note] if self.note else []
        parts.append(f"Source : {self.source} ; statut : {self.status}.")
        if not self.computed:
            parts.append("Défini, pas encore calculé par le serveur.")
        return " ".join(parts)


def _population(code: str, text: str) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": _POPULATION, "code": code}]},
        "description": text,
        "criteria": {"language": "text/plain", "expression": text},
    }


def _months(counts: Any) -> set[str]:
    criteria = [c for count in counts for c in (*count.having, *count.without)]
    return {one.months for c in criteria for one in (c, *c.any) if one.months}

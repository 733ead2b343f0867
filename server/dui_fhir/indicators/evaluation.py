"""One indicator over a structure, or over the structures of a grappe: the two numbers, the rate, and the proof."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Literal

from dui_fhir.domain import json
from dui_fhir.domain.errors import NotFound
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators.counting import Circumstances, Counting, Tally
from dui_fhir.indicators.definition import Indicator
from dui_fhir.indicators.period import Period
from dui_fhir.plugin_host import PluginHost

Absent = Literal["", "not-applicable", "not-a-number", "unsupported", "masked"]
"""Why there is no rate: codes of data-absent-reason."""
REASONS: Mapping[str, str] = {
    "not-applicable": "ne s'applique pas à cette structure",
    "not-a-number": "le dénominateur est nul",
    "unsupported": "défini, pas encore calculé par le serveur",
    "masked": "effectif trop petit pour être montré",
}
_PERCENT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One indicator. ``structures`` are FINESS; ``parts`` the results of each structure of a grappe. ``absent`` tells why
    there is no rate. ``parameters``: those that took part; where rules or a function judge the files, also those that the
    structure set for itself. A value that differs between the structures of a grappe is told by FINESS."""

    indicator: Indicator
    structures: tuple[str, ...]
    period: Period
    numerator: Tally | None = None
    denominator: Tally | None = None
    absent: Absent = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple["Result", ...] = ()

    @property
    def exact(self) -> Fraction | None:
        """The rate, not rounded and never clamped; None where ``absent`` says why."""
        if self.absent or self.numerator is None or self.denominator is None:
            return None
        scale = _PERCENT if self.indicator.unit == "%" else 1
        return Fraction(self.numerator.value) * scale / Fraction(self.denominator.value)

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, by the rate before any rounding: 69.95 % does not reach 70 %."""
        exact, target = self.exact, self.indicator.target
        return None if exact is None or target is None else exact >= Fraction(str(target))

    @property
    def hash(self) -> str:
        """The proof: SHA-256 of :func:`canonical`."""
        return hashlib.sha256(canonical(self)).hexdigest()


def canonical(result: Result) -> bytes:
    """Return what the proof is computed over: one JSON object, keys sorted, no space, UTF-8.

    Lists and totals of numerator and denominator, definition and version, structures, period, parameters.
    """
    counts = {"numerator": result.numerator, "denominator": result.denominator}
    return canonical_json(
        {
            "measure": f"{result.indicator.url}|{result.indicator.version}",
            "structures": list(result.structures),
            "period": result.period.to_fhir(),
            "parameters": dict(result.parameters),
            **{
                name: None if t is None else {"total": t.value, "items": list(t.references)}
                for name, t in counts.items()
            },
        }
    )


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys and whole numbers without fraction."""
    return json.dumps(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def indicators_of(host: PluginHost, structure: Structure) -> tuple[Indicator, ...]:
    """Return the indicators of a structure: those of the trunk, then those of its corridors."""
    wanted = {plugin.id for plugin in host.plugins if plugin.always} | set(structure.corridors)
    return tuple(Indicator.of(plugin, entry) for plugin, entry in host.indicators() if plugin in wanted)


def all_indicators(host: PluginHost) -> tuple[Indicator, ...]:
    """Return the indicators of every plugin in force."""
    return tuple(Indicator.of(plugin, entry) for plugin, entry in host.indicators())


def indicator_named(host: PluginHost, name: str) -> Indicator:
    """Return an indicator by id, whatever the case, or by canonical. Raises: NotFound (``indicator-unknown``)."""
    wanted = name.removeprefix("Measure/").partition("|")[0]
    for indicator in all_indicators(host):
        if wanted.lower() in (indicator.id.lower(), indicator.url.lower()):
            return indicator
    raise NotFound.of("indicator-unknown", "Aucun indicateur ne porte ce nom.", "no such indicator")


def evaluate(
    structure: Structure, period: Period, indicators: Iterable[Indicator], given: Circumstances
) -> Iterator[Result]:
    """Yield the results of some indicators over one structure."""
    chosen = tuple(indicators)
    counts = [count for i in chosen for count in (i.numerator, i.denominator) if count is not None]
    counting = Counting(structure, period, given, {rule for count in counts for rule in count.in_order})
    parameters, shipped = given.parameters(structure), given.host.parameters(structure)
    own = {n: v for n, v in parameters.items() if v != shipped.get(n) and ".severity." not in n}
    for indicator in chosen:
        used = {name: parameters[name] for name in indicator.parameters}
        if indicator.judged:
            used |= own
        bare = Result(indicator=indicator, structures=(structure.finess,), period=period, parameters=used)
        yield _counted(bare, structure, counting)


def _counted(bare: Result, structure: Structure, counting: Counting) -> Result:
    indicator = bare.indicator
    if not indicator.applies_to(structure):
        return replace(bare, absent="not-applicable")
    if indicator.numerator is None or indicator.denominator is None:
        return replace(bare, absent="unsupported")
    denominator = counting.tally(indicator, indicator.denominator)
    numerator = counting.tally(indicator, indicator.numerator)
    absent: Absent = "" if denominator.value else "not-a-number"
    return replace(bare, numerator=numerator, denominator=denominator, absent=absent)


def grappe(parts: Sequence[Result]) -> Result:
    """Return the sum of one indicator over several structures of one tenant: totals, and lists side by side."""
    first = parts[0]
    counted = [p for p in parts if p.numerator is not None and p.denominator is not None]
    structures = tuple(sorted(finess for p in parts for finess in p.structures))
    whole = replace(
        first, structures=structures, parts=tuple(parts), numerator=None, denominator=None, parameters=_common(parts)
    )
    if not counted:
        return replace(whole, absent=first.absent or "not-applicable")
    numerator, denominator = (
        _sum([t for p in counted if (t := getattr(p, side))]) for side in ("numerator", "denominator")
    )
    return replace(
        whole, numerator=numerator, denominator=denominator, absent="" if denominator.value else "not-a-number"
    )


def _common(parts: Sequence[Result]) -> dict[str, Any]:
    """Return the parameters of all parts: one value where they agree, else a table by FINESS."""
    found: dict[str, Any] = {}
    for name in {name for part in parts for name in part.parameters}:
        by_structure = {part.structures[0]: part.parameters.get(name) for part in parts}
        first, *others = by_structure.values()
        found[name] = first if all(other == first for other in others) else by_structure
    return found


def _sum(tallies: Sequence[Tally]) -> Tally:
    # one person in two structures is a unit of count in each (a financing goes to a FINESS): he is listed twice
    return Tally(
        value=sum(t.value for t in tallies), references=tuple(sorted(r for t in tallies for r in t.references))
    )


def masked(result: Result, smallest: int) -> Result:
    """Return a result without its lists, and without its numbers where some of them would single persons out.

    For what leaves a tenant: under ``smallest`` units, a count tells who.
    """
    tallies = [t for t in (result.numerator, result.denominator) if t is not None]
    parts = tuple(masked(part, smallest) for part in result.parts)
    if any(0 < t.value < smallest for t in tallies):
        return replace(result, numerator=None, denominator=None, absent="masked", parts=parts)
    bare = {side: replace(t, references=()) for side in ("numerator", "denominator") if (t := getattr(result, side))}
    return replace(result, parts=parts, **bare)


def today_of(given: Circumstances) -> date:
    """Return the day it is where the structures are."""
    return datetime.fromtimestamp(given.now_ms / 1000, UTC).astimezone(given.options.zone).date()

"""Words of measured values and doses, in French."""

from typing import Any, Final

from .document_text import concept, items, part, text

_UNITS: Final = {"h": "heure", "d": "jour", "wk": "semaine", "mo": "mois", "min": "minute", "a": "an"}
_WHEN: Final = {
    "MORN": "le matin", "NOON": "le midi", "EVE": "le soir", "NIGHT": "la nuit", "HS": "au coucher", "AFT": "l’après-midi",
    "ACM": "avant le petit déjeuner", "ACD": "avant le déjeuner", "ACV": "avant le dîner", "PCM": "après le petit déjeuner",
    "PCD": "après le déjeuner", "PCV": "après le dîner", "CM": "au petit déjeuner", "CD": "au déjeuner", "CV": "au dîner",
    "C": "au repas", "WAKE": "au réveil",
}  # fmt: skip


def full(words: str, day: str, link: str) -> str:
    """Return ``words (du 03/04/2026)``; without a day, the words."""
    return f"{words} ({link} {day})" if words and day else words


def number(value: Any) -> str:
    """Return a number with a decimal comma."""
    return text(value).replace(".", ",")


def measure(value: Any) -> str:
    """Return a Quantity: ``62,5 kg``."""
    unit = text(part(value, "unit")) or text(part(value, "code"))
    return " ".join(w for w in (number(part(value, "value")), unit) if w) if number(part(value, "value")) else ""


def quantity(observation: Any) -> str:
    """Return the value of an Observation, or those of its components: ``12 / 8 cmHg``."""
    own = measure(part(observation, "valueQuantity")) or concept(part(observation, "valueCodeableConcept"))
    own = own or text(part(observation, "valueString")) or number(part(observation, "valueInteger"))
    if own:
        return own
    parts = [measure(c.get("valueQuantity")) for c in items(part(observation, "component"))]
    return " / ".join(p for p in parts if p)


def dosage(dose: Any) -> str:
    """Return what a Dosage says: its text, else dose, rhythm, route and *si besoin*."""
    said = text(part(dose, "text")) or text(part(dose, "patientInstruction"))
    if said:
        return said
    doses = [measure(d.get("doseQuantity")) for d in items(part(dose, "doseAndRate"))]
    need = part(dose, "asNeededBoolean") is True or isinstance(part(dose, "asNeededCodeableConcept"), dict)
    pieces = [
        *doses,
        rhythm(part(dose, "timing")),
        concept(part(dose, "route")),
        "si besoin" if need else "",
    ]
    return ", ".join(p for p in pieces if p)


def rhythm(timing: Any) -> str:
    """Return ``3 fois par jour``, ``le matin et le soir``, ``toutes les 8 heures``."""
    repeat = part(timing, "repeat")
    when = (
        [_WHEN[w] for w in part(repeat, "when") or () if w in _WHEN] if isinstance(part(repeat, "when"), list) else []
    )
    if when:
        return " et ".join((", ".join(when[:-1]), when[-1])) if len(when) > 1 else when[0]
    hours = [text(t)[:5].replace(":", " h ") for t in part(repeat, "timeOfDay") or ()]
    if hours:
        return "à " + ", ".join(hours)
    unit, every, times = (
        _UNITS.get(text(part(repeat, "periodUnit")), ""),
        part(repeat, "period"),
        part(repeat, "frequency"),
    )
    if not unit or not isinstance(every, int | float):
        return concept(part(timing, "code"))
    if every == 1:
        return f"{times or 1} fois par {unit}"
    plural = unit if unit.endswith("s") else f"{unit}s"
    often = f"{times} fois tous les" if isinstance(times, int) and times > 1 else "tous les"
    often = often.replace("tous", "toutes") if unit in ("heure", "semaine", "minute") else often
    return f"{often} {number(every)} {plural}"

"""Languages asked for and the designations that answer. Source: RFC 4647, RFC 9110 §12.5.4; FHIR R4, languages.html."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dui_fhir.terminology.concepts import CodeSystem, Concept, Resource, extension

_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")
PREFERRED = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
    "display": "Preferred For Language",
}


@dataclass(frozen=True, kw_only=True)
class Languages:
    """The languages wanted, the best first. ``only``: nothing else is acceptable (``*;q=0``)."""

    ranges: tuple[str, ...] = ()
    only: bool = False
    text: str = ""

    @classmethod
    def parse(cls, text: str | None) -> "Languages":
        """Read ``fr`` or ``fr-FR, en;q=0.5, *;q=0``. Raises: ValueError."""
        if not text:
            return cls()
        found: list[tuple[float, int, str]] = []
        only = False
        for position, part in enumerate(text.split(",")):
            match = _RANGE.fullmatch(part)
            if match is None:
                raise ValueError("not a list of languages")
            quality = float(match[2] or 1)
            if match[1] == "*":
                only = only or quality == 0
            elif quality > 0:
                found.append((-quality, position, match[1]))
        return cls(ranges=tuple(r for _, _, r in sorted(found)), only=only, text=text)

    def __str__(self) -> str:
        return ", ".join([*self.ranges, *(["*; q=0"] if self.only else [])])

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def accepts(self, language: str | None) -> bool:
        """Tell whether a language is one of those wanted."""
        return any(covers(r, language) for r in self.ranges)


def set_languages(value_set: Resource | None) -> Languages:
    """Return the languages that a value set asks its displays in. A language of its own that cannot be read asks nothing."""
    found = value_set or {}
    for row in found.get("compose", {}).get("extension", ()):
        if (
            str(row.get("url", "")).endswith("/valueset-expansion-parameter")
            and extension(row, "name") == "displayLanguage"
        ):
            return Languages.parse(extension(row, "value"))
    return Languages.parse(found.get("language"))


def covers(range: str, language: str | None) -> bool:
    """Tell whether ``de`` covers ``de`` and ``de-CH``, and ``de-CH`` falls back on ``de``."""
    if language is None:
        return False
    wanted, given = range.lower(), language.lower()
    return given == wanted or given.startswith(wanted + "-") or wanted.startswith(given + "-")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One text of a concept. ``base``: its display. ``element``: the designation it comes from."""

    language: str | None
    value: str
    base: bool = False
    element: Resource | None = None

    @property
    def use(self) -> dict[str, Any] | None:
        """Return the ``use`` of the designation."""
        return None if self.element is None else self.element.get("use")

    @property
    def displayable(self) -> bool:
        """Tell whether it may stand for the display: the display itself, and designations without any other use."""
        use = self.use
        return use is None or use.get("code") in ("display", "preferredForLanguage", PREFERRED["code"])


def wordings(
    system: CodeSystem, concept: Concept, listed: Resource | None = None, language: str | None = None
) -> list[Wording]:
    """Return the texts of a concept, its display first; ``listed`` is its entry in a value set of this language."""
    found: list[Wording] = []
    if listed is not None and listed.get("display"):
        found.append(Wording(language=language or system.language, value=listed["display"], base=True))
    if concept.display is not None and not any(w.value == concept.display for w in found):
        found.append(Wording(language=system.language, value=concept.display, base=True))
    elements = [*(listed or {}).get("designation", ()), *concept.designations]
    found.extend(Wording(language=e.get("language"), value=e["value"], element=e) for e in elements if "value" in e)
    return found


def best(found: Sequence[Wording], languages: Languages) -> Wording | None:
    """Return the text to show; None where none is acceptable."""
    for range in languages.ranges:
        for wording in _nearest(found, range):
            return wording
    if languages.only and languages:
        return None
    return next((w for w in found if w.base), next(iter(found), None))


def _nearest(found: Sequence[Wording], range: str) -> Iterable[Wording]:
    covering = [w for w in found if w.displayable and covers(range, w.language)]
    return sorted(covering, key=lambda w: ((w.language or "").lower() != range.lower(), not w.base))

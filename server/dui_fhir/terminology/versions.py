"""Business versions of code systems and value sets. Source: FHIR R5, references.html#version (wildcards); R4 leaves it open."""

import re
from collections.abc import Iterable

_WILD = frozenset({"x", "X", "*"})
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:[^0-9.]|[0-9]{4}|$)")
_PART = re.compile(r"[0-9]+|[^0-9.]+")


def matches(pattern: str, version: str) -> bool:
    """Tell whether a version satisfies ``1.0.2``, ``1.0.x`` or ``*``. A short ``1`` is a version, not a prefix."""
    if pattern in (version, "*"):
        return True
    wanted, given = pattern.split("."), version.split(".")
    if not _WILD.intersection(wanted) or len(wanted) != len(given):
        return False
    return all(w in _WILD or w == g for w, g in zip(wanted, given, strict=True))


def order(version: str) -> list[tuple[int, int, str]]:
    """Return a sort key: numbers as numbers (``2.0`` before ``10.0``), dates as their digits.

    Dates come before version numbers: HL7 went from the former to the latter.
    """
    return [(0 if _DATE.match(version) else 1, 0, ""), *_parts(version)]


def _parts(version: str) -> list[tuple[int, int, str]]:
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in _PART.findall(version)]


def latest(versions: Iterable[str]) -> str | None:
    """Return the newest version, None where there is none."""
    return max(versions, key=order, default=None)


def split(canonical: str) -> tuple[str, str | None]:
    """Return ``(url, version)`` of a canonical."""
    url, _, version = canonical.partition("|")
    return url, version or None

"""Splitting search values at commas, bars and dollars, unless a backslash escapes them. Source: FHIR R4, search.html#escaping."""

import re

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r"([\\,$|])")


def split(text: str, separator: str, maximum: int = -1) -> list[str]:
    """Split at each separator that no backslash precedes, at most ``maximum`` times; the parts keep their escapes."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == separator and maximum != 0:
            parts.append(text[start:position])
            start, maximum = position + 1, maximum - 1
        position += 1
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    """Remove the backslashes that escape something."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """Return a text as one search value."""
    return _SPECIAL.sub(r"\\\1", text)

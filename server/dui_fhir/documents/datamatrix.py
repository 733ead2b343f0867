"""The INS datamatrix, format 2 of 26 September 2023: payload and image.

Source: ANS, *Datamatrix INS* (format v2); symbol ISO/IEC 16022, ECC 200. Only for a qualified identity, on the first page of
a document (référentiel d'exigences INS, EXI DIF 02): the caller decides that, not this module.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

HEADER: Final = "IS01" + "0" * 22
SEPARATOR: Final = "\x1d"
"""ASCII 29 (GS): ends a variable field that is shorter than its maximum and is not the last one."""
MODULE_MM: Final = 0.42
"""Side of one module as drawn by :func:`svg`, in millimetres."""
_LIGATURES: Final = str.maketrans(
    {"Œ": "OE", "œ": "OE", "Æ": "AE", "æ": "AE", "ß": "SS", "’": "'", "‐": "-", "\u2011": "-"}
)
_FORBIDDEN = re.compile(r"[^A-Z0-9 '\-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class InsTraits:
    """What the datamatrix says.

    ``matricule``: 15 characters, key included; ``oid``: of the matricule, dotted; ``given``: the list of birth given names,
    separated by spaces; ``family``: birth name; ``sex``: ``M`` or ``F``; ``birth_date``: ISO, complete; ``cog``: five
    characters or empty.
    """

    matricule: str
    oid: str
    given: str
    family: str
    sex: str
    birth_date: str
    cog: str = ""

    @classmethod
    def of(cls, traits: Mapping[str, Any]) -> "InsTraits":
        """Build from JSON. Raises: ValueError where a trait is absent, unknown or no text."""
        unknown = set(traits) - set(cls.__dataclass_fields__)
        absent = {"matricule", "oid", "given", "family", "sex", "birth_date"} - set(traits)
        if unknown or absent or not all(isinstance(v, str) for v in traits.values()):
            raise ValueError(f"traits of a datamatrix: unknown {sorted(unknown)}, absent {sorted(absent)}")
        return cls(**traits)


@dataclass(frozen=True, slots=True)
class _Field:
    id: str
    value: str
    length_max: int
    variable: bool = False


def payload(traits: InsTraits) -> str:
    """Return the characters to encode, ASCII only.

    Raises: ValueError where a value does not fit the format (length of the matricule, date, sex, COG, empty name).
    """
    fields = _fields(traits)
    parts = [HEADER]
    for position, field in enumerate(fields):
        last = position == len(fields) - 1
        ended = field.variable and not last and len(field.value) < field.length_max
        parts.append(field.id + field.value + (SEPARATOR if ended else ""))
    return "".join(parts)


def _fields(traits: InsTraits) -> list[_Field]:
    year, month, day = _match(r"(\d{4})-(\d{2})-(\d{2})", traits.birth_date, "birth date").groups()
    fields = [
        _Field("S1", _match(r"[0-9A-Z]{15}", traits.matricule, "matricule").group(), 15),
        _Field("S2", _match(r"[0-9.]{19,20}", traits.oid, "oid").group(), 20, variable=True),
        _Field("S3", _name(traits.given, "given names"), 100, variable=True),
        _Field("S4", _name(traits.family, "family name"), 100, variable=True),
        _Field("S5", _match(r"[MF]", traits.sex, "sex").group(), 1),
        _Field("S6", f"{day}-{month}-{year}", 10),
    ]
    if traits.cog:
        fields.append(_Field("S7", _match(r"[0-9A-Z]{5}", traits.cog, "cog").group(), 5))
    return fields


def _match(pattern: str, value: str, what: str) -> re.Match[str]:
    match = re.fullmatch(pattern, value, re.ASCII)
    if match is None:
        raise ValueError(f"{what} of a datamatrix has another form")
    return match


def _name(value: str, what: str) -> str:
    """Return a name in upper case without diacritics, at most 100 characters; a scanner reads ASCII only."""
    decomposed = unicodedata.normalize("NFKD", value.translate(_LIGATURES)).upper()
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    clean = " ".join(_FORBIDDEN.sub(" ", bare).split())[:100]
    if not clean:
        raise ValueError(f"{what} of a datamatrix is empty")
    return clean


def svg(traits: InsTraits) -> str:
    """Return the symbol as SVG: square, quiet zone of two modules at each side (the standard asks for one), black on white, vector.

    Raises: ValueError where the traits do not fit the format.
    """
    grid = _modules(payload(traits))
    side = len(grid) + 4
    squares = "".join(f"M{x + 2} {y + 2}h{width}v1h-{width}z" for y, row in enumerate(grid) for x, width in _runs(row))
    size = f"{side * MODULE_MM:.2f}mm"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {side} {side}">'
        f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path fill="#000" d="{squares}"/></svg>'
    )


def _modules(text: str) -> list[list[bool]]:
    """Return the modules of the symbol, True = dark, without quiet zone."""
    import zxingcpp  # most processes draw none

    barcode = zxingcpp.create_barcode(text.encode("ascii"), zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    image = barcode.to_image(scale=1, add_quiet_zones=False)
    height, width = image.shape
    # zxing-cpp declares no buffer in its types, and has one
    view: Any = image
    flat = bytes(memoryview(view).cast("B"))
    rows = [[value < 128 for value in flat[y * width : (y + 1) * width]] for y in range(height)]
    if len(rows) != len(rows[0]):
        raise ValueError("the symbol is not square")
    return rows


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Return the dark runs of a row as ``(start, width)``."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((x, 1))
    return runs

"""UCUM units in canonical form, exactly, so that 1 g and 1000 mg are the same quantity.

A canonical form is a product of the base units g, m, s, K, cd, C, mol and of units that convert to nothing else. Unlike UCUM,
mol stays a unit of its own (UCUM makes it 6.022e23, and every amount a pure number).
Source: The Unified Code for Units of Measure (https://ucum.org/ucum), tables 1 to 10; only the common units are here: a
quantity in any other unit is found under that unit alone.
"""

import re
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import NamedTuple, TypeAlias

SYSTEM = "http://unitsofmeasure.org"

_Dimensions: TypeAlias = tuple[tuple[str, int], ...]


class Canonical(NamedTuple):
    """``value × factor + offset`` is in units of ``code``."""

    factor: Fraction
    offset: Fraction
    code: str

    def of(self, value: Fraction) -> float:
        """Return a value in canonical units, rounded once; infinite where no float is that large."""
        exact = value * self.factor + self.offset
        try:
            return float(exact)
        except OverflowError:
            return inf if exact > 0 else -inf


class _Unit(NamedTuple):
    factor: Fraction
    dimensions: _Dimensions


_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

# unit: (factor, expression in units above it, takes prefixes)
_ATOMS: dict[str, tuple[str, str, bool]] = {
    "%": ("1/100", "", False), "[ppth]": ("1/1000", "", False), "[ppm]": ("1/1000000", "", False),
    "mol": ("1", "mol", True), "eq": ("1", "mol", True), "osm": ("1", "mol", True), "kat": ("1", "mol/s", True),
    "U": ("1/60000000", "mol/s", True),
    "min": ("60", "s", False), "h": ("3600", "s", False), "d": ("86400", "s", False), "wk": ("604800", "s", False),
    "mo": ("2629800", "s", False), "a": ("31557600", "s", False),
    "L": ("1/1000", "m3", True), "l": ("1/1000", "m3", True), "t": ("1000000", "g", True), "u": ("1", "u", True),
    "Hz": ("1", "s-1", True), "Bq": ("1", "s-1", True), "Gy": ("1", "m2.s-2", True), "Sv": ("1", "m2.s-2", True),
    "N": ("1000", "g.m.s-2", True), "Pa": ("1000", "g.m-1.s-2", True), "J": ("1000", "g.m2.s-2", True),
    "W": ("1000", "g.m2.s-3", True), "bar": ("100000000", "g.m-1.s-2", True), "atm": ("101325000", "g.m-1.s-2", False),
    "m[Hg]": ("133322000", "g.m-1.s-2", True), "m[H2O]": ("9806650", "g.m-1.s-2", True),
    "cal": ("4184", "g.m2.s-2", True), "[Cal]": ("4184000", "g.m2.s-2", False),
    "A": ("1", "C.s-1", True), "V": ("1000", "g.m2.s-2.C-1", True), "Ohm": ("1000", "g.m2.s-1.C-2", True),
    "[in_i]": ("127/5000", "m", False), "[ft_i]": ("381/1250", "m", False), "[lb_av]": ("45359237/100000", "g", False),
    "[oz_av]": ("45359237/1600000", "g", False), "[drp]": ("1/20000000", "m3", False),
    "10*": ("10", "", False), "10^": ("10", "", False),
}  # fmt: skip
_BASE = ("g", "m", "s", "K", "cd", "C", "rad")
_ALONE = ("[iU]", "[IU]", "[arb'U]", "[pH]", "deg", "[CFU]", "[pfu]", "[Amb'a'1'U]", "lm", "lx", "B", "bit", "By")
_TEMPERATURES = {"Cel": (Fraction(1), Fraction("273.15")), "[degF]": (Fraction(5, 9), Fraction("459.67") * 5 / 9)}

_TOKEN = re.compile(r"\{[^{}]*\}|[./()]|10[*^]|\d+|[^\s./(){}\[\]0-9+\-]*(?:\[[^\]]*\])?[^\s./(){}\[\]0-9+\-]*|[+-]\d+")


@lru_cache(maxsize=4096)
def canonical(code: str) -> Canonical | None:
    """Return the canonical form of a unit; None where the code is not UCUM, or not in the table."""
    if code in _TEMPERATURES:
        return Canonical(*_TEMPERATURES[code], "K")
    try:
        unit = _Reader(code).read()
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    return Canonical(unit.factor, Fraction(0), ".".join(f"{n}{e if e != 1 else ''}" for n, e in unit.dimensions) or "1")


def _times(left: _Unit, right: _Unit, sign: int = 1) -> _Unit:
    powers = dict(left.dimensions)
    for name, exponent in right.dimensions:
        powers[name] = powers.get(name, 0) + sign * exponent
    dimensions = tuple(sorted((name, exponent) for name, exponent in powers.items() if exponent))
    return _Unit(left.factor * right.factor**sign, dimensions)


def _power(unit: _Unit, exponent: int) -> _Unit:
    if abs(exponent) > 99:
        raise ValueError("exponent out of range")
    return _Unit(unit.factor**exponent, tuple((name, e * exponent) for name, e in unit.dimensions if exponent))


_ONE = _Unit(Fraction(1), ())


class _Reader:
    """``[/] component { (. | /) component }``; a component is a number, a unit with an exponent, an annotation, a group."""

    def __init__(self, code: str) -> None:
        self._tokens = [t for t in _TOKEN.findall(code) if t]
        self._position = 0
        if not code or "".join(self._tokens) != code:
            raise ValueError("not UCUM")

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def read(self) -> _Unit:
        unit = self._term()
        if self._peek():
            raise ValueError("not UCUM")
        return unit

    def _term(self) -> _Unit:
        unit = _ONE if self._peek() == "/" else self._component()
        while self._peek() in ("/", "."):
            sign = -1 if self._next() == "/" else 1
            unit = _times(unit, self._component(), sign)
        return unit

    def _component(self) -> _Unit:
        token = self._next()
        if token == "(":  # noqa: S105
            unit = self._term()
            if self._next() != ")":
                raise ValueError("not UCUM")
            return unit
        if token.startswith("{"):
            return _ONE
        if token.isdigit():
            return _Unit(Fraction(token), ())
        unit = _power(_atom(token), self._exponent())
        if self._peek().startswith("{"):
            self._next()
        return unit

    def _exponent(self) -> int:
        return int(self._next()) if re.fullmatch(r"[+-]?\d+", self._peek()) else 1


def _atom(name: str) -> _Unit:
    unit = _known(name)
    if unit is not None:
        return unit
    for length in (1, 2):
        exponent, rest = _PREFIXES.get(name[:length]), name[length:]
        unit = _known(rest) if exponent is not None and _takes_prefixes(rest) else None
        if unit is not None and exponent is not None:
            return _Unit(unit.factor * Fraction(10) ** exponent, unit.dimensions)
    raise KeyError(name)


def _known(name: str) -> _Unit | None:
    if name in _BASE or name in _ALONE or name in ("mol", "u"):
        return _Unit(Fraction(1), ((name, 1),))
    if name not in _ATOMS:
        return None
    factor, expression, _ = _ATOMS[name]
    unit = _Reader(expression).read() if expression else _ONE
    return _Unit(Fraction(factor) * unit.factor, unit.dimensions)


def _takes_prefixes(name: str) -> bool:
    return (
        name in _BASE or (name in _ATOMS and _ATOMS[name][2]) or name in ("[iU]", "[IU]", "bit", "By", "B", "lm", "lx")
    )

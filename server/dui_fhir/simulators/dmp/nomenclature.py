"""The value sets of the DMP, read from ``nomenclature.json`` (sources inside)."""

import json
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("nomenclature.json")


@cache
def pairs(name: str) -> frozenset[tuple[str, str]]:
    """Return the (code, coding scheme) pairs of one list."""
    return frozenset((row[0], row[1]) for row in _lists()[name])


@cache
def class_of_type() -> dict[str, str]:
    """Return the class code of each type code (association ASS_X04); types without a class are absent."""
    return {row[0]: row[2] for row in _lists()["typeCode"] if row[2]}


@cache
def _lists() -> dict[str, list[list[str]]]:
    read = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name: rows for name, rows in read.items() if name != "sources"}

"""docs/fonctions.md: one row per expected function, each with its call, and a test that exists or the ticket that brings it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/fonctions.md").read_text(encoding="utf-8")
ROWS = [
    tuple(map(str.strip, line.strip("| ").split(" | ")))
    for line in PAGE.splitlines()
    if re.match(r"\| [A-Z]+-\d", line)
]
NUMBERS = {
    "F": range(1, 45),
    "D": [n for n in range(1, 18) if n != 13],
    "A": range(1, 17),
    "R": range(1, 26),
    "SYS": range(1, 22),
}
LATER = re.compile(r"à venir \(ticket [56]\)|documentation")
"""Access, connectors and interface come with tickets 5 and 6; whatever the corridors bring is there."""
PROOF = re.compile(r"`(tests/[a-z0-9_/]+\.py)` (\S+)")


def test_rows__every_number_once() -> None:
    expected = [f"{kind}-{n:02d}" for kind, numbers in NUMBERS.items() for n in numbers]
    assert [row[0] for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row__call_and_proof__are_there(row: tuple[str, ...]) -> None:
    assert len(row) == 4, row
    assert all(row)
    if LATER.fullmatch(row[3]):
        return
    proof = PROOF.fullmatch(row[3])
    assert proof is not None, row[3]
    source = (ROOT / proof[1]).read_text(encoding="utf-8")
    named = proof[2]
    if named.startswith("["):
        assert f'"{named.strip("[]")}": (' in source
    else:
        assert f"def {named}(" in source


def test_rows__proven__are_more_than_half_of_what_software_does() -> None:
    software = [row for row in ROWS if row[3] != "documentation"]
    proven = [row for row in software if PROOF.fullmatch(row[3])]
    assert len(proven) >= 70, f"{len(proven)} of {len(software)}"

"""Versioned updates side by side on real processes: one chain of versions, no update lost.

The full size (8 clients × 5 000) is ``./run bench linear``; the judge is the same.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench import linear

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CLIENTS, UPDATES = 8, 500


def test_updates__eight_clients_with_if_match__each_acknowledged_is_one_version_of_one_chain(server: Any) -> None:
    told, refused = linear.contend(server.port, CLIENTS, UPDATES)

    assert len(told) == CLIENTS * UPDATES
    assert refused > 0, "clients met: the check says something"
    for id, those in linear.by_resource(told).items():
        assert linear.judge(linear.history(server.port, id), those) == []


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        pytest.param([(3, "0/1/1"), (2, "0/0/1"), (1, "départ")], [(0, 0, 1, 2), (0, 1, 1, 3)], id="lost update"),
        pytest.param([(2, "0/0/1"), (1, "départ")], [(0, 0, 1, 2), (1, 0, 1, 2)], id="acknowledged twice"),
        pytest.param([(2, "1/0/1"), (1, "départ")], [(0, 0, 1, 2)], id="another content"),
        pytest.param([(3, "0/0/1"), (1, "départ")], [(0, 0, 1, 3)], id="a gap"),
        pytest.param([(1, "départ")], [(0, 0, 1, 2)], id="not stored"),
        pytest.param([(2, "9/9/9"), (1, "départ")], [], id="from nobody"),
    ],
)
def test_judge__history_that_is_not_what_was_told__fault(
    versions: list[tuple[int, str]], told: list[tuple[int, int, int, int]]
) -> None:
    assert linear.judge(versions, [linear.Acknowledged("x", *one) for one in told])


def test_judge__one_chain__no_fault() -> None:
    told = [linear.Acknowledged("x", 0, 0, 1, 2), linear.Acknowledged("x", 1, 0, 2, 3)]
    assert linear.judge([(3, "1/0/2"), (2, "0/0/1"), (1, "départ")], told) == []

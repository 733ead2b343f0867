"""AGGIR to GIR. Source: CASF, annexe 2-2; check vectors computed by hand from its table."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import aggir

VECTORS = [
    ("CCCCCCCC", 1, 1), ("CCCCCCAA", 3, 2), ("CCAAAAAA", 4, 2), ("AACCCCCC", 5, 2), ("AACCCCBB", 7, 2),
    ("BBCCBBAA", 9, 3), ("AACCBBAA", 9, 3), ("BBBBBBBB", 10, 4), ("AABBAAAA", 11, 4), ("AABAAAAA", 12, 5),
    ("AAAAAACC", 12, 5), ("BAAAAAAA", 13, 6), ("AAAAAAAB", 13, 6), ("AAAAAAAA", 13, 6),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "rank", "gir"), VECTORS)
def test_rank__check_vector__as_the_annexe(profile: str, rank: int, gir: int) -> None:
    assert (aggir.rank(profile), aggir.gir(profile)) == (rank, gir)


def test_gir__all_6561_profiles__distribution_of_the_annexe() -> None:
    profiles = ["".join(p) for p in itertools.product("ABC", repeat=8)]
    assert len(profiles) == 6561
    assert Counter(map(aggir.gir, profiles)) == {1: 8, 2: 3208, 3: 2400, 4: 760, 5: 157, 6: 28}
    ranks = Counter(map(aggir.rank, profiles))
    assert [ranks[r] for r in range(1, 14)] == [8, 131, 414, 1085, 4, 336, 1238, 1253, 1147, 490, 270, 157, 28]


@pytest.mark.parametrize("profile", ["", "AAAAAAA", "AAAAAAAAA", "AAAAAAAD", "aaaaaaaa", "AAAA AAA"])
def test_rank__not_eight_of_abc__refused(profile: str) -> None:
    with pytest.raises(ValueError, match="not an AGGIR profile"):
        aggir.rank(profile)


@pytest.mark.parametrize(
    ("answers", "letter"),
    [((True,) * 4, "A"), ((False,) * 4, "C"), ((True, False, False, False), "B"), ((True, True, True, False), "B")],
)
def test_from_adverbs__yes_and_no__modality(answers: tuple[bool, ...], letter: str) -> None:
    assert aggir.from_adverbs(answers) == letter


def test_from_adverbs__three_answers__refused() -> None:
    with pytest.raises(ValueError, match="four adverbs"):
        aggir.from_adverbs([True, True, True])


@pytest.mark.parametrize(
    ("variable", "parts", "letter"),
    [
        ("toilette", "AC", "B"), ("toilette", "CC", "C"), ("toilette", "BC", "B"), ("habillage", "ACC", "B"),
        ("habillage", "CCC", "C"), ("habillage", "AAA", "A"), ("alimentation", "AC", "B"), ("alimentation", "BC", "C"),
        ("alimentation", "CB", "C"), ("alimentation", "CC", "C"), ("alimentation", "BB", "B"), ("elimination", "AC", "C"),
        ("elimination", "AB", "B"), ("elimination", "BC", "C"), ("coherence", "B", "B"), ("orientation", "AC", "C"),
    ],
)  # fmt: skip
def test_combine__parts_of_a_variable__usual_practice(variable: str, parts: str, letter: str) -> None:
    assert aggir.combine(variable, parts) == letter


@given(st.sampled_from(aggir.VARIABLES), st.text("ABC", min_size=1, max_size=3))
def test_combine__equal_parts__that_letter(variable: str, parts: str) -> None:
    assert aggir.combine(variable, parts[0] * len(parts)) == parts[0]
    assert (aggir.combine(variable, parts) == "A") == (set(parts) == {"A"})


@pytest.mark.parametrize(("variable", "parts"), [("menage", "A"), ("toilette", ""), ("toilette", "AD")])
def test_combine__nonsense__refused(variable: str, parts: str) -> None:
    with pytest.raises(ValueError, match="not the parts"):
        aggir.combine(variable, parts)


def test_gmp__residents__mean_of_points() -> None:
    assert aggir.gmp([1, 6]) == 535
    assert aggir.gmp([2, 2, 3, 4]) == 690
    assert aggir.gmp([]) is None

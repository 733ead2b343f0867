"""AGGIR to GIR: the algorithm of annexe 2-2 of the CASF, and the points of the GMP. Pure functions.

Eight variables count, each with a modality A (does alone), B (partly) or C (does not). Eight groups of weights are tried
in order; in each, the sum of the weights is compared with that group's thresholds, highest first; the first threshold
reached gives the rank, and the rank the GIR. Figures: annexe 2-2 (weights, thresholds), annexe 3-6 column C (points).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal, cast

Modality = Literal["A", "B", "C"]
Gir = Literal[1, 2, 3, 4, 5, 6]

VARIABLES: Final = (
    "coherence",
    "orientation",
    "toilette",
    "habillage",
    "alimentation",
    "elimination",
    "transferts",
    "deplacement_interieur",
)
"""The counted variables, in the order of the annexe and of a profile written ``AABBCCAA``."""

Weights = tuple[int, int, int, int, int, int, int, int]

# (weights of C, weights of B, thresholds with their rank); A always weighs nothing
_GROUPS: Final[tuple[tuple[Weights, Weights, tuple[tuple[int, int], ...]], ...]] = (
    ((2000, 1200, 40, 40, 60, 100, 800, 200), (0, 0, 16, 16, 20, 16, 120, 32), ((4380, 1), (4140, 2), (3390, 3))),
    ((1500, 1200, 40, 40, 60, 100, 800, -80), (320, 120, 16, 16, 0, 16, 120, -40), ((2016, 4),)),
    ((0, 0, 40, 40, 60, 160, 1000, 400), (0, 0, 16, 16, 20, 20, 200, 40), ((1700, 5), (1432, 6))),
    ((0, 0, 0, 0, 2000, 400, 2000, 200), (0, 0, 0, 0, 200, 200, 200, 0), ((2400, 7),)),
    ((400, 400, 400, 400, 400, 800, 800, 200), (0, 0, 100, 100, 100, 100, 100, 0), ((1200, 8),)),
    ((200, 200, 500, 500, 500, 500, 500, 200), (100, 100, 100, 100, 100, 100, 100, 0), ((800, 9),)),
    ((150, 150, 300, 300, 500, 500, 400, 200), (0, 0, 200, 200, 200, 200, 200, 100), ((650, 10),)),
    # transfers weigh more for B than for C: printed so in the annexe
    ((0, 0, 3000, 3000, 3000, 3000, 1000, 1000), (0, 0, 2000, 2000, 2000, 2000, 2000, 1000), ((4000, 11), (2000, 12))),
)
_LAST_RANK: Final = 13
_GIR: Final[Mapping[int, Gir]] = {
    1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2, 8: 3, 9: 3, 10: 4, 11: 4, 12: 5, 13: 6,
}  # fmt: skip
POINTS: Final[Mapping[Gir, int]] = {1: 1000, 2: 840, 3: 660, 4: 420, 5: 250, 6: 70}
"""Points of each GIR in the GMP (annexe 3-6, column C)."""


@lru_cache(maxsize=6561)  # all there are
def rank(profile: str) -> int:
    """Return the rank, 1 to 13, of a profile of eight modalities in the order of ``VARIABLES`` (``CCAAAAAA``).

    Raises: ValueError where the profile is not eight of A, B, C.
    """
    if len(profile) != len(VARIABLES) or not set(profile) <= set("ABC"):
        raise ValueError(f"not an AGGIR profile: {profile!r}")
    for heavy, light, thresholds in _GROUPS:
        total = sum(_weight(m, c, b) for m, c, b in zip(profile, heavy, light, strict=True))
        for threshold, reached in thresholds:
            if total >= threshold:
                return reached
    return _LAST_RANK


def gir(profile: str) -> Gir:
    """Return the GIR, 1 (heaviest dependency) to 6, of a profile. Raises: ValueError, as ``rank``."""
    return _GIR[rank(profile)]


def _weight(modality: str, heavy: int, light: int) -> int:
    return heavy if modality == "C" else light if modality == "B" else 0


def from_adverbs(answers: Iterable[bool]) -> Modality:
    """Return the modality that the four adverbs give: all yes A, all no C, else B (filling guide of 2008).

    Raises: ValueError unless there are exactly four.
    """
    given = tuple(answers)
    if len(given) != 4:
        raise ValueError(f"four adverbs are asked, {len(given)} given")
    return "A" if all(given) else "B" if any(given) else "C"


@lru_cache(maxsize=1024)
def combine(variable: str, parts: str) -> Modality:
    """Return the modality of a variable from those of its parts, in the grid's order (``BC``).

    The table of combinations is not in the text that could be read ("guide non reproduit"): this is the usual practice,
    to be confirmed (README, open questions). Raises: ValueError for an unknown variable, no part, or another letter.
    """
    if variable not in VARIABLES or not parts or not set(parts) <= set("ABC"):
        raise ValueError(f"not the parts of an AGGIR variable: {variable!r} {parts!r}")
    if set(parts) == {"A"} or len(parts) == 1:
        return cast(Modality, parts[0])
    if variable in ("toilette", "habillage"):
        return "C" if set(parts) == {"C"} else "B"
    if variable == "alimentation":
        return "C" if set(parts) <= {"B", "C"} and "C" in parts else "B"
    return "C" if "C" in parts else "B"


def gmp(girs: Iterable[Gir]) -> float | None:
    """Return the GIR moyen pondéré: the mean points of the residents counted; None for nobody.

    Only evaluations computed from a complete grid and validated by a doctor count (D312-158 4°, R314-170): the caller
    leaves the others out, a *GIR déclaré* first of all.
    """
    points = [POINTS[g] for g in girs]
    return sum(points) / len(points) if points else None

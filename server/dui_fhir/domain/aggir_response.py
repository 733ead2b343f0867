"""AGGIR in the QuestionnaireResponse of TDDUI: reading a GIR out of one, and building one. Pure functions.

Two published questionnaires: ``tddui-questionnaire-aggir-pa-ssiad`` asks fifteen fields below ``resultat-eval``,
``tddui-questionnaire-aggir-ph-ssiad`` ten. Each is answered with an ICF qualifier (``qf0``, ``qf2``, ``qf4``) and four adverbs
(booleans); decision D9 maps them to A, B, C. In the first, which field feeds which part of which variable follows the order
of the fields; in the second, one field stands for one variable. Both to be confirmed (README of the corridors).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dui_fhir.domain import aggir
from dui_fhir.domain.questionnaire import answers

RESULT: Final = "resultat-eval"
CISIS: Final = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"
ICF: Final = "http://hl7.org/fhir/sid/icf"
GIR_CODES: Final[Mapping[str, aggir.Gir]] = {
    "MED-339": 1, "MED-340": 2, "MED-341": 3, "MED-342": 4, "MED-343": 5, "MED-344": 6,
}  # fmt: skip
MODALITIES: Final[Mapping[str, str]] = {"qf0": "A", "qf2": "B", "qf4": "C", "A": "A", "B": "B", "C": "C"}
"""Answer code to modality: default of the parameters of the corridors."""
ADVERBS: Final = ("spont", "tot", "correct", "habit")
_VALUES: Final = frozenset({"valueCoding", "valueBoolean", "valueString"})
_CANONICAL: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-aggir-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a grid: its linkId, the stem of its adverbs' linkIds, the variable it feeds (None: never counts), its
    printed label, its ICF code, each adverb with its linkId."""

    link_id: str
    stem: str
    variable: str | None
    label: str
    icf: str
    adverbs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A published questionnaire: its canonical URL and its fields, in their order."""

    questionnaire: str
    fields: tuple[Field, ...]

    def labels(self, link_ids: tuple[str, ...]) -> list[str]:
        """Return the printed labels of some fields, in the grid's order."""
        return [f.label for f in self.fields if f.link_id in link_ids]


def _grid(name: str, *rows: tuple[str, str, str | None, str, str]) -> Grid:
    fields = (
        Field(
            link_id=link_id,
            stem=stem,
            variable=variable,
            label=label,
            icf=icf,
            adverbs=tuple((adverb, f"{stem}-{adverb}") for adverb in ADVERBS),
        )
        for link_id, stem, variable, icf, label in rows
    )
    return Grid(questionnaire=f"{_CANONICAL}{name}", fields=tuple(fields))


PA: Final = _grid(
    "pa-ssiad",
    ("fonction-pensee", "pensee", "coherence", "b160", "Fonctions de la pensée"),
    ("fonction-orientation", "orientation", "orientation", "b114", "Fonctions d'orientation"),
    ("se-laver", "laver", "toilette", "d5100", "Se laver des parties du corps"),
    ("prendre-soin", "prendre-soin", "toilette", "d520", "Prendre soin des parties de son corps"),
    ("mettre-vetement", "mettre-vetement", "habillage", "d5400", "Mettre des vêtements"),
    ("motricite-fine", "motricite-fine", "habillage", "d440", "Activités de motricité fine"),
    ("mettre-chaussure", "mettre-chaussure", "habillage", "d5402", "Mettre des chaussures"),
    ("manger", "manger", "alimentation", "d550", "Manger"),
    ("passage-aliment", "passage-aliment", "alimentation", "b5105", "Passage des aliments par l'estomac et les intestins"),
    ("assurer-regulation-miction", "miction", "elimination", "d5300", "Assurer la régulation de la miction"),
    ("assurer-regulation-defecation", "defecation", "elimination", "d5301", "Assurer la régulation de la défécation"),
    ("position-corps", "position-corps", "transferts", "d410", "Changer la position corporelle de base"),
    ("deplacer-maison", "deplacer-maison", "deplacement_interieur", "d4600", "Se déplacer dans la maison"),
    ("deplacer-dehors", "deplacer-dehors", None, "d4602", "Se déplacer en dehors de la maison et d'autres bâtiments"),
    (
        "appareil-communication", "appareil", None, "d3608",
        "Utiliser d'autres appareils et techniques de communication précisés",
    ),
)  # fmt: skip
"""Older people: fifteen fields, the parts of a variable apart."""
PH: Final = _grid(
    "ph-ssiad",
    ("fonction-pensee", "pensee", "coherence", "b160", "Fonctions de la pensée"),
    ("fonction-orientation", "orientation", "orientation", "b114", "Fonctions d'orientation"),
    ("se-laver", "laver", "toilette", "d510", "Se laver"),
    ("s'habiller", "habiller", "habillage", "d540", "S'habiller"),
    ("manger", "manger", "alimentation", "d550", "Manger"),
    ("aller-aux-toilettes", "toilette", "elimination", "d530", "Aller aux toilettes"),
    ("position-corps", "position-corps", "transferts", "d410", "Changer la position corporelle de base"),
    ("deplacer-maison", "deplacer-maison", "deplacement_interieur", "d4600", "Se déplacer dans la maison"),
    (
        "deplacer-hors-maison", "deplacer-hors-maison", None, "d4602",
        "Se déplacer en dehors de la maison et d'autres bâtiments",
    ),
    (
        "appareil-communication", "appareil", None, "d3608",
        "Utiliser d'autres appareils et techniques de communication précisés",
    ),
)  # fmt: skip
"""Disabled people: ten fields, one per variable."""
_GRIDS: Final[Mapping[str, Grid]] = {grid.questionnaire: grid for grid in (PA, PH)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault of a grid: what kind it is, the field, a French precision.

    ``result``: the GIR sent is not that of the answers; ``modality``: an answer that is not A, B or C, or a result that is no
    GIR; ``adverbs``: the four adverbs deny the modality.
    """

    kind: Literal["result", "modality", "adverbs"]
    link_id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Complete:
    """All counted fields are answered: the GIR is computed. ``declared`` is the one the sender gave, if any."""

    profile: str
    rank: int
    gir: aggir.Gir
    declared: aggir.Gir | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """Only the result: a *GIR déclaré*, kept out of the GMP (D9)."""

    gir: aggir.Gir


@dataclass(frozen=True, kw_only=True, slots=True)
class Partial:
    """Counted fields are missing: no GIR. ``missing`` holds their linkIds in the grid's order."""

    missing: tuple[str, ...]
    declared: aggir.Gir | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradictory:
    """Answers that cannot be read, that deny one another, or that deny the result sent."""

    faults: tuple[Fault, ...]


Evaluation = Complete | Declared | Partial | Contradictory


def grid_of(response: Mapping[str, Any]) -> Grid | None:
    """Return the grid that a response answers, whatever its version; None where it is no AGGIR."""
    return _GRIDS.get(str(response.get("questionnaire", "")).partition("|")[0])


def evaluate(response: Mapping[str, Any], modalities: Mapping[str, str] = MODALITIES) -> Evaluation:
    """Read the evaluation of an AGGIR QuestionnaireResponse: computed, only declared, partial or contradictory.

    A response to another questionnaire is read as one of older people.
    """
    grid = grid_of(response) or PA
    given = _Answers.of(response)
    faults = [*given.faults]
    letters: dict[str, str] = {}
    for asked in grid.fields:
        letter = given.letter(asked, modalities, faults)
        if letter is not None:
            letters[asked.link_id] = letter
    declared = given.declared(faults)
    if faults:
        return Contradictory(faults=tuple(faults))
    return _conclude(grid, letters, declared)


def _conclude(grid: Grid, letters: Mapping[str, str], declared: aggir.Gir | None) -> Evaluation:
    missing = tuple(f.link_id for f in grid.fields if f.variable and f.link_id not in letters)
    if missing:
        if declared is not None and not letters:
            return Declared(gir=declared)
        return Partial(missing=missing, declared=declared)
    profile = profile_of(grid, letters)
    computed = aggir.gir(profile)
    if declared is not None and declared != computed:
        text = f"GIR {declared} transmis, GIR {computed} calculé d'après la grille."
        return Contradictory(faults=(Fault(kind="result", link_id=RESULT, text=text),))
    return Complete(profile=profile, rank=aggir.rank(profile), gir=computed, declared=declared)


def profile_of(grid: Grid, letters: Mapping[str, str]) -> str:
    """Return the profile (``AABBCCAA``) of modalities by linkId. Raises: KeyError where a counted field is absent."""
    parts = {v: "".join(letters[f.link_id] for f in grid.fields if f.variable == v) for v in aggir.VARIABLES}
    return "".join(aggir.combine(v, p) for v, p in parts.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """The answers by linkId, wherever they are nested: below an item or below an answer, at any depth."""

    by_link: Mapping[str, list[dict[str, Any]]]
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> "_Answers":
        return cls(by_link=answers(response))

    def letter(self, asked: Field, modalities: Mapping[str, str], faults: list[Fault]) -> str | None:
        """Return A, B or C of a field; None where it is not answered. Appends what is wrong to ``faults``."""
        adverbs = self._adverbs(asked)
        given = {_code(a) for a in self.by_link.get(asked.link_id, ()) if not _VALUES.isdisjoint(a)}
        if not given:
            return aggir.from_adverbs(adverbs.values()) if len(adverbs) == len(ADVERBS) else None
        letters = {modalities.get(code, "") for code in given}
        if not letters <= {"A", "B", "C"}:
            text = f"« {asked.label} » : modalité inconnue, seules A, B et C existent."
            faults.append(Fault(kind="modality", link_id=asked.link_id, text=text))
            return None
        if len(letters) > 1:
            text = f"« {asked.label} » : deux modalités différentes."
            faults.append(Fault(kind="modality", link_id=asked.link_id, text=text))
            return None
        letter = letters.pop()
        if not _agree(letter, adverbs):
            text = f"« {asked.label} » : codé {letter}, ce que les adverbes contredisent."
            faults.append(Fault(kind="adverbs", link_id=asked.link_id, text=text))
        return letter

    def declared(self, faults: list[Fault]) -> aggir.Gir | None:
        """Return the GIR given as result, if any."""
        codes = {_code(a) for a in self.by_link.get(RESULT, ()) if not _VALUES.isdisjoint(a)}
        if not codes:
            return None
        girs = {GIR_CODES.get(code) for code in codes}
        if len(girs) > 1 or None in girs:
            faults.append(Fault(kind="modality", link_id=RESULT, text="Le résultat n'est pas un GIR de 1 à 6."))
            return None
        return girs.pop()

    def _adverbs(self, asked: Field) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for adverb, link in asked.adverbs:
            for answer in self.by_link.get(link, ()):
                if "valueBoolean" in answer:
                    found[adverb] = answer["valueBoolean"] and found.get(adverb, True)
        return found


def _agree(letter: str, adverbs: Mapping[str, bool]) -> bool:
    """True unless the adverbs answered, even if fewer than four, exclude the letter."""
    if letter == "B":
        return len(adverbs) < len(ADVERBS) or len(set(adverbs.values())) == 2
    return not adverbs or set(adverbs.values()) == {letter == "A"}


def _code(answer: Mapping[str, Any]) -> str:
    coding = answer.get("valueCoding")
    return str(coding.get("code", "")) if isinstance(coding, dict) else str(answer.get("valueString", ""))


def build(
    profile: str,
    *,
    subject: str,
    identifier: str,
    status: str = "completed",
    declared: aggir.Gir | None = None,
    adverbs: bool = True,
    grid: Grid = PA,
) -> dict[str, Any]:
    """Return the QuestionnaireResponse of a profile, nested as the questionnaire asks, all its fields answered.

    ``subject`` is a reference, ``identifier`` the value in TDDUI's grammar (``3<FINESS>/<usager>-EVAL-<n>``); the two
    fields that never count are answered A. Raises: ValueError where the profile is not eight of A, B, C.
    """
    aggir.rank(profile)
    letters = dict(zip(aggir.VARIABLES, profile, strict=True))
    items = [_field_item(f, letters.get(f.variable or "", "A"), adverbs=adverbs) for f in grid.fields]
    answer: dict[str, Any] = {
        "item": items
    }  # what stands below a question stands below its answer, even without a value
    if declared is not None:
        code = next(c for c, g in GIR_CODES.items() if g == declared)
        answer["valueCoding"] = {"system": CISIS, "code": code, "display": f"GIR-{declared}"}
    result = {"linkId": RESULT, "text": "Résultat évaluation", "answer": [answer]}
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {
            "profile": ["https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-questionnaire-response"]
        },
        "identifier": {"system": "https://identifiant-medicosocial-evaluation.esante.gouv.fr", "value": identifier},
        "questionnaire": grid.questionnaire,
        "status": status,
        "subject": {"reference": subject},
        "author": {"display": "Évaluateur"},
        "item": [result],
    }


def _field_item(asked: Field, letter: str, *, adverbs: bool) -> dict[str, Any]:
    code = {"A": "qf0", "B": "qf2", "C": "qf4"}[letter]
    answer: dict[str, Any] = {"valueCoding": {"system": ICF, "code": code}}
    if adverbs:
        yes = {"A": 4, "B": 2, "C": 0}[letter]
        answer["item"] = [
            {"linkId": f"{asked.stem}-{adverb}", "answer": [{"valueBoolean": index < yes}]}
            for index, adverb in enumerate(ADVERBS)
        ]
    return {"linkId": asked.link_id, "text": asked.label, "answer": [answer]}

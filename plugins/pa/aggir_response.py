"""AGGIR in the QuestionnaireResponse of TDDUI: reading a GIR out of one, and building one.

The published questionnaire (``tddui-questionnaire-aggir-pa-ssiad``) asks fifteen fields below ``resultat-eval``. Each is
answered with an ICF qualifier (``qf0``, ``qf2``, ``qf4``) and four adverbs (booleans); decision D9 maps them to A, B, C.
Which field feeds which part of which variable follows the order of the fields; to be confirmed (README, open questions).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dui_fhir.api import answers

from . import aggir

QUESTIONNAIRE: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-aggir-pa-ssiad"
RESULT: Final = "resultat-eval"
CISIS: Final = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"
ICF: Final = "http://hl7.org/fhir/sid/icf"
GIR_CODES: Final[Mapping[str, aggir.Gir]] = {
    "MED-339": 1, "MED-340": 2, "MED-341": 3, "MED-342": 4, "MED-343": 5, "MED-344": 6,
}  # fmt: skip
_VALUES: Final = frozenset({"valueCoding", "valueBoolean", "valueString"})
ADVERBS: Final = ("spont", "tot", "correct", "habit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of the grid: its linkId, the stem of its adverbs' linkIds, the variable it feeds, its printed
    label, each adverb with its linkId."""

    link_id: str
    stem: str
    variable: str | None
    label: str
    adverbs: tuple[tuple[str, str], ...] = ()


FIELDS: Final = tuple(
    Field(
        link_id=link_id,
        stem=stem,
        variable=variable,
        label=label,
        adverbs=tuple((adverb, f"{stem}-{adverb}") for adverb in ADVERBS),
    )
    for link_id, stem, variable, label in (
        ("fonction-pensee", "pensee", "coherence", "Fonctions de la pensée"),
        ("fonction-orientation", "orientation", "orientation", "Fonctions d'orientation"),
        ("se-laver", "laver", "toilette", "Se laver des parties du corps"),
        ("prendre-soin", "prendre-soin", "toilette", "Prendre soin des parties de son corps"),
        ("mettre-vetement", "mettre-vetement", "habillage", "Mettre des vêtements"),
        ("motricite-fine", "motricite-fine", "habillage", "Activités de motricité fine"),
        ("mettre-chaussure", "mettre-chaussure", "habillage", "Mettre des chaussures"),
        ("manger", "manger", "alimentation", "Manger"),
        ("passage-aliment", "passage-aliment", "alimentation", "Passage des aliments"),
        ("assurer-regulation-miction", "miction", "elimination", "Assurer la régulation de la miction"),
        ("assurer-regulation-defecation", "defecation", "elimination", "Assurer la régulation de la défécation"),
        ("position-corps", "position-corps", "transferts", "Changer la position corporelle de base"),
        ("deplacer-maison", "deplacer-maison", "deplacement_interieur", "Se déplacer dans la maison"),
        ("deplacer-dehors", "deplacer-dehors", None, "Se déplacer en dehors de la maison"),
        ("appareil-communication", "appareil", None, "Utiliser des appareils de communication"),
    )
)
MODALITIES: Final[Mapping[str, str]] = {"qf0": "A", "qf2": "B", "qf4": "C", "A": "A", "B": "B", "C": "C"}
"""Answer code to modality: default of the parameter ``pa.aggir_modalites``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault of a grid: the rule it breaks, the field, a French precision."""

    rule: str
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
    """Answers that cannot be read or that deny one another (PA-03, PA-04); a result denied by the grid is PA-01."""

    faults: tuple[Fault, ...]


Evaluation = Complete | Declared | Partial | Contradictory


def is_aggir(response: Mapping[str, Any]) -> bool:
    """True for a response to the published AGGIR questionnaire, whatever its version."""
    return str(response.get("questionnaire", "")).partition("|")[0] == QUESTIONNAIRE


def gir(response: Mapping[str, Any], modalities: Mapping[str, str] = MODALITIES) -> Evaluation:
    """Read the evaluation of an AGGIR QuestionnaireResponse: computed, only declared, partial or contradictory."""
    answers = _Answers.of(response)
    faults = [*answers.faults]
    letters: dict[str, str] = {}
    for asked in FIELDS:
        letter = answers.letter(asked, modalities, faults)
        if letter is not None:
            letters[asked.link_id] = letter
    declared = answers.declared(faults)
    if faults:
        return Contradictory(faults=tuple(faults))
    return _conclude(letters, declared)


def _conclude(letters: Mapping[str, str], declared: aggir.Gir | None) -> Evaluation:
    missing = tuple(f.link_id for f in FIELDS if f.variable and f.link_id not in letters)
    if missing:
        if declared is not None and not letters:
            return Declared(gir=declared)
        return Partial(missing=missing, declared=declared)
    profile = profile_of(letters)
    computed = aggir.gir(profile)
    if declared is not None and declared != computed:
        text = f"GIR {declared} transmis, GIR {computed} calculé d'après la grille."
        return Contradictory(faults=(Fault(rule="PA-01", link_id=RESULT, text=text),))
    return Complete(profile=profile, rank=aggir.rank(profile), gir=computed, declared=declared)


def profile_of(letters: Mapping[str, str]) -> str:
    """Return the profile (``AABBCCAA``) of modalities by linkId. Raises: KeyError where a counted field is absent."""
    parts = {v: "".join(letters[f.link_id] for f in FIELDS if f.variable == v) for v in aggir.VARIABLES}
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
            faults.append(Fault(rule="PA-03", link_id=asked.link_id, text=text))
            return None
        if len(letters) > 1:
            text = f"« {asked.label} » : deux modalités différentes."
            faults.append(Fault(rule="PA-03", link_id=asked.link_id, text=text))
            return None
        letter = letters.pop()
        if not _agree(letter, adverbs):
            text = f"« {asked.label} » : codé {letter}, ce que les adverbes contredisent."
            faults.append(Fault(rule="PA-04", link_id=asked.link_id, text=text))
        return letter

    def declared(self, faults: list[Fault]) -> aggir.Gir | None:
        """Return the GIR given as result, if any."""
        codes = {_code(a) for a in self.by_link.get(RESULT, ()) if not _VALUES.isdisjoint(a)}
        if not codes:
            return None
        girs = {GIR_CODES.get(code) for code in codes}
        if len(girs) > 1 or None in girs:
            faults.append(Fault(rule="PA-03", link_id=RESULT, text="Le résultat n'est pas un GIR de 1 à 6."))
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
) -> dict[str, Any]:
    """Return the QuestionnaireResponse of a profile, nested as the questionnaire asks, all fifteen fields answered.

    ``subject`` is a reference, ``identifier`` the value in TDDUI's grammar (``3<FINESS>/<usager>-EVAL-<n>``); the two
    fields that never count are answered A. Raises: ValueError where the profile is not eight of A, B, C.
    """
    aggir.rank(profile)
    letters = dict(zip(aggir.VARIABLES, profile, strict=True))
    items = [_field_item(f, letters.get(f.variable or "", "A"), adverbs=adverbs) for f in FIELDS]
    result: dict[str, Any] = {"linkId": RESULT, "text": "Résultat évaluation", "item": items}
    if declared is not None:
        code = next(c for c, g in GIR_CODES.items() if g == declared)
        coding = {"system": CISIS, "code": code, "display": f"GIR-{declared}"}
        result = {"linkId": RESULT, "text": "Résultat évaluation", "answer": [{"valueCoding": coding, "item": items}]}
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {
            "profile": ["https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-questionnaire-response"]
        },
        "identifier": {"system": "https://identifiant-medicosocial-evaluation.esante.gouv.fr", "value": identifier},
        "questionnaire": QUESTIONNAIRE,
        "status": status,
        "subject": {"reference": subject},
        "source": {"display": "Évaluateur"},
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

"""``Patient/$identity-worklist``: the identities that someone must look at, the most urgent first (RNIV).

Nothing is corrected or merged here: the list says why, and whom a person resembles. Traits are compared normalised (upper
case, no accents, hyphen and apostrophe as space) and never leave by a log, a link or a reason.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from dui_fhir.api import Answer, BadRequest, Operation, OperationRequest, Resource, add_months, day_of, instant, to_ms

from . import ins
from .reading import extensions, tags, target, value_of

REASONS: Final[Mapping[str, tuple[int, str]]] = {
    "doublon-ins": (100, "Même matricule INS qu'un autre dossier"),
    "doublon-traits": (90, "Mêmes traits stricts qu'un autre dossier : doublon probable"),
    "douteuse": (80, "Identité douteuse"),
    "fictive": (75, "Identité fictive"),
    "doublon-possible": (70, "Mêmes nom, prénom et date de naissance qu'un autre dossier"),
    "matricule-interdit": (60, "Matricule INS porté par une identité qui ne peut pas en avoir"),
    "traits-manquants": (55, "Traits stricts manquants"),
    "provisoire": (50, "Identité provisoire : ni pièce, ni INSi"),
    "validee": (45, "Identité validée : appel à INSi à faire"),
    "recuperee": (40, "Identité récupérée : pièce à contrôler"),
    "preuve-manquante": (38, "Identité dite qualifiée sans toutes ses preuves"),
    "recontrole": (35, "Contrôle à refaire"),
    "homonyme": (20, "Homonyme : mêmes nom et prénom qu'un autre dossier"),
}
"""Code → urgency (0 to 100), French sentence."""
REASON_SYSTEM: Final = "urn:dui-fhir:identitovigilance"
EXTENSION: Final = "urn:dui-fhir:extension:identitovigilance"
RECHECK: Final = "commun.ins_recontrole_mois"
_RELIABILITY: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"
_STATUS: Final = {"PROV": "provisoire", "VALI": "validee", "RECUP": "recuperee"}
_LEFT_OUT: Final = frozenset({"demo", "anonyme"})
_COUNT, _COUNT_MAX = 50, 500
_LIKE_MAX: Final = 10


@dataclass(kw_only=True, slots=True)
class Line:
    """One person: ``reasons`` are codes of :data:`REASONS`; ``like`` the ``Patient/id`` that he resembles."""

    reference: str
    reasons: set[str] = field(default_factory=set)
    like: set[str] = field(default_factory=set)

    @property
    def urgency(self) -> int:
        """That of the most urgent reason."""
        return max((REASONS[r][0] for r in self.reasons), default=0)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Order in the list."""
        return -self.urgency, -len(self.reasons), self.reference


def operations() -> list[Operation]:
    """Return the operation."""
    return [Operation(definition=_DEFINITION, run=run)]


_DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-patient-identity-worklist",
    "url": "urn:dui-fhir:operation:patient-identity-worklist",
    "name": "PatientIdentityWorklist",
    "status": "active",
    "kind": "operation",
    "code": "identity-worklist",
    "affectsState": False,
    "resource": ["Patient"],
    "system": False,
    "type": True,
    "instance": False,
    "parameter": [
        {"name": "reason", "use": "in", "min": 0, "max": "*", "type": "code"},
        {"name": "structure", "use": "in", "min": 0, "max": "1", "type": "string"},
        {"name": "_count", "use": "in", "min": 0, "max": "1", "type": "positiveInt"},
        {"name": "page", "use": "in", "min": 0, "max": "1", "type": "positiveInt"},
        {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"},
    ],
}


def run(request: OperationRequest) -> Answer:
    """Return one page of the list as a ``searchset``. Raises: BadRequest (``identity-worklist-reason``)."""
    given = request.parameters
    wanted = frozenset(given.get("reason", ()))
    if wanted - REASONS.keys():
        text = f"Motif inconnu ; motifs : {', '.join(REASONS)}."
        raise BadRequest.of("identity-worklist-reason", text, "unknown reason")
    reader, context = request.context.reader, request.context
    people: Iterator[Resource] = reader.every("Patient", [])
    if "structure" in given:
        inside = _inside(request, str(given["structure"]))
        people = (p for p in people if f"Patient/{p['id']}" in inside)
    high_trust = frozenset(context.parameters.get("commun.ins_pieces_haut_niveau", ins.HIGH_TRUST))
    before = add_months(context.now.date(), -int(context.parameters[RECHECK]))
    lines = lines_of(people, high_trust=high_trust, before=before)
    if wanted:
        lines = [line for line in lines if line.reasons & wanted]
    return Answer(result=_page(request, lines))


def _inside(request: OperationRequest, finess: str) -> frozenset[str]:
    """Return the persons with a stay in a structure, whatever its dates."""
    holder = f"Organization/finess-{finess}"
    found = (
        stay
        for type, name in (("EpisodeOfCare", "organization"), ("Encounter", "service-provider"))
        for stay in request.context.reader.every(type, [(name, holder)])
    )
    return frozenset(target(stay.get("subject") or stay.get("patient")) for stay in found)


def lines_of(people: Iterator[Resource], *, high_trust: frozenset[str], before: date) -> list[Line]:
    """Return the lines of some persons, in order; those whose identity asks for nothing left out.

    ``before``: a check older than that day is to be done again. Memory: keys and reasons, not the resources.
    """
    lines: dict[str, Line] = {}
    groups: dict[tuple[str, int], list[str]] = defaultdict(list)
    linked: dict[str, frozenset[str]] = {}
    for patient in people:
        if tags(patient) & _LEFT_OUT or _is_replaced(patient):
            continue
        line = Line(reference=f"Patient/{patient['id']}")
        identity = ins.identity(patient)
        line.reasons |= set(_own(patient, identity, high_trust, before))
        lines[line.reference] = line
        linked[line.reference] = frozenset(target(e.get("other")) for e in patient.get("link", ()))
        for kind, key in _keys(patient, identity):
            groups[kind, hash(key)].append(line.reference)
    for (kind, _), references in groups.items():
        if len(references) > 1:
            _resemble(kind, references, lines, linked)
    return sorted((line for line in lines.values() if line.reasons), key=lambda line: line.rank)


def _is_replaced(patient: Resource) -> bool:
    return any(e.get("type") == "replaced-by" for e in patient.get("link", ()))


def _own(patient: Resource, found: ins.Identity, high_trust: frozenset[str], before: date) -> Iterator[str]:
    """Yield the reasons that a Patient gives by itself."""
    attributes = _attributes(patient)
    if any(a.startswith("FICT") for a in attributes):
        yield "fictive"
    if any(a.startswith("DOUT") for a in attributes):
        yield "douteuse"
    if found.status in _STATUS:
        yield _STATUS[found.status]
    elif found.unproven(high_trust):
        yield "preuve-manquante"
    elif _oldest(found) < before:
        yield "recontrole"
    if found.explicit and found.status in ("PROV", "VALI") and found.matricule:
        yield "matricule-interdit"
    if found.traits.missing():
        yield "traits-manquants"


def _attributes(patient: Resource) -> set[str]:
    found: set[str] = set()
    for extension in extensions(patient, _RELIABILITY):
        for part in extension.get("extension", ()):
            given = value_of(part)
            codings = given.get("coding", [given]) if isinstance(given, dict) else []
            found |= {str(c.get("code", "")) for c in codings}
    return found


def _oldest(found: ins.Identity) -> date:
    """Return the day of the older of the two checks that make an identity qualified."""
    days = [d for d in (day_of(found.document_date), day_of(found.insi_date)) if d is not None]
    return min(days, default=date.min)


def _keys(patient: Resource, found: ins.Identity) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what two files of one person have in common, the strongest first."""
    traits = found.traits
    if found.matricule:
        yield "doublon-ins", (found.matricule,)
    family = normalised(traits.family or _any_name(patient, "family"))
    first = normalised(found.first_name or traits.given or _any_name(patient, "given")).partition(" ")[0]
    if not family or not first:
        return
    if not traits.missing():
        strict = (family, normalised(traits.given), traits.birth_date, traits.sex, traits.cog)
        yield "doublon-traits", strict
    if traits.birth_date:
        yield "doublon-possible", (family, first, traits.birth_date)
    yield "homonyme", (family, first)


def _any_name(patient: Resource, part: str) -> str:
    for name in patient.get("name", ()):
        if name.get(part):
            return " ".join(name[part]) if isinstance(name[part], list) else str(name[part])
    return ""


def normalised(text: str) -> str:
    """Return a name as it is compared: ``Élise-Anne`` and ``ELISE ANNE`` are one."""
    plain = unicodedata.normalize(
        "NFD", text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("Æ", "AE")
    )
    kept = "".join(" " if c in "-'’" else c for c in plain if not unicodedata.combining(c))
    return " ".join(kept.upper().split())


def _resemble(
    kind: str, references: Sequence[str], lines: Mapping[str, Line], linked: Mapping[str, frozenset[str]]
) -> None:
    for reference in references:
        line = lines[reference]
        # a link already says what they are to each other, in one file or in the other
        others = [o for o in references if o != reference and o not in linked[reference] and reference not in linked[o]]
        if others and not line.reasons & _STRONGER[kind]:
            line.reasons.add(kind)
            line.like |= set(others[:_LIKE_MAX])


_STRONGER: Final = {
    "doublon-ins": frozenset[str](),
    "doublon-traits": frozenset({"doublon-ins"}),
    "doublon-possible": frozenset({"doublon-ins", "doublon-traits"}),
    "homonyme": frozenset({"doublon-ins", "doublon-traits", "doublon-possible"}),
}
"""What makes a weaker resemblance not worth telling."""


# ----------------------------------------------------------------------------------------------------------- answer


def _page(request: OperationRequest, lines: list[Line]) -> Resource:
    given, reader = request.parameters, request.context.reader
    count = min(int(given.get("_count", _COUNT)), _COUNT_MAX)
    number = int(given.get("page", 1))
    shown = lines[(number - 1) * count : number * count]
    found = [(line, reader.read(line.reference)) for line in shown]
    links = [{"relation": "self", "url": _link(given, number)}]
    if number * count < len(lines):
        links.append({"relation": "next", "url": _link(given, number + 1)})
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "meta": {"lastUpdated": instant(to_ms(request.context.now))},
        "total": len(lines),
        "link": links,
        "entry": [{"resource": patient, "search": _why(line)} for line, patient in found if patient is not None],
    }
    return {name: value for name, value in bundle.items() if value != []}


def _why(line: Line) -> dict[str, Any]:
    reasons = sorted(line.reasons, key=lambda r: -REASONS[r][0])
    parts: list[dict[str, Any]] = [
        {"url": "motif", "valueCoding": {"system": REASON_SYSTEM, "code": r, "display": REASONS[r][1]}} for r in reasons
    ]
    parts += [{"url": "semblable", "valueReference": {"reference": other}} for other in sorted(line.like)]
    return {"extension": [{"url": EXTENSION, "extension": parts}], "mode": "match", "score": line.urgency / 100}


def _link(given: Mapping[str, Any], page: int) -> str:
    """Return the address of a page, relative to the FHIR base: it names no one."""
    params = [("reason", str(r)) for r in given.get("reason", ())]
    params += [(name, str(given[name])) for name in ("structure", "_count") if name in given]
    query = "&".join(f"{name}={value}" for name, value in [*params, ("page", str(page))])
    return f"Patient/$identity-worklist?{query}"


# -------------------------------------------------------------------------------------------------------- indicator

_PEOPLE: Final = {"resource": "Patient"}
QUALIFIED: Final = {
    "id": "IDV-QUAL",
    "title": "Taux d'identités qualifiées",
    "version": "1",
    "numerator": "Personnes accompagnées dont l'identité INS est qualifiée, preuves comprises",
    "denominator": "Personnes accompagnées",
    "unit": "%",
    "note": "L'identité est jugée telle qu'elle est au moment du calcul.",
    "source": "RNIV",
    "status": "jugement",
    "calculation": {"numerator": {"count": "resources", "of": _PEOPLE}, "denominator": {"population": "accompanied"}},
}


def qualified(patient: Resource, parameters: Mapping[str, Any]) -> float | None:
    """Return 1 for a qualified identity, None for another."""
    high_trust = frozenset(parameters.get("commun.ins_pieces_haut_niveau", ins.HIGH_TRUST))
    return 1 if ins.identity(patient).qualified(high_trust) else None

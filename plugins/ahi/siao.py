"""AHI-02 (R345-4, décret 2015-1447): a CHRS admits on a proposal of the SIAO, or tells it of a direct emergency."""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, is_stay, value

from .households import STAYING

CATEGORIES: Final = "ahi.siao_categories"
TOLD: Final = "urn:dui-fhir:extension:notification-siao"
_REQUEST: Final = ("urn:dui-fhir:demande", "orientation-siao")
_EMERGENCY: Final = ("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "EM")
_STANDING: Final = frozenset({"active", "completed"})
_TELL: Final = "Admission en urgence directe : informez le SIAO, et notez-en le jour (notification-siao)."
_OTHER: Final = "Ce que cite ce séjour n'est pas une proposition du SIAO pour cette personne, ou elle n'a plus cours."
_UNKNOWN: Final = "La proposition du SIAO que cite ce séjour est introuvable."


def check(stay: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Yield AHI-02 for an admission that the SIAO neither proposed nor was told of."""
    structure = context.structure
    if (
        stay.get("status") not in STAYING
        or structure is None
        or structure.category not in context.parameters[CATEGORIES]
        or not is_stay(stay)
    ):
        return
    text = _fault(stay, change, context)
    if text is not None:
        path = ("Encounter.basedOn",)
        yield Issue(severity="error", code="business-rule", id="AHI-02", text=text, expression=path)


def _fault(stay: Resource, change: Change, context: Context) -> str | None:
    """Return what is wrong in French, empty for the title of the rule; None where all is well."""
    if _has(stay.get("priority"), *_EMERGENCY):
        return None if value(stay, TOLD) is not None else _TELL
    cited = [*_cited(stay, change, context)]
    if not cited:
        return ""
    found = [r for r in (_read(c, change, context) for c in cited) if r is not None]
    if not found:
        return _UNKNOWN
    person = _target(stay.get("subject"))
    return None if any(_is_proposal(r, person, change, context) for r in found) else _OTHER


def _cited(stay: Resource, change: Change, context: Context) -> Iterator[str]:
    """Yield the requests that a stay cites, or that its episode came from."""
    for reference in stay.get("basedOn", ()):
        yield _target(reference)
    for episode in stay.get("episodeOfCare", ()):
        found = _read(_target(episode), change, context) or {}
        yield from (_target(r) for r in found.get("referralRequest", ()))


def _is_proposal(request: Resource, person: str, change: Change, context: Context) -> bool:
    return (
        request["resourceType"] == "ServiceRequest"
        and _has(request.get("category"), *_REQUEST)
        and request.get("status") in _STANDING
        and _is_about(_target(request.get("subject")), person, change, context)
    )


def _is_about(subject: str, person: str, change: Change, context: Context) -> bool:
    """True for the person, or for a household that he is a member of."""
    if subject == person or not subject.startswith("Group/"):
        return subject == person
    household = _read(subject, change, context) or {}
    return any(_target(m.get("entity")) == person for m in household.get("member", ()))


def _has(concepts: Any, system: str, code: str) -> bool:
    flat = concepts if isinstance(concepts, list) else [concepts]
    codings = (c for concept in flat if isinstance(concept, dict) for c in concept.get("coding", ()))
    return any(c.get("system") == system and c.get("code") == code for c in codings)


def _read(reference: str, change: Change, context: Context) -> Resource | None:
    return (change.siblings.get(reference) or context.reader.read(reference)) if reference else None


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""

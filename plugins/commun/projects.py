"""Rules on the personalised project: COM-19 (COM-18 and COM-20 are written in JSON)."""

from collections.abc import Iterator

from dui_fhir.api import Change, Context, Issue, Resource

from .identities import fault
from .reading import EXTENSION, codes, extension_value, profiles, target

TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"
PROJECT_IDENTIFIER = "https://identifiant-medicosocial-projetpersonnalise.esante.gouv.fr"
DISCRIMINATOR = f"{TDDUI}/StructureDefinition/tddui-discriminator"
PLAN_OF_GOAL = f"{TDDUI}/StructureDefinition/tddui-careplan-reference"
PARTICIPATION = f"{EXTENSION}participation"


def is_project(plan: Resource) -> bool:
    """True for a personalised project of TDDUI, by its profile or its identifier."""
    if "tddui-careplan-projet-personnalise" in profiles(plan):
        return True
    return any(i.get("system") == PROJECT_IDENTIFIER for i in plan.get("identifier", ()))


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a CarePlan being written."""
    plan: Resource = change.after or {}
    if is_project(plan) and not _participation(plan) and not any(map(_voices, _goals(change, context))):
        yield fault("COM-19", "CarePlan.supportingInfo")


def _participation(plan: Resource) -> bool:
    """True where the plan itself shows the person's part: agreement, contribution, or a note of the attempt made."""
    if extension_value(plan, PARTICIPATION):
        return True
    if any(target(c).startswith(("Patient/", "RelatedPerson/")) for c in plan.get("contributor", ())):
        return True
    return any("accordUsager" in codes(extension_value(i, DISCRIMINATOR)) for i in plan.get("supportingInfo", ()))


def _voices(goal: Resource) -> bool:
    """True for an expectation (attente) or an objective with the person's opinion."""
    if "tddui-goal-attente" in profiles(goal):
        return True
    kinds = {c for n in goal.get("note", ()) for c in codes(extension_value(n, DISCRIMINATOR))}
    return bool(kinds & {"origineAttente", "avisUsagerObjectif"})


def _goals(change: Change, context: Context) -> Iterator[Resource]:
    mine = f"CarePlan/{change.id}"
    goals = [s for r, s in change.siblings.items() if r.startswith("Goal/")]
    subject = target((change.after or {}).get("subject"))
    if change.before is not None and subject:
        goals += context.reader.search("Goal", [("subject", subject)])
    for goal in goals:
        if target(extension_value(goal, PLAN_OF_GOAL)) == mine:
            yield goal

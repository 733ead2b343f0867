"""AHI-08: a household has a person of reference and members; a child who is received belongs to one."""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, age_at, day_of, is_stay

STAYING: Final = frozenset({"arrived", "triaged", "in-progress", "onleave"})
_CODE: Final = ("urn:dui-fhir:groupe", "menage")


def check_group(group: Resource) -> Iterator[Issue]:
    """Check a household being written."""
    if not _is_household(group):
        return
    if not group.get("managingEntity"):
        yield _fault("AHI-08", "Group.managingEntity", "Ce ménage n'a pas de personne de référence.")
    if not group.get("member"):
        yield _fault("AHI-08", "Group.member", "Ce ménage n'a pas de membre.")


def check_stay(stay: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Check that a minor whose stay is open is of a household, written with it or stored."""
    person = _target(stay.get("subject"))
    if not is_stay(stay) or not person or stay.get("status") not in STAYING or not _is_minor(person, change, context):
        return
    households = [*change.siblings.values(), *context.reader.search("Group", [("member", person)])]
    if not any(_is_household(g) and _has(g, person) for g in households):
        yield _fault("AHI-08", "Encounter.subject", "Cet enfant n'est d'aucun ménage.")


def _is_minor(person: str, change: Change, context: Context) -> bool:
    patient = change.siblings.get(person) or context.reader.read(person) or {}
    born = day_of(patient.get("birthDate"))
    return born is not None and age_at(born, context.now.date()) < int(context.parameters["commun.majorite_ans"])


def _is_household(group: Resource) -> bool:
    codings = (group.get("code") or {}).get("coding", ())
    return group["resourceType"] == "Group" and any((c.get("system"), c.get("code")) == _CODE for c in codings)


def _has(group: Resource, person: str) -> bool:
    """True where the person is a member and not said to have left."""
    return any(_target(m.get("entity")) == person and not m.get("inactive") for m in group.get("member", ()))


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _fault(rule: str, path: str, text: str) -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=(path,))

"""What the corridor AHI cannot say in JSON: proposals of the SIAO, households, contracts, sendings to the DMP, the delays."""

from collections.abc import Iterator
from typing import Any

from dui_fhir.api import (
    UNIDENTIFIED_PROFILE,
    Change,
    ClockRule,
    Context,
    Issue,
    Resource,
    hookimpl,
    is_unidentified,
    value,
)

from . import deadlines, households, siao

MENTION = "mention-l111-3-1"
CONTRACTS = frozenset({"CS", "DIPC"})

HEALTH_NUMBER = ("urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr")


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def choose_profiles(resource: Resource, context: Context) -> list[str] | None:
    """D12: a person without identity is held to the minimal profile."""
    return [UNIDENTIFIED_PROFILE] if is_unidentified(resource) else None


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "Encounter":
        return [*siao.check(resource, change, context), *households.check_stay(resource, change, context)]
    if change.type == "Group":
        return list(households.check_group(resource))
    return list(_mention(resource, context)) if change.type == "Contract" else []


def _mention(contract: Resource, context: Context) -> Iterator[Issue]:
    """AHI-06 (D311 V 5°): the contract says the conditions of L111-3-1, as a clause or as our extension."""
    category = context.structure.category if context.structure else ""
    if category not in context.parameters["commun.mention_l111_3_1_categories"]:
        return
    if not _codes(contract.get("type")) & CONTRACTS:
        return
    clauses = {code for term in contract.get("term", ()) for code in _codes(term.get("type"))}
    if MENTION not in clauses and not value(contract, f"urn:dui-fhir:extension:{MENTION}"):
        yield Issue(severity="error", code="business-rule", id="AHI-06", text="", expression=("Contract.term",))


def _codes(concept: Any) -> set[str]:
    return {str(c.get("code")) for c in (concept or {}).get("coding", ())}


@hookimpl
def check_sending(document: Resource, channel: str, context: Context) -> list[Issue]:
    """AHI-09: only what a health professional wrote may go, or what the direction opened (COM-44, D14)."""
    automatic = context.document is not None and context.document.dmp == "auto"
    if channel != "dmp" or not automatic or any(_health(a, context) for a in document.get("author", ())):
        return []
    return [
        Issue(severity="error", code="business-rule", id="AHI-09", text="", expression=("DocumentReference.author",))
    ]


def _health(author: Any, context: Context) -> bool:
    """True for a professional with an RPPS number (idNat_PS of type 8)."""
    person = context.reader.read(str(author.get("reference", ""))) or {}
    return any(
        i.get("system") == HEALTH_NUMBER[1]
        or (i.get("system") == HEALTH_NUMBER[0] and str(i.get("value", "")).startswith("8"))
        for i in person.get("identifier", ())
    )

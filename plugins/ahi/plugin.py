"""What the corridor AHI cannot say in JSON: sendings to the DMP, the delays."""

from typing import Any

from dui_fhir.api import UNIDENTIFIED_PROFILE, ClockRule, Context, Issue, Resource, hookimpl, is_unidentified

from . import deadlines

HEALTH_NUMBER = ("urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr")


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def choose_profiles(resource: Resource, context: Context) -> list[str] | None:
    """D12: a person without identity is held to the minimal profile."""
    return [UNIDENTIFIED_PROFILE] if is_unidentified(resource) else None


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

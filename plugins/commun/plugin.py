"""What the trunk cannot say in JSON: which function checks which type."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from dui_fhir.api import Change, ClockRule, Context, Issue, Operation, Remark, Resource, hookimpl

from . import (
    adverse_events,
    completeness,
    contracts,
    deadlines,
    document_operations,
    gir,
    identifiers,
    identities,
    identity_worklist,
    kept,
    life,
    ppa,
    projects,
    representatives,
    sending,
    signing,
    stays,
    worklist,
)

Check = Callable[[Change, Context], Iterator[Issue]]

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "AdverseEvent": (adverse_events.check,),
    "Patient": (identities.check,),
    "Encounter": (stays.check,),
    "Consent": (representatives.check_consent,),
    "Contract": (contracts.check,),
    "CarePlan": (projects.check,),
    "DocumentReference": (kept.check_content, signing.check_signature, completeness.check),
    "Binary": (kept.check_content,),
    "Composition": (signing.check_signature,),
    "Provenance": (signing.check_signature,),
    "Practitioner": (signing.check_practitioner,),
    "RelatedPerson": (representatives.check,),
}


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    checks = (*CHECKS.get(change.type, ()), *life.CHECKS.get(change.type, ()), identifiers.check, kept.check_archived)
    return [issue for check in checks for issue in check(change, context)]


@hookimpl
def check_delete(change: Change, context: Context) -> list[Issue]:
    return [issue for check in (kept.check_archived, *life.DELETIONS) for issue in check(change, context)]


@hookimpl
def check_sending(document: Resource, channel: str, context: Context) -> list[Issue]:
    return list(sending.check(document, channel, context))


@hookimpl
def add_resources(changes: Sequence[Change], remarks: Sequence[Remark], context: Context) -> list[Resource]:
    return list(worklist.tasks(changes, remarks, context))


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def declare_indicators() -> list[dict[str, object]]:
    return [{**identity_worklist.QUALIFIED, "value": identity_worklist.qualified}]


@hookimpl
def declare_operations() -> list[Operation]:
    modules = (ppa, document_operations, life, identity_worklist, gir)
    return [operation for module in modules for operation in module.operations()]

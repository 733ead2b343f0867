"""``DocumentReference/[id]/$dmp-submit``: ask that a document goes to the DMP.

What forbids it (rules of kind A, decision D14) is told at once and nothing is written; else the outbox gets one job, which
the worker delivers. The same content of the same document never leaves twice; a sending that ended without delivery may be
asked for again, on the same Task and with the same identifiers.
"""

from typing import Final, Protocol

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context, Reader
from dui_fhir.domain.errors import NotFound, Unprocessable
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.domain.outbox import dmp_job, sent_again
from dui_fhir.service.operations.chain import ancestors

CHANNEL: Final = "dmp"
_NOT_SENT: Final = frozenset({"failed", "rejected", "cancelled", "entered-in-error"})

DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-dmp-submit",
    "url": "urn:dui-fhir:operation:dmp-submit",
    "name": "DmpSubmit",
    "title": "Envoi d'un document au DMP",
    "status": "active",
    "kind": "operation",
    "affectsState": True,
    "code": "dmp-submit",
    "description": (
        "Vérifie que le document peut aller au DMP puis confie l'envoi à la boîte d'envoi. Rend la tâche (Task) qui le suit ; "
        "redemander l'envoi d'un même contenu rend la même tâche."
    ),
    "resource": ["DocumentReference"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [{"name": "return", "use": "out", "min": 1, "max": "1", "type": "Task"}],
}


class Gate(Protocol):
    """The part of the plugin host used here."""

    def check_sending(self, document: Resource, channel: str, context: Context) -> tuple[Issue, ...]:
        """Return what forbids, or remarks on, sending a DocumentReference."""


def operation(host: Gate) -> Operation:
    """Return the operation, which asks ``host`` whether a document may leave."""

    def run(request: OperationRequest) -> Answer:
        return submit(request, host)

    return Operation(definition=DEFINITION, run=run)


def submit(request: OperationRequest, host: Gate) -> Answer:
    """Return the Task of the sending, existing or to be written with its job.

    Raises: Unprocessable (the ids of the rules that forbid the sending, all together; ``outbox-no-content``).
    """
    document, context = request.target, request.context
    if document is None:
        raise NotFound.of("dmp-no-document", "Le document n'existe pas.")
    issues = (*_structure(context), *host.check_sending(document, CHANNEL, context))
    if any(issue.blocking for issue in issues):
        raise Unprocessable(issues)
    replaced = _sent_before(document, context)
    job, task = dmp_job(document, replaces=replaced, actor=context.actor, now=context.now)
    existing = context.reader.read(f"Task/{task['id']}")
    if existing is not None and existing.get("status") not in _NOT_SENT:
        return Answer(result=existing, issues=issues)
    if existing is not None:
        job, task = sent_again(job, task, existing)
    return Answer(writes=[task], jobs=[job], issues=issues)


def _structure(context: Context) -> tuple[Issue, ...]:
    """The DMP wants to know which structure sends: none, or a doubt between two, is told before the rules guess."""
    if context.structure is not None:
        return ()
    return (
        Issue(
            severity="error",
            code="business-rule",
            id="dmp-structure",
            text="La structure qui envoie est inconnue ou douteuse : rattachez le document à un séjour, nommez la structure de"
            " l'auteur, ou déclarez-la (dui-fhir tenant add … --structure).",
            diagnostics="no single structure found by stay, actor or identifier",
            expression=("DocumentReference",),
        ),
    )


def _sent_before(document: Resource, context: Context) -> Resource | None:
    """Return the newest replaced document that was given to the outbox: the one that the DMP holds, or is about to."""
    return next((a for a in ancestors(document, context.reader) if _was_sent(a, context.reader, context)), None)


def _was_sent(document: Resource, reader: Reader, context: Context) -> bool:
    try:
        _, task = dmp_job(document, replaces=None, actor=context.actor, now=context.now)
    except Unprocessable:
        # without identifiable content no sending was ever possible
        return False
    found = reader.read(f"Task/{task['id']}")
    return found is not None and found.get("status") not in _NOT_SENT

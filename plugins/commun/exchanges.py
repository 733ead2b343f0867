"""``Patient/[id]/$exchanges``: the journal of what was exchanged about a person, in and out, the most recent first (F-23).

Messages and transmissions (Communication), documents received (DocumentReference tagged ``recu-…``) and sendings (Tasks of the
outbox). Who looked at the file is another journal: AuditEvent.
"""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Answer, BadRequest, Context, NotFound, Operation, OperationRequest, Resource, interval

from .definitions import operation_definition, searchset
from .reading import TAG, tags, target

_AROUND: Final = ("Patient/", "RelatedPerson/")
_RECEIVED: Final = ("recu-dmp", "recu-mssante")
DIRECTIONS: Final = ("in", "out", "internal")

DEFINITION: Final = operation_definition(
    "exchanges", "PatientExchanges", "Journal des échanges d’une personne",
    "Messages, transmissions, documents reçus et envois, du plus récent au plus ancien.",
    "Patient", level="instance", writes=False, returns="Bundle",
    inputs=[
        ("start", "date", 0, "1", "Premier jour."),
        ("end", "date", 0, "1", "Dernier jour."),
        ("direction", "code", 0, "1", "in (reçu de la personne, d’un proche ou d’un partenaire), out (envoyé), internal (équipe)."),
    ],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=exchanges)]


def exchanges(request: OperationRequest) -> Answer:
    """Return the journal. Raises: NotFound, BadRequest (``exchanges-direction``, ``exchanges-date``), Unprocessable (too many)."""
    if request.target is None:
        raise NotFound.of("exchanges-no-patient", "La personne n’existe pas.")
    inputs = request.parameters
    wanted = inputs.get("direction")
    if wanted and wanted not in DIRECTIONS:
        raise BadRequest.of(
            "exchanges-direction", "Le sens est in, out ou internal.", "unknown direction", ["direction"]
        )
    low, high = _bounds(inputs)
    found = [
        (at, resource)
        for resource in _all(f"Patient/{request.target['id']}", request.context)
        if low <= (at := moment_ms(resource)) <= high and wanted in (None, "", direction(resource))
    ]
    found.sort(key=lambda f: (f[0], f[1]["id"]), reverse=True)
    entries = [{"resource": resource, "search": {"mode": "match"}} for _, resource in found]
    return Answer(result=searchset(entries, len(entries)))


def _bounds(inputs: dict[str, Any]) -> tuple[float, float]:
    try:
        low = interval(str(inputs["start"]))[0] if inputs.get("start") else float("-inf")
        high = interval(str(inputs["end"]))[1] if inputs.get("end") else float("inf")
    except ValueError as error:
        raise BadRequest.of("exchanges-date", "Les bornes sont des dates.", "bad date", ["start", "end"]) from error
    return low, high


def _all(person: str, context: Context) -> Iterator[Resource]:
    yield from context.reader.search("Communication", [("subject", person)])
    received = ",".join(f"{TAG}|{tag}" for tag in _RECEIVED)
    yield from context.reader.search("DocumentReference", [("subject", person), ("_tag", received)])
    yield from context.reader.search("Task", [("patient", person), ("_tag", f"{TAG}|outbox")])


def direction(resource: Resource) -> str:
    """Return ``in``, ``out`` or ``internal``: a document received comes in, a sending goes out, a message by its ends."""
    if resource["resourceType"] == "DocumentReference":
        return "in" if tags(resource) & set(_RECEIVED) else "internal"
    if resource["resourceType"] == "Task":
        return "out"
    if target(resource.get("sender")).startswith(_AROUND) or "received" in resource and "sent" not in resource:
        return "in"
    outside = any(target(r).startswith((*_AROUND, "Organization/")) for r in resource.get("recipient", ()))
    return "out" if outside else "internal"


def moment_ms(resource: Resource) -> int:
    """Return when an exchange took place, else when it was written."""
    names = ("sent", "received", "date", "authoredOn")
    text = next((resource[n] for n in names if resource.get(n)), None) or resource.get("meta", {}).get(
        "lastUpdated", ""
    )
    try:
        return interval(str(text))[0]
    except ValueError:
        return 0

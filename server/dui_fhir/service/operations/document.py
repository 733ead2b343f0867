"""``Composition/[id]/$document``: the composition and all it refers to, as one document Bundle.

Source: FHIR R4, composition-operation-document.html and documents.html. A document is made of what the composition names
directly and of what the sections name; it keeps the versions of the moment.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import BadRequest, MethodNotAllowed, Unprocessable
from dui_fhir.domain.reference import Reference, walk
from dui_fhir.domain.version import Version
from dui_fhir.service import answers, parameters, read
from dui_fhir.service.create import new_draft
from dui_fhir.service.drafts import Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.operations.record import seen
from dui_fhir.service.write import commit

ROUNDS = 3
"""Links followed: author role → practitioner and organisation → parent organisation."""
_FOLLOWED_FURTHER = frozenset({"PractitionerRole", "List", "Encounter", "EpisodeOfCare", "Device", "Location"})
"""Types whose own references a reader needs: who the author is, what a list holds."""


def operation() -> Served:
    """Return the operation; without ``graph``, and for one composition of this server."""
    official = operation_definitions()["Composition-document"]
    kept = [p for p in official["parameter"] if p["name"] == "persist"]
    definition = {**official, "type": False, "affectsState": False, "parameter": kept}
    return Served(definition=definition, serve=lambda call: _serve(call, definition))


def _serve(call: Call, definition: Resource) -> ServiceResponse:
    """Return the Bundle, stored first where ``persist`` is true.

    Raises: MethodNotAllowed (``core-operation-get``: persist by GET), Unprocessable (``core-document-incomplete``), NotFound.
    """
    persist = parameters.of_call(call, definition).get("persist", False)
    if not isinstance(persist, bool):
        raise BadRequest.of("core-parameter-type", "Le paramètre persist est de type boolean.", "expected a boolean")
    if persist and call.request.method == "GET":
        raise MethodNotAllowed.of(
            "core-operation-get", "Cette opération modifie des données : appelez-la par POST.", "persist by GET"
        )
    composition = read.present(call.store.read(call.type, call.id), call.type)
    document = _bundle(call, composition)
    if not persist:
        return ServiceResponse(status=200, body=document)
    (stored,) = commit(call, lambda: Drafts(drafts=[new_draft(document)]))
    return answers.written(call, stored)


def _bundle(call: Call, composition: Version) -> Resource:
    members = [composition.resource(), *_named(call, composition)]
    base = call.request.base_url
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid4()}"},
        "type": "document",
        "timestamp": instant(call.engine.clock.now_ms()),
        "entry": [{"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r} for r in members],
    }


def _named(call: Call, composition: Version) -> Iterator[Resource]:
    """Yield what the composition names, and what its readers need to understand it, each once.

    Raises: Unprocessable naming the references of the composition that lead nowhere: a document is whole.
    """
    done = {(composition.type, composition.id)}
    asked = _targets(call, composition.resource()) - done
    for number in range(ROUNDS):
        found = seen(call, asked)
        if number == 0:
            _check_whole(composition.resource(), asked - set(found), call.request.base_url)
        done |= asked
        resources = [found[key].resource() for key in sorted(found)]
        yield from resources
        further = (r for r in resources if r["resourceType"] in _FOLLOWED_FURTHER)
        asked = set().union(*(_targets(call, r) for r in further)) - done


def _targets(call: Call, resource: Resource) -> set[tuple[str, str]]:
    return {
        (t.type, t.id) for _, element in walk(resource) if (t := _local(element, call.request.base_url)) is not None
    }


def _local(element: dict[str, Any], base_url: str) -> Reference | None:
    target = Reference.parse(element["reference"])
    return target if target is not None and target.base in (None, base_url) else None


def _check_whole(composition: Resource, missing: set[tuple[str, str]], base_url: str) -> None:
    if not missing:
        return
    where = [
        f"Composition.{path}"
        for path, element in walk(composition)
        if (t := _local(element, base_url)) is not None and (t.type, t.id) in missing
    ]
    raise Unprocessable.of(
        "core-document-incomplete",
        "Le document ne peut pas être assemblé : des ressources que la composition cite sont absentes.",
        f"{len(missing)} referenced resources are not available",
        where,
    )

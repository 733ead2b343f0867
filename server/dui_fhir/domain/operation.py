"""FHIR operations (``$name``) as values: a definition and a function from a request to an answer.

The function writes nothing itself: it returns what is to be written, and the service commits that with the versions it
read as preconditions. Source: FHIR R4, operations.html.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context, DocumentKind, Renderer
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job


@dataclass(frozen=True, kw_only=True)
class OperationRequest:
    """One invocation. ``target`` is the resource of an instance-level call; ``parameters`` the checked inputs by name:
    plain values for primitives, dicts for the rest, lists where the definition says ``max`` other than 1. ``documents`` are the
    document types of the corridors in force, by the id of ``documents.json``. ``media``: the type in which the client wants a
    Binary (``application/pdf``), empty for FHIR."""

    context: Context
    renderer: Renderer
    parameters: dict[str, Any]
    type: str | None = None
    target: Resource | None = None
    documents: Mapping[str, DocumentKind] = field(default_factory=dict)
    media: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the operation found and wants written, all in one store transaction.

    ``result``: the resource to return; None = the first of ``writes`` as stored, or an OperationOutcome of ``issues``.
    ``writes``: full resources; one without ``id`` is created, one with ``id`` and ``meta.versionId`` is updated if still at
    that version, one with ``id`` and no version is created under that id. References between them use ``Type/id`` or a
    ``urn:uuid:`` given as ``fullUrl`` in ``urls`` at the same position.
    """

    result: Resource | None = None
    writes: Sequence[Resource] = ()
    urls: Sequence[str | None] = ()
    jobs: Sequence[Job] = ()
    issues: Sequence[Issue] = ()
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An OperationDefinition (as FHIR JSON: ``code``, ``resource``, ``system``, ``type``, ``instance``, ``affectsState``,
    ``parameter``…) and its function. With an output of type ``Binary``, a client may ask for it in its own type
    (``_format=application/pdf``)."""

    definition: Resource
    run: Callable[[OperationRequest], Answer]

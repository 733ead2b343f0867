"""What a rule or an operation may know and use: given by the server, never reached for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.structure import Structure


class Reader(Protocol):
    """Reading on behalf of plugins and connectors, as plain resources. Access rules of the actor apply."""

    def read(self, reference: str) -> Resource | None:
        """Return the current resource of ``Type/id``; None where absent or deleted."""

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Return all matches of a FHIR search (over 1 000: raises Unprocessable ``core-too-many-matches``)."""

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        """Yield all matches, however many, page by page: for counts and lists. Not noted as read: nothing may be written
        on the strength of it."""


class Renderer(Protocol):
    """Turning a corridor's template and data into a document for people."""

    def pdf(self, template: Path, data: Mapping[str, Any]) -> bytes:
        """Return a PDF/A-1b. ``data`` is JSON. Raises: Unprocessable (``document-template``) where the template fails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSection:
    """A section of a document: ``content`` names what fills it, ``required`` that the document is not final without it.

    ``code`` is a Coding, or None.
    """

    id: str
    title: str
    required: bool = False
    content: str = ""
    code: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentKind:
    """What the active corridors say of a document (decision D14).

    ``key`` is ``<plugin>/<id of documents.json>``; ``dmp`` the stance and ``reason`` why it is not ``auto``; ``signers`` roles,
    empty where the document is not signed. ``type``, ``class_``, ``format`` and ``category`` are Codings. ``made_from``: types of
    the resources from which the server lays it out, none where it does not; ``template`` None = that of the common trunk;
    ``variants`` the templates of other forms (``falc``) by name.
    """

    key: str
    title: str
    dmp: Literal["auto", "decision", "never"]
    reason: str = ""
    mssante: bool = False
    signers: tuple[str, ...] = ()
    type: Mapping[str, str] = field(default_factory=dict)
    class_: Mapping[str, str] = field(default_factory=dict)
    format: Mapping[str, str] | None = None
    category: Mapping[str, str] | None = None
    sections: tuple[DocumentSection, ...] = ()
    made_from: tuple[str, ...] = ()
    template: Path | None = None
    variants: Mapping[str, Path | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Identifier in ``documents.json``, without the plugin."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Context:
    """The circumstances of one request.

    ``structure`` is the one whose rules apply (stay, then actor, then identifier), None where unresolved; ``corridors`` the
    plugin ids active for it, the common trunk included; ``parameters`` maps ``<plugin>.<name>`` to a value (delays in days
    unless the name says otherwise); ``reprise`` True while importing, when rules only report (decision D7). ``document`` is
    set for ``check_sending`` only; None = a type that no active corridor declares.
    """

    tenant: str
    actor: Actor
    now: datetime
    reader: Reader
    structure: Structure | None = None
    structures: tuple[Structure, ...] = ()
    corridors: frozenset[str] = frozenset({"commun"})
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reprise: bool = False
    document: DocumentKind | None = None

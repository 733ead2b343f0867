"""Document types of the corridors, and which one a DocumentReference is (decision D14)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import DocumentKind, DocumentSection

Stance = Literal["auto", "decision", "never"]
_STRICTNESS: Mapping[Stance, int] = {"auto": 0, "decision": 1, "never": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Coding:
    """A code of a code system (URL or ``urn:oid:…``) and its display."""

    system: str
    code: str
    display: str

    def as_fhir(self) -> dict[str, str]:
        """Return the element Coding."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A section expected in the document; ``content`` names what fills it, its id where not said."""

    id: str
    title: str
    required: bool
    code: Coding | None
    content: str

    def as_section(self) -> DocumentSection:
        """Return what operations need to know of the section."""
        code = self.code.as_fhir() if self.code else None
        return DocumentSection(id=self.id, title=self.title, required=self.required, content=self.content, code=code)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentType:
    """One entry of ``documents.json``; templates are absolute paths (None: that of the trunk), ``signers`` are roles."""

    id: str
    plugin: str
    title: str
    type: Coding
    class_: Coding
    format: Coding | None
    category: Coding | None
    signers: tuple[str, ...]
    dmp: Stance
    dmp_reason: str
    mssante: bool
    template: Path | None
    sections: tuple[Section, ...]
    source: str
    made_from: tuple[str, ...] = ()
    variants: Mapping[str, Path | None] = field(default_factory=dict)

    def as_kind(self) -> DocumentKind:
        """Return what rules and operations need to know of the type."""
        return DocumentKind(
            key=f"{self.plugin}/{self.id}",
            title=self.title,
            dmp=self.dmp,
            reason=self.dmp_reason,
            mssante=self.mssante,
            signers=self.signers,
            type=self.type.as_fhir(),
            class_=self.class_.as_fhir(),
            format=self.format.as_fhir() if self.format else None,
            category=self.category.as_fhir() if self.category else None,
            sections=tuple(s.as_section() for s in self.sections),
            made_from=self.made_from,
            template=self.template,
            variants=self.variants,
        )


def document_type(value: Mapping[str, Any], *, plugin: str, folder: Path) -> DocumentType:
    """Build a document type from an entry that the schema accepted."""
    return DocumentType(
        id=value["id"],
        plugin=plugin,
        title=value["title"],
        type=Coding(**value["type"]),
        class_=Coding(**value["class"]),
        format=_coding(value.get("format")),
        category=_coding(value.get("category")),
        signers=tuple(value["signers"]),
        dmp=value["dmp"]["stance"],
        dmp_reason=value["dmp"].get("reason", ""),
        mssante=value["mssante"],
        template=folder / value["template"] if "template" in value else None,
        sections=tuple(_section(s) for s in value.get("sections", ())),
        source=value["source"],
        made_from=tuple(value.get("made_from", ())),
        variants={name: folder / path if path else None for name, path in value.get("variants", {}).items()},
    )


def _coding(value: Mapping[str, str] | None) -> Coding | None:
    return Coding(**value) if value else None


def _section(value: Mapping[str, Any]) -> Section:
    return Section(
        id=value["id"],
        title=value["title"],
        required=value.get("required", False),
        code=_coding(value.get("code")),
        content=value.get("content", value["id"]),
    )


def type_of(document: Resource, types: Sequence[DocumentType]) -> DocumentType | None:
    """Return the type of a DocumentReference among ``types``, those of the more specific plugins first.

    ``category`` decides between types of the same code; where it does not, a type without category is taken; where
    several remain, the one most closed to the DMP: a doubt never opens a door.
    """
    codes = _codes([document.get("type")])
    matching = [t for t in types if _has(codes, t.type)]
    categories = _codes(document.get("category"))
    exact = [t for t in matching if t.category is not None and _has(categories, t.category)]
    plain = [t for t in matching if t.category is None]
    candidates = exact or plain or matching
    if not candidates:
        return None
    nearest = [t for t in candidates if t.plugin == candidates[0].plugin]
    return max(nearest, key=lambda t: _STRICTNESS[t.dmp])


def _codes(concepts: Any) -> set[tuple[str | None, str]]:
    """The codings of CodeableConcepts; what is not of that shape is for the validation to say."""
    found: set[tuple[str | None, str]] = set()
    for concept in concepts if isinstance(concepts, list) else []:
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                system = coding.get("system")
                found.add((system if isinstance(system, str) else None, coding["code"]))
    return found


def _has(codes: set[tuple[str | None, str]], wanted: Coding) -> bool:
    return (wanted.system, wanted.code) in codes or (None, wanted.code) in codes

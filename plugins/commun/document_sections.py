"""Which function fills a section: by its ``content`` in ``documents.json``, else what people wrote under its id.

``content`` is a name of :data:`SECTIONS`, ``clause:<code>`` (clauses of a contract), ``domaine:<code>`` (a domain of life of the
child's project), or anything else: the text of the section of that code in the Composition, else of the extension
``urn:dui-fhir:extension:<id>`` of the resource.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dui_fhir.api import DocumentSection

from . import sections_child, sections_contract, sections_evaluation, sections_health, sections_person
from .document_blocks import Blocks, filled, sub, words
from .document_record import Record, narrative
from .document_text import concept, items, text
from .lenient import extension_value
from .reading import EXTENSION


def _whole(record: Record) -> Blocks:
    """Every section of the Composition, under its own title."""
    return [block for section in items(record.composition.get("section")) for block in _titled(section)]


def _titled(section: Mapping[str, Any]) -> Blocks:
    inner = [block for each in items(section.get("section")) for block in _titled(each)]
    said = [*words(narrative(section)), *inner]
    title = text(section.get("title")) or concept(section.get("code"))
    return sub(title, said) if title else said


SECTIONS: Final[Mapping[str, Callable[[Record], Blocks]]] = {
    **sections_person.SECTIONS,
    **sections_health.SECTIONS,
    **sections_contract.SECTIONS,
    **sections_evaluation.SECTIONS,
    **sections_child.SECTIONS,
    "composition": _whole,
}
_WITH_CODE: Final[Mapping[str, Callable[[Record, str], Blocks]]] = {
    "clause": sections_contract.clause,
    "domaine": sections_child.domain,
}


def blocks_of(section: DocumentSection, record: Record) -> Blocks:
    """Return the parts of a section of a document."""
    name, colon, code = section.content.partition(":")
    if colon and name in _WITH_CODE:
        return _WITH_CODE[name](record, code)
    if section.content in SECTIONS:
        return SECTIONS[section.content](record)
    return _written(section, record)


def _written(section: DocumentSection, record: Record) -> Blocks:
    codes = (section.id, section.code["code"]) if section.code else (section.id,)
    if record.target.get("resourceType") == "Composition":
        return words(record.section_words(*codes))
    said = text(extension_value(record.target, f"{EXTENSION}{section.id}"))
    return words(said or record.section_words(*codes))


def sections_of(record: Record) -> list[dict[str, Any]]:
    """Return the sections of a document in their order: ``id``, ``title``, ``required``, ``blocks``, ``empty``."""
    found = []
    for section in record.kind.sections:
        found.append((section, blocks_of(section, record)))
        record.close_section(section.id)
    return [
        {"id": s.id, "title": s.title, "required": s.required, "blocks": blocks, "empty": not filled(blocks)}
        for s, blocks in found
    ]

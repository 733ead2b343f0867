"""The same document for machines: a FHIR document Bundle, a Composition with one section for each printed one.

The resources shown are copied into it with the versions of the moment; what the person's protection keeps off the paper is
kept out here too. Full urls are ``urn:uuid:``, so that the Bundle stands alone. Source: FHIR R4, documents.html.
"""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import Reference, Resource, instant, to_ms, walk

from .document_blocks import plain
from .document_head import is_protected
from .document_record import Record
from .gatherer import reference_of

_EMPTY: Final = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
_SECTION: Final = "urn:dui-fhir:section"
_PLACES: Final = ("address", "telecom", "contact", "photo")
"""Elements that tell where somebody lives, left out where that address is protected."""


def bundle_of(record: Record, content: Mapping[str, Any], named: str) -> bytes:
    """Return the JSON of the document Bundle of a content made by :func:`documents.content_of` from ``record``."""
    return json.dumps(bundle(record, content, named), ensure_ascii=False, sort_keys=True).encode()


def bundle(record: Record, content: Mapping[str, Any], named: str) -> Resource:
    """Return the document Bundle."""
    now = instant(to_ms(record.context.now))
    composition = _composition(record, content, named, now)
    shown = [composition, record.patient, *(record.sources[k] for k in sorted(record.sources) if k != record.person)]
    kept = [_kept(r) for r in shown]
    urls = {reference_of(r): f"urn:uuid:{uuid5(NAMESPACE_URL, reference_of(r))}" for r in kept}
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": urls[reference_of(composition)]},
        "type": "document",
        "timestamp": now,
        "entry": [{"fullUrl": urls[reference_of(r)], "resource": _linked(r, urls)} for r in kept],
    }


def _composition(record: Record, content: Mapping[str, Any], named: str, now: str) -> Resource:
    key = f"{record.person}|{record.kind.key}|{now}"
    structure = content["structure"]
    return {
        "resourceType": "Composition",
        "id": str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:composition:{key}")),
        "status": "preliminary",
        "type": {"coding": [dict(record.kind.type)]},
        "category": [{"coding": [dict(c)]} for c in (record.kind.class_, record.kind.category) if c],
        "subject": {"reference": record.person},
        "date": now,
        "author": [{"display": structure["name"] or "Structure non renseignée"}],
        "title": named,
        "section": [_section(record, section) for section in content["sections"]],
    }


def _section(record: Record, section: Mapping[str, Any]) -> dict[str, Any]:
    declared = next((s.code for s in record.kind.sections if s.id == section["id"]), None)
    codings = [*([dict(declared)] if declared else []), {"system": _SECTION, "code": section["id"]}]
    lines = plain(section["blocks"]) or ["non renseigné"]
    made: dict[str, Any] = {
        "title": section["title"],
        "code": {"coding": codings},
        "text": {"status": "generated", "div": _div(lines)},
    }
    entries = [e for e in record.entries.get(section["id"], ()) if e != record.person]
    if entries:
        made["entry"] = [{"reference": e} for e in entries]
    elif section["empty"]:
        made["emptyReason"] = {"coding": [{"system": _EMPTY, "code": "unavailable"}], "text": "non renseigné"}
    return made


def _div(lines: list[str]) -> str:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for text in lines for line in text.split("\n"))
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'


def _kept(resource: Resource) -> Resource:
    """Return the resource as others may read it: no draft narrative, no protected place."""
    out = {"text", "contained", *(_PLACES if is_protected(resource) else ())}
    return {
        k: v for k, v in resource.items() if k not in out or (k == "text" and resource["resourceType"] == "Composition")
    }


def _linked(resource: Resource, urls: Mapping[str, str]) -> Resource:
    """Return a copy whose references lead to the entries of the Bundle; others keep their words only."""
    copy: Resource = json.loads(json.dumps(resource))
    for _, element in walk(copy):
        parsed = Reference.parse(str(element.get("reference", "")))
        wanted = f"{parsed.type}/{parsed.id}" if parsed is not None and parsed.base is None else ""
        if wanted in urls:
            element["reference"] = urls[wanted]
    return copy

"""Bundles written around stored bytes, which are never parsed for that. Source: FHIR R4, bundle.html."""

from collections.abc import Iterable, Mapping
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.dates import instant
from dui_fhir.domain.ids import new_id


def entry(fields: Mapping[str, Any], resource: bytes | dict[str, Any] | None) -> bytes:
    """Return one entry: ``fields`` (fullUrl, search, request, response) and the resource."""
    if resource is None:
        return json.dumps(dict(fields))
    body = resource if isinstance(resource, bytes) else json.dumps(resource)
    first = {name: value for name, value in fields.items() if name == "fullUrl"}
    last = {name: value for name, value in fields.items() if name != "fullUrl"}
    head = json.dumps(first)[:-1] + b"," if first else b"{"
    return head + b'"resource":' + body + (b"," + json.dumps(last)[1:] if last else b"}")


def found(url: str, body: bytes, mode: str) -> bytes:
    """Return one entry of a searchset around stored bytes; ``mode``: match or include."""
    return b'{"fullUrl":%b,"resource":%b,"search":{"mode":"%b"}}' % (json.dumps(url), body, mode.encode())


def bundle(
    type: str, entries: Iterable[bytes], *, links: Mapping[str, str], total: int | None = None, now_ms: int
) -> bytes:
    """Return the JSON of a Bundle. ``links``: relation → url. ``total`` None = not counted."""
    head: dict[str, Any] = {
        "resourceType": "Bundle",
        "id": new_id(),
        "meta": {"lastUpdated": instant(now_ms)},
        "type": type,
    }
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    joined = b",".join(entries)
    return json.dumps(head)[:-1] + (b',"entry":[' + joined + b"]}" if joined else b"}")

"""MTOM/XOP packaging of a SOAP 1.2 message, and its reading. Source: W3C XOP 1.0, MTOM 1.0; RFC 2387."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

_ROOT = "root@dui-fhir"
_BOUNDARY_SEED = "dui-fhir-mtom"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One document: ``content_id`` without angle brackets."""

    content_id: str
    data: bytes
    media_type: str = "text/xml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An HTTP body and its Content-Type."""

    content_type: str
    body: bytes


class NotMtom(ValueError):
    """The answer is neither SOAP nor a multipart that holds a SOAP part."""


def package(envelope: bytes, parts: Sequence[Part], action: str) -> Message:
    """Return the multipart/related message. The boundary occurs in no part."""
    boundary = _boundary([envelope, *(part.data for part in parts)])
    root = Part(
        content_id=_ROOT,
        data=envelope,
        media_type='application/xop+xml; charset=UTF-8; type="application/soap+xml"',
    )
    pieces = [_piece(boundary, part) for part in (root, *parts)]
    content_type = (
        f'multipart/related; type="application/xop+xml"; start="<{_ROOT}>"; '
        f'start-info="application/soap+xml"; boundary="{boundary}"; action="{action}"'
    )
    return Message(content_type=content_type, body=b"".join(pieces) + f"--{boundary}--\r\n".encode())


def _piece(boundary: str, part: Part) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: {part.media_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{part.content_id}>\r\n\r\n"
    )
    return head.encode() + part.data + b"\r\n"


def _boundary(parts: Sequence[bytes]) -> str:
    boundary, number = _BOUNDARY_SEED, 0
    while any(boundary.encode() in part for part in parts):
        number += 1
        boundary = f"{_BOUNDARY_SEED}-{number}"
    return boundary


def soap_part(content_type: str, body: bytes) -> bytes:
    """Return the SOAP envelope of an answer, plain or multipart.

    Raises: NotMtom.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind in ("application/soap+xml", "text/xml", "application/xml"):
        return body
    if kind != "multipart/related":
        raise NotMtom(f"content type {kind[:60]!r}")
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    if message.defects or not message.is_multipart():
        raise NotMtom("malformed multipart")
    return _start(message, content_type)


def _start(message: object, content_type: str) -> bytes:
    parts = list(message.iter_parts())  # type: ignore[attr-defined]
    match = re.search(r'start="?<?([^">;]+)>?"?', content_type)
    wanted = match[1] if match else None
    for part in parts:
        if wanted is None or str(part.get("Content-ID", "")).strip("<> ") == wanted:
            payload: bytes = part.get_payload(decode=True)
            return payload
    raise NotMtom("no start part")

"""MTOM/XOP packages, read strictly: RFC 2387 (multipart/related), XOP 1.0, SOAP MTOM, IHE ITI TF-2 V.8."""

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from werkzeug.http import parse_options_header

from dui_fhir.simulators.soap import Element

XOP = "http://www.w3.org/2004/08/xop/include"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_CONTENT_ID = re.compile(r"<([^<>\s]+)>")
_PLAIN = frozenset({"binary", "8bit", "7bit"})


class MalformedPackage(ValueError):
    """A multipart body that breaks one of the three specifications; the message is in French."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One attachment."""

    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """The envelope and its attachments by Content-ID (without angle brackets)."""

    envelope: bytes
    parts: Mapping[str, Part]
    action: str  # of the Content-Type header; empty when not given


def read(content_type: str, body: bytes, *, parts_max: int = 64) -> Package:
    """Split a request of content type ``multipart/related; type="application/xop+xml"``.

    Raises: MalformedPackage.
    """
    options = _outer_options(content_type)
    found: dict[str, Part] = {}
    for content_id, part in _split(body, options["boundary"], parts_max):
        if content_id in found:
            raise MalformedPackage(f"deux parties portent le Content-ID <{content_id}>")
        found[content_id] = part
    start = _bracketed(options["start"], "start")
    if start not in found:
        raise MalformedPackage(f"aucune partie ne porte le Content-ID du paramètre start (<{start}>)")
    root = found.pop(start)
    _check_root(root)
    return Package(envelope=root.body, parts=found, action=options.get("action", ""))


def _outer_options(content_type: str) -> dict[str, str]:
    media, options = parse_options_header(content_type)
    if media.lower() != "multipart/related":
        raise MalformedPackage(f"Content-Type attendu : multipart/related ; reçu : {media or 'rien'}")
    if options.get("type", "").lower() != "application/xop+xml":
        raise MalformedPackage('le paramètre type doit valoir "application/xop+xml"')
    if options.get("start-info", "").split(";")[0].strip().lower() != "application/soap+xml":
        raise MalformedPackage('le paramètre start-info doit valoir "application/soap+xml" (SOAP 1.2)')
    if not _BOUNDARY.fullmatch(options.get("boundary", "")):
        raise MalformedPackage("paramètre boundary absent ou invalide")
    if "start" not in options:
        raise MalformedPackage("paramètre start absent")
    return options


def _check_root(root: Part) -> None:
    media, options = parse_options_header(root.content_type)
    if media.lower() != "application/xop+xml":
        raise MalformedPackage(f"la partie racine doit être de type application/xop+xml ; reçu : {media or 'rien'}")
    inner, _ = parse_options_header(options.get("type", ""))
    if inner.lower() != "application/soap+xml":
        raise MalformedPackage('le paramètre type de la partie racine doit valoir "application/soap+xml"')


def _split(body: bytes, boundary: str, parts_max: int) -> list[tuple[str, Part]]:
    delimiter = b"\r\n--" + boundary.encode("ascii")
    chunks = (b"\r\n" + body).split(delimiter)
    if len(chunks) < 3 or not chunks[-1].startswith(b"--"):
        raise MalformedPackage("délimiteur absent, fins de ligne autres que CRLF, ou message tronqué")
    if chunks[-1][2:].strip():
        raise MalformedPackage("octets après le délimiteur final")
    if len(chunks) - 2 > parts_max:
        raise MalformedPackage(f"plus de {parts_max} parties")
    return [_part(chunk) for chunk in chunks[1:-1]]


def _part(chunk: bytes) -> tuple[str, Part]:
    padding, line_end, rest = chunk.partition(b"\r\n")
    if padding.strip(b" \t") or not line_end:
        raise MalformedPackage("délimiteur suivi d'autres octets")
    head, blank, body = rest.partition(b"\r\n\r\n")
    if not blank:
        raise MalformedPackage("partie sans ligne vide après ses en-têtes")
    headers = _headers(head)
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in _PLAIN:
        raise MalformedPackage(f"Content-Transfer-Encoding « {encoding} » : XOP demande binary")
    content_id = _bracketed(headers.get("content-id", ""), "Content-ID")
    return content_id, Part(content_type=headers.get("content-type", ""), body=body)


def _headers(head: bytes) -> dict[str, str]:
    try:
        text = head.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedPackage("en-tête de partie hors ASCII") from None
    headers: dict[str, str] = {}
    for line in re.sub(r"\r\n[ \t]+", " ", text).split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or name.lower() in headers:
            raise MalformedPackage(f"en-tête de partie illisible ou répété : {name[:40]}")
        headers[name.lower()] = value.strip()
    return headers


def _bracketed(value: str, name: str) -> str:
    match = _CONTENT_ID.fullmatch(value.strip())
    if match is None:
        raise MalformedPackage(f"{name} doit être de la forme <…>")
    return match[1]


def content(element: Element, package: Package, used: set[str]) -> bytes:
    """Return the bytes of an element of type base64Binary: its ``xop:Include`` or its own base64 text.

    Adds the Content-ID to ``used``. Raises: MalformedPackage.
    """
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        return _inline(element.text or "")
    text = (element.text or "") + (children[0].tail or "")
    if len(children) != 1 or children[0].tag != f"{{{XOP}}}Include" or text.strip():
        raise MalformedPackage("xop:Include doit être le seul contenu de son élément")
    href = children[0].get("href", "")
    if not href.lower().startswith("cid:"):
        raise MalformedPackage("xop:Include/@href doit commencer par cid:")
    content_id = unquote(href[4:])
    if content_id not in package.parts:
        raise MalformedPackage(f"aucune partie ne porte le Content-ID <{content_id}>")
    used.add(content_id)
    return package.parts[content_id].body


def _inline(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise MalformedPackage("contenu base64 illisible") from error


def write(envelope: bytes, parts: Mapping[str, Part] | None = None) -> tuple[str, bytes]:
    """Return the content type and the bytes of a package."""
    boundary = f"simulateur-{uuid.uuid4()}"
    start = f"racine.{uuid.uuid4()}@simulateur"
    root = Part(content_type='application/xop+xml; charset=UTF-8; type="application/soap+xml"', body=envelope)
    chunks = [_written(boundary, content_id, part) for content_id, part in {start: root, **(parts or {})}.items()]
    body = b"".join([*chunks, f"--{boundary}--\r\n".encode()])
    options = f'type="application/xop+xml"; start="<{start}>"; start-info="application/soap+xml"; boundary="{boundary}"'
    return f"multipart/related; {options}", body


def _written(boundary: str, content_id: str, part: Part) -> bytes:
    lines = [
        f"--{boundary}",
        f"Content-Type: {part.content_type}",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: <{content_id}>",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + part.body + b"\r\n"

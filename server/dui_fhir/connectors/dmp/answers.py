"""What the DMP answered, as values. No text of an answer is kept: it may repeat traits or a matricule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dui_fhir.connectors.dmp.mtom import NotMtom, soap_part
from dui_fhir.connectors.dmp.soap import SOAP
from dui_fhir.connectors.markup import Element, NotXml, parse

RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
_SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
_WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"
_CODE = re.compile(r"[A-Za-z0-9_.:\-]{1,80}")
_LONG_NUMBER = re.compile(r"\d{6,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Success:
    """The body's element; ``warnings`` are codes that came with a success."""

    body: Element
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A registry refused: its error codes, as written, warnings left out."""

    codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A SOAP fault: ``sender`` True where the message itself is blamed; ``code`` the most precise code."""

    sender: bool
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """No SOAP answer could be read; ``why`` is English and holds nothing of the content."""

    why: str


Answer: TypeAlias = Success | Failure | Fault | Unreadable


def read(content_type: str, body: bytes) -> Answer:
    """Read the answer of one call."""
    try:
        root = parse(soap_part(content_type, body))
    except (NotXml, NotMtom) as error:
        return Unreadable(why=str(error))
    inner = _body(root)
    if inner is None:
        return Unreadable(why="no SOAP 1.2 envelope with one body element")
    if inner.tag == f"{{{SOAP}}}Fault":
        return _fault(inner)
    return _registry(inner) if inner.get("status") is not None else Success(body=inner)


def _body(root: Element) -> Element | None:
    if root.tag != f"{{{SOAP}}}Envelope":
        return None
    inner = [child for child in root.iterfind(f"{{{SOAP}}}Body/*") if isinstance(child.tag, str)]
    return inner[0] if len(inner) == 1 else None


def _fault(fault: Element) -> Fault:
    values = [_local(node.text) for node in fault.iterfind(f"{{{SOAP}}}Code//{{{SOAP}}}Value")]
    return Fault(sender="Sender" in values[:1], code=next(iter(values[::-1]), "") or "unknown")


def _local(text: str | None) -> str:
    return safe_code((text or "").strip().rpartition(":")[2])


def _registry(response: Element) -> Answer:
    errors = list(response.iter(f"{{{RS}}}RegistryError"))
    codes = tuple(dict.fromkeys(safe_code(e.get("errorCode", "")) for e in errors if e.get("severity") != _WARNING))
    if response.get("status") == _SUCCESS:
        return Success(body=response, warnings=tuple(safe_code(e.get("errorCode", "")) for e in errors))
    return Failure(codes=codes or ("unknown",))


def safe_code(text: str) -> str:
    """Return an error code fit for a log: anything that may hold something else becomes ``unknown``."""
    return text if _CODE.fullmatch(text) and not _LONG_NUMBER.search(text) else "unknown"


def all_in(codes: Sequence[str], known: frozenset[str]) -> bool:
    """Return True where there are codes and all are known."""
    return bool(codes) and set(codes) <= known

"""Code systems that a grammar defines rather than a list: languages, MIME types, currencies, countries, units, URIs.

Source: FHIR R4, terminologies-systems.html; RFC 5646, RFC 6838, ISO 4217, ISO 3166, UCUM. A grammar says whether a code is
well formed; only the lists themselves, which may be added, say more.
"""

import re
from collections.abc import Callable

from dui_fhir.terminology import ucum
from dui_fhir.terminology.concepts import CodeSystem, Resource

Accepts = Callable[[str], bool]


def _pattern(text: str) -> Accepts:
    compiled = re.compile(text)
    return lambda code: compiled.fullmatch(code) is not None


_MIME = _pattern(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:\s*;.*)?")
_LANGUAGE = _pattern(r"(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*|[ix](?:-[A-Za-z0-9]{1,8})+)")

GRAMMARS: dict[str, Accepts] = {
    "urn:ietf:bcp:47": _LANGUAGE,
    "urn:ietf:bcp:13": _MIME,
    "urn:ietf:rfc:3986": _pattern(r"[A-Za-z][A-Za-z0-9+.-]*:\S*"),
    "urn:iso:std:iso:4217": _pattern(r"[A-Z]{3}"),
    "urn:iso:std:iso:3166": _pattern(r"[A-Z]{2,3}|[0-9]{3}"),
    "urn:iso:std:iso:3166:-2": _pattern(r"[A-Z]{2}-[A-Z0-9]{1,3}"),
    "https://www.iana.org/time-zones": _pattern(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*"),
    "http://unitsofmeasure.org": ucum.valid,
}


def system_of(url: str, code: str) -> CodeSystem | None:
    """Return a system that holds the code if it is well formed, and is empty otherwise; None for a system of another kind."""
    accepts = GRAMMARS.get(url)
    if accepts is None:
        return None
    return _system(url, [{"code": code}] if accepts(code) else [], "complete")


def listed_system(include: Resource) -> CodeSystem | None:
    """Return what an ``include`` says of a system not known here: the codes that it enumerates."""
    if "concept" not in include or "filter" in include:
        return None
    return _system(include["system"], include["concept"], "fragment", include.get("version", ""))


def _system(url: str, concepts: object, content: str, version: str = "") -> CodeSystem:
    header = {"resourceType": "CodeSystem", "url": url, "content": content, "concept": concepts, "version": version}
    return CodeSystem(header)

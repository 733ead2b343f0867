"""Facts that a PDF/A-1b must show: read from the file, without judging the whole of ISO 19005-1.

A validator (veraPDF) judges the whole; these checks name the usual faults in one second and without Java. ``pypdf`` reads
the file; it is needed here only, not to serve.
"""

import io
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

_PDFA_ID = "{http://www.aiim.org/pdfa/ns/id/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")


def faults(pdf: bytes) -> tuple[str, ...]:
    """Return what keeps these bytes from being a PDF/A-1b, in English; empty where no fault was found.

    Checked: version 1.4 header, identification ``part`` 1 and ``conformance`` B in XMP, PDF/A output intent with an ICC
    profile, fonts embedded, no encryption, no JavaScript, no attached file, no transparency, no LZW.
    Source: ISO 19005-1:2005, sections 6.1 to 6.7.
    """
    import pypdf

    if not pdf.startswith(b"%PDF-1."):
        return ("no PDF header",)
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    if reader.is_encrypted:
        return ("encrypted",)
    root = _resolved(reader.trailer["/Root"])
    found = [*_identification(root), *_output_intent(root), *_active_content(root)]
    for object_ in _objects(reader):
        found.extend(_object_faults(object_))
    return tuple(dict.fromkeys(found))


def _identification(root: Any) -> Iterator[str]:
    if "/Metadata" not in root:
        yield "no XMP metadata"
        return
    stream = _resolved(root["/Metadata"])
    if "/Filter" in stream:
        yield "XMP metadata are compressed"
    # our own file: no entity is declared in it
    xml = ElementTree.fromstring(stream.get_data())  # noqa: S314
    values = {key: text for key, text in _properties(xml) if key.startswith(_PDFA_ID)}
    if values.get(f"{_PDFA_ID}part") != "1":
        yield "XMP: pdfaid:part is not 1"
    if values.get(f"{_PDFA_ID}conformance") not in ("A", "B"):
        yield "XMP: pdfaid:conformance is neither A nor B"


def _properties(xml: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for description in xml.iter(f"{_RDF}Description"):
        yield from description.attrib.items()
        for child in description:
            yield child.tag, (child.text or "").strip()


def _output_intent(root: Any) -> Iterator[str]:
    intents = [_resolved(i) for i in _resolved(root.get("/OutputIntents", []))]
    pdfa = [i for i in intents if i.get("/S") == "/GTS_PDFA1"]
    if not pdfa:
        yield "no PDF/A output intent"
    elif "/DestOutputProfile" not in pdfa[0]:
        yield "output intent without an ICC profile"


def _active_content(root: Any) -> Iterator[str]:
    names = _resolved(root.get("/Names", {}))
    if "/JavaScript" in names or "/AA" in root:
        yield "JavaScript or additional actions"
    if "/EmbeddedFiles" in names:
        yield "attached files"


def _objects(reader: Any) -> Iterator[Any]:
    """Yield every indirect object of the file, those used and those not."""
    for generation, entries in reader.xref.items():
        for number in entries:
            if number:
                yield reader.get_object(_reference(reader, number, generation))
    for number in reader.xref_objStm:
        yield reader.get_object(_reference(reader, number, 0))


def _reference(reader: Any, number: int, generation: int) -> Any:
    from pypdf.generic import IndirectObject

    return IndirectObject(number, generation, reader)


def _object_faults(value: Any) -> Iterator[str]:
    if not hasattr(value, "get"):
        return
    kind = value.get("/Type")
    if kind == "/ObjStm" or kind == "/XRef":
        yield "object or cross-reference streams (PDF 1.5)"
    if value.get("/S") == "/JavaScript":
        yield "JavaScript"
    if kind == "/FontDescriptor" and not any(name in value for name in _FONT_FILES):
        yield f"font not embedded: {value.get('/FontName')}"
    if kind == "/Font" and value.get("/Subtype") in ("/Type1", "/TrueType") and "/FontDescriptor" not in value:
        yield f"font not embedded: {value.get('/BaseFont')}"
    if "/LZWDecode" in str(value.get("/Filter", "")):
        yield "LZW compression"
    yield from _transparency(value)


def _transparency(value: Any) -> Iterator[str]:
    group = _resolved(value.get("/Group", {}))
    soft_mask = value.get("/SMask")
    opaque = all(float(_resolved(value.get(key, 1))) == 1 for key in ("/CA", "/ca") if _is_number(value.get(key, 1)))
    if (
        (hasattr(group, "get") and group.get("/S") == "/Transparency")
        or (soft_mask not in (None, "/None"))
        or not opaque
    ):
        yield "transparency"


def _is_number(value: Any) -> bool:
    return isinstance(_resolved(value), int | float)


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value

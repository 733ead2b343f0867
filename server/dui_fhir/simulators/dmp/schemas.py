"""Validation by the XSD of IHE and OASIS, where a folder of them is given (they are not ours to distribute)."""

from functools import cache
from pathlib import Path

from lxml import etree

from dui_fhir.simulators.dmp.ebrim import LCM, QUERY, XDSB, Problem
from dui_fhir.simulators.mtom import XOP
from dui_fhir.simulators.soap import Element

_FILE_OF = {XDSB: "XDS.b_DocumentRepository.xsd", QUERY: "query.xsd", LCM: "lcm.xsd"}


def check(body: Element, folder: Path | None) -> list[Problem]:
    """Return the faults of the schema; none without a folder, or for a body that the schemas do not cover."""
    file = _FILE_OF.get(etree.QName(body).namespace)
    if folder is None or file is None:
        return []
    schema = _schema(folder / file)
    alone = etree.fromstring(etree.tostring(body))
    # XOP 1.0 §2: xop:Include stands for base64 text, which is what the schema describes.
    for include in alone.findall(f".//{{{XOP}}}Include"):
        include.getparent().remove(include)
    if schema.validate(alone):
        return []
    return [
        Problem(code="XDSRegistryMetadataError", text=f"Schéma : {error.message}", location=f"ligne {error.line}")
        for error in schema.error_log
    ]


@cache
def _schema(file: Path) -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.XMLSchema(etree.parse(str(file), parser))

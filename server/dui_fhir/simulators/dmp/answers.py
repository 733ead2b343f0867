"""The bodies of ebXML answers: RegistryResponse, AdhocQueryResponse, RetrieveDocumentSetResponse."""

from collections.abc import Sequence

from lxml import etree

from dui_fhir.simulators.dmp.ebrim import QUERY, RIM, RS, XDSB, Problem
from dui_fhir.simulators.soap import Element

SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
_ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"


def registry_response(problems: Sequence[Problem], *, partial: bool = False) -> Element:
    """Return ``rs:RegistryResponse``: Success without problem, else Failure (or PartialSuccess)."""
    response = etree.Element(f"{{{RS}}}RegistryResponse", nsmap={"rs": RS})
    response.set("status", _status(problems, partial))
    _add_errors(response, problems)
    return response


def query_response(objects: Sequence[Element], problems: Sequence[Problem] = ()) -> Element:
    """Return ``query:AdhocQueryResponse`` with its list of objects, empty when nothing was found."""
    response = etree.Element(f"{{{QUERY}}}AdhocQueryResponse", nsmap={"query": QUERY, "rim": RIM, "rs": RS})
    response.set("status", _status(problems, partial=False))
    _add_errors(response, problems)
    etree.SubElement(response, f"{{{RIM}}}RegistryObjectList").extend(objects)
    return response


def retrieve_response(documents: Sequence[Element], problems: Sequence[Problem]) -> Element:
    """Return ``xdsb:RetrieveDocumentSetResponse``."""
    response = etree.Element(f"{{{XDSB}}}RetrieveDocumentSetResponse", nsmap={"xdsb": XDSB, "rs": RS})
    response.append(registry_response(problems, partial=bool(documents)))
    response.extend(documents)
    return response


def _status(problems: Sequence[Problem], partial: bool) -> str:
    if not problems:
        return SUCCESS
    return PARTIAL if partial else FAILURE


def _add_errors(response: Element, problems: Sequence[Problem]) -> None:
    if not problems:
        return
    errors = etree.SubElement(response, f"{{{RS}}}RegistryErrorList", highestSeverity=_ERROR)
    for problem in problems:
        error = etree.SubElement(errors, f"{{{RS}}}RegistryError")
        error.set("errorCode", problem.code)
        error.set("codeContext", problem.text)
        error.set("severity", _ERROR)
        if problem.location:
            error.set("location", problem.location)

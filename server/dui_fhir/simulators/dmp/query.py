"""TD3.1: Registry Stored Query (IHE ITI-18) — FindDocuments, GetDocuments — and TD3.2: Retrieve (ITI-43)."""

import re
from collections.abc import Callable, Iterable

from lxml import etree

from dui_fhir.simulators.dmp import answers, metadata, schemas
from dui_fhir.simulators.dmp.ebrim import QUERY, RIM, XDSB, Problem
from dui_fhir.simulators.dmp.registry import Entry
from dui_fhir.simulators.dmp.request import Request, check_patient, patient_key
from dui_fhir.simulators.dmp.vihf import refuse
from dui_fhir.simulators.mtom import XOP, Part
from dui_fhir.simulators.soap import Element, SoapFault

BODY = f"{{{QUERY}}}AdhocQueryRequest"
ACTION = "urn:ihe:iti:2007:RegistryStoredQuery"
RETRIEVE_BODY = f"{{{XDSB}}}RetrieveDocumentSetRequest"
RETRIEVE_ACTION = "urn:ihe:iti:2007:RetrieveDocumentSet"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"

_LIST = re.compile(r"\(\s*('(?:[^']|'')*'(?:\s*,\s*'(?:[^']|'')*')*)\s*\)")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_BARE = re.compile(r"[0-9]+")
_PATIENT = "$XDSDocumentEntryPatientId"
_STATUS = "$XDSDocumentEntryStatus"
_UNIQUE = "$XDSDocumentEntryUniqueId"
_UUID = "$XDSDocumentEntryEntryUUID"
_CODES = {
    "$XDSDocumentEntryClassCode": metadata.CLASS,
    "$XDSDocumentEntryTypeCode": metadata.TYPE,
    "$XDSDocumentEntryFormatCode": metadata.FORMAT,
    "$XDSDocumentEntryConfidentialityCode": metadata.CONFIDENTIALITY,
    "$XDSDocumentEntryHealthcareFacilityTypeCode": metadata.FACILITY,
    "$XDSDocumentEntryPracticeSettingCode": metadata.PRACTICE,
    "$XDSDocumentEntryEventCodeList": metadata.EVENT,
}
_TIMES = {
    f"$XDSDocumentEntry{name[0].upper()}{name[1:]}{end}": (name, end)
    for name in ("creationTime", "serviceStartTime", "serviceStopTime")
    for end in ("From", "To")
}

Parameters = dict[str, list[str]]


class _Refused(Exception):
    """A query that cannot be run."""

    def __init__(self, code: str, text: str, location: str = "") -> None:
        super().__init__(text)
        self.problem = Problem(code=code, text=text, location=location)


def query(request: Request) -> Element:
    """Return the ``query:AdhocQueryResponse``.

    Raises: SoapFault (rights).
    """
    problems = schemas.check(request.body, request.policy.xsd_folder)
    if problems:
        return answers.query_response([], problems)
    try:
        found, leaf = _run(request)
    except _Refused as refused:
        return answers.query_response([], [refused.problem])
    return answers.query_response([_leaf(e) if leaf else _reference(e) for e in found])


def _run(request: Request) -> tuple[list[Entry], bool]:
    option = request.body.find(f"{{{QUERY}}}ResponseOption")
    return_type = "" if option is None else option.get("returnType", "")
    if return_type not in ("LeafClass", "ObjectRef"):
        raise _Refused("XDSRegistryError", "ResponseOption/@returnType : LeafClass ou ObjectRef attendu.")
    adhoc = request.body.find(f"{{{RIM}}}AdhocQuery")
    queries: dict[str, Callable[[Request, Parameters], list[Entry]]]
    queries = {FIND_DOCUMENTS: _find_documents, GET_DOCUMENTS: _get_documents}
    run = queries.get("" if adhoc is None else adhoc.get("id", ""))
    if run is None:
        raise _Refused("XDSUnknownStoredQuery", "Requête enregistrée inconnue de ce simulateur.")
    return run(request, _parameters(adhoc)), return_type == "LeafClass"


def _parameters(adhoc: Element) -> Parameters:
    found: Parameters = {}
    for slot in adhoc.iterfind(f"{{{RIM}}}Slot"):
        name = slot.get("name", "")
        for value in slot.iterfind(f"{{{RIM}}}ValueList/{{{RIM}}}Value"):
            found.setdefault(name, []).extend(_values(name, (value.text or "").strip()))
    return found


def _values(name: str, text: str) -> list[str]:
    listed = _LIST.fullmatch(text)
    if name not in (_PATIENT, *_TIMES):
        if listed is None:
            raise _Refused("XDSRegistryError", f"{name} : forme ('…','…') attendue.", name)
        return [value.replace("''", "'") for value in _QUOTED.findall(listed[1])]
    single = _QUOTED.fullmatch(text)
    if single is not None and name == _PATIENT:
        return [single[1].replace("''", "'")]
    if name in _TIMES and (single or _BARE.fullmatch(text)):
        return [text.strip("'")]
    raise _Refused("XDSRegistryError", f"{name} : une seule valeur, sans parenthèses.", name)


def _find_documents(request: Request, parameters: Parameters) -> list[Entry]:
    patients, statuses = parameters.get(_PATIENT, []), parameters.get(_STATUS, [])
    for name, values in ((_PATIENT, patients), (_STATUS, statuses)):
        if not values:
            raise _Refused("XDSStoredQueryMissingParam", f"Paramètre obligatoire absent : {name}", name)
    if len(patients) > 1:
        raise _Refused("XDSStoredQueryParamNumber", "Un seul patient par requête.", _PATIENT)
    check_patient(request.vihf, patients[0])
    if request.vihf.mode == "INDIRECTE":
        raise refuse("DROITS", "Le mode INDIRECTE ne permet pas la consultation (TD3.1a).", "FailedAuthentication")
    unknown = set(parameters) - {_PATIENT, _STATUS, *_CODES, *_TIMES, "$XDSDocumentEntryType"}
    if unknown:
        raise _Refused("XDSRegistryError", f"Paramètres non traités ici : {', '.join(sorted(unknown))}")
    return [
        entry
        for entry in request.registry.entries()
        if entry.patient == patient_key(patients[0])
        and entry.status in statuses
        and not entry.signature
        and _matches(entry, parameters)
    ]


def _matches(entry: Entry, parameters: Parameters) -> bool:
    element = etree.fromstring(entry.xml)
    coded = all(_coded(element, _CODES[name], values) for name, values in parameters.items() if name in _CODES)
    return coded and all(
        _in_time(element, *_TIMES[name], values[0]) for name, values in parameters.items() if name in _TIMES
    )


def _coded(element: Element, scheme: str, wanted: Iterable[str]) -> bool:
    path = f"r:Classification[@classificationScheme='{scheme}']"
    found = {
        f"{c.get('nodeRepresentation', '')}^^{''.join(c.xpath('r:Slot/r:ValueList/r:Value/text()', namespaces={'r': RIM}))}"
        for c in element.xpath(path, namespaces={"r": RIM})
    }
    return bool(found & set(wanted))


def _in_time(element: Element, name: str, end: str, bound: str) -> bool:
    values = element.xpath(f"r:Slot[@name='{name}']/r:ValueList/r:Value/text()", namespaces={"r": RIM})
    if not values:
        return False
    # ITI TF-2 §3.18.4.1.2.3: From is included, To is not.
    moment, bound = str(values[0]).strip().ljust(14, "0"), bound.ljust(14, "0")
    return moment >= bound if end == "From" else moment < bound


def _get_documents(request: Request, parameters: Parameters) -> list[Entry]:
    uuids, uniques = parameters.get(_UUID, []), parameters.get(_UNIQUE, [])
    if bool(uuids) == bool(uniques):
        raise _Refused("XDSStoredQueryMissingParam", f"Il faut {_UUID} ou {_UNIQUE}, et un seul des deux.")
    found = [e for e in request.registry.entries() if e.uuid in uuids or e.unique_id in uniques]
    return [e for e in found if _may_refer(request, e)]


def _may_refer(request: Request, entry: Entry) -> bool:
    if entry.patient != patient_key(request.vihf.patient):
        return False
    return request.vihf.mode != "INDIRECTE" or entry.structure == request.vihf.structure


def _leaf(entry: Entry) -> Element:
    element = etree.fromstring(entry.xml)
    element.set("status", entry.status)
    return element


def _reference(entry: Entry) -> Element:
    return etree.Element(f"{{{RIM}}}ObjectRef", id=entry.uuid, nsmap={"rim": RIM})


def retrieve(request: Request) -> tuple[Element, dict[str, Part]]:
    """Return the ``xdsb:RetrieveDocumentSetResponse`` and its attachments.

    Raises: SoapFault (rights).
    """
    if request.vihf.mode == "INDIRECTE":
        raise refuse("DROITS", "Le mode INDIRECTE ne permet pas la consultation (TD3.2).", "FailedAuthentication")
    wanted = request.body.findall(f"{{{XDSB}}}DocumentRequest")
    if not wanted:
        raise SoapFault("Sender", "DocumentRequest est absent.", detail="SIM-CORPS")
    documents: list[Element] = []
    problems: list[Problem] = []
    parts: dict[str, Part] = {}
    for element in wanted:
        repository, unique = (_child(element, name) for name in ("RepositoryUniqueId", "DocumentUniqueId"))
        entry = request.registry.by_unique_id(unique)
        if repository != request.policy.repository_oid:
            problems.append(Problem(code="XDSUnknownRepositoryId", text=f"Entrepôt inconnu : {repository}"))
        elif entry is None or entry.patient != patient_key(request.vihf.patient):
            problems.append(Problem(code="XDSDocumentUniqueIdError", text=f"Document inconnu : {unique}"))
        else:
            documents.append(_document(request, entry, parts))
    return answers.retrieve_response(documents, problems), parts


def _child(element: Element, name: str) -> str:
    return str(element.findtext(f"{{{XDSB}}}{name}") or "").strip()


def _document(request: Request, entry: Entry, parts: dict[str, Part]) -> Element:
    content_id = f"{entry.uuid.removeprefix('urn:uuid:')}@simulateur"
    parts[content_id] = Part(content_type="text/xml", body=request.registry.document(entry.uuid))
    response = etree.Element(f"{{{XDSB}}}DocumentResponse")
    for name, text in (
        ("RepositoryUniqueId", request.policy.repository_oid),
        ("DocumentUniqueId", entry.unique_id),
        ("mimeType", "text/xml"),
    ):
        etree.SubElement(response, f"{{{XDSB}}}{name}").text = text
    holder = etree.SubElement(response, f"{{{XDSB}}}Document")
    etree.SubElement(holder, f"{{{XOP}}}Include", href=f"cid:{content_id}", nsmap={"xop": XOP})
    return response

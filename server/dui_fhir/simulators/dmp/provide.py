"""TD2.1: Provide and Register Document Set-b (IHE ITI-41). The whole submission is accepted, or nothing."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from dui_fhir.simulators import mtom
from dui_fhir.simulators.dmp import cda, consistency, forms, metadata, registry, schemas, set_signature
from dui_fhir.simulators.dmp.ebrim import (
    APPROVED,
    LCM,
    RIM,
    RPLC,
    XDSB,
    Problem,
    RegistryObject,
    Submission,
    submission,
)
from dui_fhir.simulators.dmp.registry import Commit, Entry
from dui_fhir.simulators.dmp.request import Request, check_patient, patient_key
from dui_fhir.simulators.soap import Element, SoapFault

BODY = f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest"
ACTION = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filed:
    """One entry with its document; ``header`` is None for the signature of the set."""

    entry: RegistryObject
    data: bytes
    header: cda.Header | None


def provide(request: Request) -> list[Problem]:
    """Check and store a submission; return its problems, none when it was stored.

    Raises: SoapFault (package, VIHF).
    """
    read = submission(_submit(request.body))
    documents = _documents(request)
    problems = [
        *schemas.check(request.body, request.policy.xsd_folder),
        *metadata.check(read, request.policy),
        *_pairing(read, documents),
    ]
    if problems:
        return problems
    patient = read.packages[0].external(metadata.SET_PATIENT)
    check_patient(request.vihf, patient)
    filed, faults = _filed(read, documents)
    problems = [*faults, *set_signature.check(read, documents)]
    if problems:
        return problems
    with request.registry.lock:
        problems = list(_against_registry(request, read, filed))
        if not problems:
            _store(request, read, filed)
    return problems


def _submit(body: Element) -> Element:
    found = body.find(f"{{{LCM}}}SubmitObjectsRequest")
    if found is None:
        raise SoapFault("Sender", "lcm:SubmitObjectsRequest est absent.", detail="SIM-CORPS")
    return found


def _documents(request: Request) -> dict[str, bytes]:
    used: set[str] = set()
    found: dict[str, bytes] = {}
    try:
        for element in request.body.iterfind(f"{{{XDSB}}}Document"):
            found[element.get("id", "")] = mtom.content(element, request.package, used)
    except mtom.MalformedPackage as error:
        raise SoapFault("Sender", str(error), detail="SIM-MTOM") from error
    if unused := set(request.package.parts) - used:
        raise SoapFault("Sender", f"Pièces que rien ne désigne : {', '.join(sorted(unused))}", detail="SIM-MTOM")
    return found


def _pairing(read: Submission, documents: dict[str, bytes]) -> Iterator[Problem]:
    known = {entry.id for entry in read.entries}
    for entry in read.entries:
        if entry.id not in documents:
            yield Problem(
                code="XDSMissingDocument", text="Aucun Document ne porte l'id de la fiche.", location=entry.id
            )
    for identifier in documents:
        if identifier not in known:
            yield Problem(code="XDSMissingDocumentMetadata", text="Document sans fiche.", location=identifier)


def _filed(read: Submission, documents: dict[str, bytes]) -> tuple[list[_Filed], list[Problem]]:
    filed: list[_Filed] = []
    problems: list[Problem] = []
    for entry in read.entries:
        data = documents[entry.id]
        problems += consistency.file_problems(entry, data)
        header = None
        if not metadata.is_signature(entry):
            document = cda.read(data)
            problems += [Problem(code=cda.INVALID, text=fault, location=entry.id) for fault in document.faults]
            header = document.header
            if header is not None:
                problems += consistency.problems(entry, header)
        filed.append(_Filed(entry=entry, data=data, header=header))
    return filed, problems


def _against_registry(request: Request, read: Submission, filed: list[_Filed]) -> Iterator[Problem]:
    package = read.packages[0]
    patient = forms.INS_CX.fullmatch(package.external(metadata.SET_PATIENT))
    if patient is None or request.registry.patient(patient["value"]) != registry.OPEN:
        yield Problem(code="XDSUnknownPatientId", text="Aucun DMP ouvert pour cette INS.", location=package.id)
    if request.registry.has_set(package.external(metadata.SET_UNIQUE)):
        yield Problem(code="XDSDuplicateUniqueIdInRegistry", text="Lot déjà reçu.", location=package.id)
    targets = _targets(read)
    for one in filed:
        yield from _duplicate(request, one)
        yield from _replacement(request, one, targets.get(one.entry.id, ""))


def _duplicate(request: Request, one: _Filed) -> Iterator[Problem]:
    known = request.registry.by_unique_id(one.entry.external(metadata.DOCUMENT_UNIQUE))
    if known is not None:
        same = known.sha1 == hashlib.sha1(one.data, usedforsecurity=False).hexdigest()
        code = "XDSDuplicateUniqueIdInRegistry" if same else "XDSNonIdenticalHash"
        yield Problem(code=code, text=f"uniqueId déjà enregistré : {known.unique_id}", location=one.entry.id)
    elif request.registry.entry(one.entry.id) is not None:
        yield Problem(code=metadata.METADATA, text="entryUUID déjà enregistré.", location=one.entry.id)


def _targets(read: Submission) -> dict[str, str]:
    return {
        a.attributes.get("sourceObject", ""): a.attributes.get("targetObject", "")
        for a in read.associations
        if a.attributes.get("associationType") == RPLC
    }


def _replacement(request: Request, one: _Filed, target: str) -> Iterator[Problem]:
    if one.header is None:
        return
    location = one.entry.id
    if not target:
        yield from _unannounced(request, one)
        return
    old = request.registry.entry(target)
    if old is None:
        yield Problem(code="UnresolvedReferenceException", text="RPLC : document remplacé inconnu.", location=location)
    elif not registry.is_current(old):
        text = "RPLC : le document remplacé n'est plus la version en vigueur."
        yield Problem(code="XDSRegistryDeprecatedDocumentError", text=text, location=location)
    elif old.patient != patient_key(one.entry.external(metadata.DOCUMENT_PATIENT)):
        text = "RPLC : le document remplacé est celui d'un autre patient."
        yield Problem(code="XDSPatientIdDoesNotMatch", text=text, location=location)
    else:
        yield from _versions(old, one.header, location)


def _unannounced(request: Request, one: _Filed) -> Iterator[Problem]:
    header = one.header
    if header is None:
        return
    if header.replaced:
        text = "Le CDA remplace un document (relatedDocument) : une association RPLC est nécessaire."
        yield Problem(code=metadata.METADATA, text=text, location=one.entry.id)
    elif any(_other_version(entry, header) for entry in request.registry.entries()):
        text = "Une version de ce document (setId) est en vigueur : une association RPLC est nécessaire."
        yield Problem(code=metadata.METADATA, text=text, location=one.entry.id)


def _other_version(entry: Entry, header: cda.Header) -> bool:
    return entry.set_id == header.set_id and entry.unique_id != header.unique_id and registry.is_current(entry)


def _versions(old: Entry, header: cda.Header, location: str) -> Iterator[Problem]:
    if header.replaced != old.unique_id:
        text = "RPLC : le CDA ne désigne pas le document remplacé (relatedDocument/parentDocument/id)."
        yield Problem(code=metadata.METADATA, text=text, location=location)
    if header.set_id != old.set_id or header.version <= old.version:
        text = "RPLC : même setId et versionNumber plus grand attendus."
        yield Problem(code=metadata.METADATA, text=text, location=location)


def _store(request: Request, read: Submission, filed: list[_Filed]) -> None:
    uuids = {one.entry.id: _entry_uuid(one.entry.id) for one in filed}
    set_unique = read.packages[0].external(metadata.SET_UNIQUE)
    commit = Commit(
        submission_set=set_unique,
        entries=tuple(_stored(request, one, uuids[one.entry.id], set_unique) for one in filed),
        replaced=tuple(_targets(read).values()),
    )
    request.registry.commit(commit, {uuids[one.entry.id]: one.data for one in filed})


def _entry_uuid(submitted: str) -> str:
    return submitted if forms.UUID_URN.fullmatch(submitted) else f"urn:uuid:{uuid.uuid4()}"


def _stored(request: Request, one: _Filed, entry_uuid: str, set_unique: str) -> Entry:
    entry, header = one.entry, one.header
    sha1 = hashlib.sha1(one.data, usedforsecurity=False).hexdigest()
    added = {"hash": sha1, "size": str(len(one.data)), "repositoryUniqueId": request.policy.repository_oid}
    return Entry(
        uuid=entry_uuid,
        unique_id=entry.external(metadata.DOCUMENT_UNIQUE),
        submission_set=set_unique,
        patient=patient_key(entry.external(metadata.DOCUMENT_PATIENT)),
        title=entry.title,
        type_code=entry.classified(metadata.TYPE)[0].code,
        created=entry.one("creationTime"),
        visibility=tuple(c.code for c in entry.classified(metadata.CONFIDENTIALITY)),
        signature=header is None,
        set_id=header.set_id if header else "",
        version=header.version if header else 0,
        structure=request.vihf.structure,
        person=request.vihf.person,
        sha1=sha1,
        size_bytes=len(one.data),
        received_ms=request.now_ms,
        status=APPROVED,
        xml=_extrinsic_object(entry, entry_uuid, added),
    )


def _extrinsic_object(entry: RegistryObject, entry_uuid: str, slots: dict[str, str]) -> str:
    element = etree.fromstring(etree.tostring(entry.element))
    element.set("id", entry_uuid)
    element.set("lid", entry_uuid)
    for part in element.iterfind(f"{{{RIM}}}Classification"):
        part.set("classifiedObject", entry_uuid)
    for part in element.iterfind(f"{{{RIM}}}ExternalIdentifier"):
        part.set("registryObject", entry_uuid)
    for old in element.xpath(
        "r:Slot[@name='hash' or @name='size' or @name='repositoryUniqueId']", namespaces={"r": RIM}
    ):
        element.remove(old)
    for index, (name, value) in enumerate(slots.items()):
        slot = etree.Element(f"{{{RIM}}}Slot", name=name)
        etree.SubElement(etree.SubElement(slot, f"{{{RIM}}}ValueList"), f"{{{RIM}}}Value").text = value
        element.insert(index, slot)
    return str(etree.tostring(element, encoding="unicode", with_tail=False))

"""The rules of a DMP submission that can be judged on the metadata alone.

Sources: IHE ITI TF-3 §4.2.3 and §4.2.4.1 (error codes), CI-SIS XDS profile, value sets of the DMP.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dui_fhir.simulators.dmp import forms, nomenclature
from dui_fhir.simulators.dmp.ebrim import (
    APPROVED,
    DOCUMENT_TYPE,
    HAS_MEMBER,
    RPLC,
    SIGNS,
    SUBMISSION_SET_NODE,
    Problem,
    RegistryObject,
    Submission,
)
from dui_fhir.simulators.dmp.policy import Policy

METADATA = "XDSRegistryMetadataError"

DOCUMENT_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
CLASS = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
TYPE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
FORMAT = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
FACILITY = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
PRACTICE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
EVENT = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
DOCUMENT_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
DOCUMENT_UNIQUE = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_SOURCE = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
SET_UNIQUE = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"

SIGNATURE_FORMAT = ("http://www.w3.org/2000/09/xmldsig#", "URN")
_SIGNATURE_TYPE = ("E1762", "ASTM")
_SIGNATURE_CLASS = ("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN")
_NORMAL_SYSTEM = "2.16.840.1.113883.5.25"


@dataclass(frozen=True, slots=True)
class _Coded:
    name: str
    scheme: str
    least: int = 1
    most: int = 1


_DOCUMENT_CODES = (
    _Coded("author", DOCUMENT_AUTHOR, most=99),
    _Coded("classCode", CLASS),
    _Coded("typeCode", TYPE),
    _Coded("formatCode", FORMAT),
    _Coded("confidentialityCode", CONFIDENTIALITY, most=4),
    _Coded("healthcareFacilityTypeCode", FACILITY),
    _Coded("practiceSettingCode", PRACTICE),
    _Coded("eventCodeList", EVENT, least=0, most=99),
)
_SET_CODES = (_Coded("author", SET_AUTHOR, most=99), _Coded("contentTypeCode", CONTENT_TYPE))
_DOCUMENT_SLOTS = ("creationTime", "languageCode", "sourcePatientId")
_CLINICAL_SLOTS = ("legalAuthenticator", "serviceStartTime", "sourcePatientInfo")
_TIMES = ("creationTime", "serviceStartTime", "serviceStopTime")
_LISTED = (
    "typeCode",
    "classCode",
    "formatCode",
    "confidentialityCode",
    "practiceSettingCode",
    "healthcareFacilityTypeCode",
)
_SCHEME_OF = {coded.name: coded.scheme for coded in _DOCUMENT_CODES}


def is_signature(entry: RegistryObject) -> bool:
    """Tell the signature of the submission set from a clinical document."""
    return any(c.pair == SIGNATURE_FORMAT for c in entry.classified(FORMAT))


def check(submission: Submission, policy: Policy) -> list[Problem]:
    """Return every fault of the metadata, in document order."""
    return [
        *_shape(submission),
        *(p for package in submission.packages for p in _submission_set(package)),
        *(p for entry in submission.entries for p in _entry(entry)),
        *_associations(submission),
        *_identifiers(submission),
        *patients(submission, policy),
        *([] if not policy.signed_set else _signed(submission)),
    ]


def check_update(submission: Submission, policy: Policy) -> list[Problem]:
    """Return every fault of the metadata of an ITI-57 message that only changes statuses."""
    problems = [p for p in _shape(submission) if p.code == METADATA]
    return [
        *problems,
        *(p for package in submission.packages for p in _submission_set(package)),
        *_identifiers(submission),
        *patients(submission, policy),
    ]


def _fault(owner: RegistryObject, text: str, code: str = METADATA) -> Problem:
    return Problem(code=code, text=text, location=owner.id)


def _shape(submission: Submission) -> Iterator[Problem]:
    if len(submission.packages) != 1:
        yield Problem(
            code=METADATA, text=f"Il faut un lot de soumission et un seul ; reçus : {len(submission.packages)}."
        )
    if not submission.entries:
        yield Problem(code="XDSMissingDocumentMetadata", text="Le lot ne contient aucune fiche (ExtrinsicObject).")
    for tag in submission.others:
        yield Problem(code=METADATA, text=f"Objet inattendu dans RegistryObjectList : {tag}")
    for owner in submission.objects():
        yield from (_fault(owner, f"Slot répété : {name}") for name in owner.repeated_slots)
        yield from (_fault(owner, f"Slot sans valeur : {n}") for n, values in owner.slots.items() if not any(values))
        yield from _owned(owner)


def _owned(owner: RegistryObject) -> Iterator[Problem]:
    for part in owner.parts():
        if not part.id:
            yield _fault(owner, "Classification ou ExternalIdentifier sans attribut id.")
        if part.owner != owner.id:
            yield _fault(owner, f"{part.id} désigne « {part.owner} » et non l'objet qui le contient.")


def _submission_set(package: RegistryObject) -> Iterator[Problem]:
    if not any(c.node == SUBMISSION_SET_NODE for c in package.classifications):
        yield _fault(
            package, "Le RegistryPackage n'est pas classé comme lot de soumission (les classeurs sont exclus)."
        )
    time = package.one("submissionTime")
    if not (forms.UTC_TIME.fullmatch(time) and len(time) == 14):
        yield _fault(package, "submissionTime doit être une date UTC à la seconde (AAAAMMJJhhmmss).")
    yield from _cardinalities(package, _SET_CODES)
    yield from _authors(package, SET_AUTHOR)
    for name, scheme in (("patientId", SET_PATIENT), ("sourceId", SET_SOURCE), ("uniqueId", SET_UNIQUE)):
        yield from _external(package, f"XDSSubmissionSet.{name}", scheme)
    for name, scheme in (("sourceId", SET_SOURCE), ("uniqueId", SET_UNIQUE)):
        value = package.external(scheme)
        if value and not (forms.OID.fullmatch(value) and len(value) <= 64):
            yield _fault(package, f"{name} du lot doit être un OID de 64 caractères au plus.")


def _entry(entry: RegistryObject) -> Iterator[Problem]:
    signature = is_signature(entry)
    if entry.attributes.get("objectType") != DOCUMENT_TYPE:
        yield _fault(entry, f"objectType attendu : {DOCUMENT_TYPE}")
    if entry.attributes.get("status", APPROVED) != APPROVED:
        yield _fault(entry, "Une fiche soumise ne peut avoir d'autre statut qu'Approved.")
    if entry.attributes.get("mimeType") != "text/xml":
        yield _fault(entry, "mimeType attendu pour un CDA R2 : text/xml.")
    if not entry.title.strip():
        yield _fault(entry, "title (Name) est obligatoire.")
    for name in (*_DOCUMENT_SLOTS, *(() if signature else _CLINICAL_SLOTS)):
        if not entry.one(name):
            yield _fault(entry, f"Slot obligatoire absent : {name}")
    for name in (n for n in _TIMES if n in entry.slots):
        if not forms.UTC_TIME.fullmatch(entry.one(name)) or len(entry.slots[name]) != 1:
            yield _fault(entry, f"{name} doit être une date UTC sans décalage (AAAAMMJJ[hhmm[ss]]).")
    yield from _codes(entry, signature=signature)
    yield from _people(entry, signature=signature)
    for name, scheme in (("patientId", DOCUMENT_PATIENT), ("uniqueId", DOCUMENT_UNIQUE)):
        yield from _external(entry, f"XDSDocumentEntry.{name}", scheme)
    if (unique := entry.external(DOCUMENT_UNIQUE)) and not forms.UNIQUE_ID.fullmatch(unique):
        yield _fault(entry, "uniqueId doit être un OID de 64 caractères au plus (suivi de ^extension, à éviter).")


def _people(entry: RegistryObject, *, signature: bool) -> Iterator[Problem]:
    yield from _authors(entry, DOCUMENT_AUTHOR)
    for value in entry.slots.get("legalAuthenticator", ()):
        if fault := forms.person_fault(value):
            yield _fault(entry, f"legalAuthenticator : {fault}")
    if entry.one("sourcePatientId") and not forms.CX.fullmatch(entry.one("sourcePatientId")):
        yield _fault(entry, "sourcePatientId : forme CX attendue, id^^^&oid&ISO^PI (ou ^NH).")
    fields = [value.partition("|")[0] for value in entry.slots.get("sourcePatientInfo", ())]
    for name in ("PID-5", "PID-7", "PID-8"):
        if name not in fields and not signature:
            yield _fault(entry, f"sourcePatientInfo : {name} est obligatoire.")


def _cardinalities(owner: RegistryObject, table: Iterable[_Coded]) -> Iterator[Problem]:
    for coded in table:
        count = len(owner.classified(coded.scheme))
        if not coded.least <= count <= coded.most:
            yield _fault(owner, f"{coded.name} : {count} classification(s), attendu {coded.least} à {coded.most}.")


def _codes(entry: RegistryObject, *, signature: bool) -> Iterator[Problem]:
    yield from _cardinalities(entry, _DOCUMENT_CODES)
    for coded in (c for c in _DOCUMENT_CODES if c.name != "author"):
        for found in entry.classified(coded.scheme):
            if not all(found.pair) or not found.display:
                yield _fault(entry, f"{coded.name} : code, codingScheme et libellé (Name) sont obligatoires.")
    for name in _LISTED:
        for found in entry.classified(_SCHEME_OF[name]):
            if found.pair not in _allowed(name, signature=signature):
                yield _fault(entry, f"{name} hors du jeu de valeurs du DMP : {found.code} ({found.pair[1]})")
    if not signature:
        yield from _class_of_type(entry)
        yield from _confidentiality(entry)


def _allowed(name: str, *, signature: bool) -> frozenset[tuple[str, str]]:
    own = {"typeCode": _SIGNATURE_TYPE, "classCode": _SIGNATURE_CLASS, "formatCode": SIGNATURE_FORMAT}.get(name)
    if signature and own:
        return frozenset({own})
    return nomenclature.pairs(name) - ({own} if own else set())


def _class_of_type(entry: RegistryObject) -> Iterator[Problem]:
    for kind, group in zip(entry.classified(TYPE), entry.classified(CLASS), strict=False):
        expected = nomenclature.class_of_type().get(kind.code)
        if expected and group.code != expected:
            yield _fault(entry, f"classCode {group.code} ne va pas avec typeCode {kind.code} (attendu : {expected}).")


def _confidentiality(entry: RegistryObject) -> Iterator[Problem]:
    codes = [c.pair for c in entry.classified(CONFIDENTIALITY)]
    if sum(scheme == _NORMAL_SYSTEM for _, scheme in codes) != 1:
        yield _fault(entry, "confidentialityCode : il faut N, R ou V, et un seul d'entre eux.")
    if len(set(codes)) != len(codes):
        yield _fault(entry, "confidentialityCode répété.")
    if {"MASQUE_PS", "INVISIBLE_PATIENT"} <= {code for code, _ in codes}:
        yield _fault(entry, "MASQUE_PS et INVISIBLE_PATIENT ne vont pas ensemble.")


def _authors(owner: RegistryObject, scheme: str) -> Iterator[Problem]:
    for author in owner.classified(scheme):
        persons, structures = author.slots.get("authorPerson", ()), author.slots.get("authorInstitution", ())
        if len(persons) != 1:
            yield _fault(owner, "author : authorPerson doit avoir une valeur et une seule.")
        yield from (_fault(owner, f"authorPerson : {f}") for v in persons if (f := forms.person_fault(v)))
        yield from (_fault(owner, f"authorInstitution : {f}") for v in structures if (f := forms.structure_fault(v)))
        if not structures and not any(person.endswith("^NH") for person in persons):
            yield _fault(owner, "author : authorInstitution est obligatoire pour un professionnel ou un système.")
        for value in author.slots.get("authorSpecialty", ()):
            if len(value.split("^")) != 3 or not forms.OID.fullmatch(value.rpartition("^")[2]):
                yield _fault(owner, "authorSpecialty : forme attendue code^libellé^OID.")


def _external(owner: RegistryObject, name: str, scheme: str) -> Iterator[Problem]:
    found = [e for e in owner.external_ids if e.scheme == scheme]
    if len(found) != 1 or not found[0].value:
        yield _fault(owner, f"{name} : il faut une valeur et une seule.")
    elif found[0].name != name:
        yield _fault(owner, f"ExternalIdentifier {scheme} : Name attendu « {name} ».")


def _associations(submission: Submission) -> Iterator[Problem]:
    known = {o.id for o in (*submission.packages, *submission.entries)}
    members: list[str] = []
    for association in submission.associations:
        kind, source, target = _ends(association)
        if source not in known:
            yield _fault(association, f"sourceObject « {source} » ne désigne aucun objet du lot.")
        if kind == HAS_MEMBER:
            members.append(target)
            yield from _member(association, known)
        elif kind == RPLC and not forms.UUID_URN.fullmatch(target):
            yield _fault(association, "RPLC : targetObject doit être l'entryUUID (urn:uuid:…) du document remplacé.")
        elif kind not in (RPLC, SIGNS):
            yield _fault(association, f"associationType non admis : {kind}")
    for entry in submission.entries:
        if members.count(entry.id) != 1:
            yield _fault(entry, "Chaque fiche doit être rattachée au lot par un HasMember et un seul.")


def _ends(association: RegistryObject) -> tuple[str, str, str]:
    attributes = association.attributes
    return attributes.get("associationType", ""), attributes.get("sourceObject", ""), attributes.get("targetObject", "")


def _member(association: RegistryObject, known: set[str]) -> Iterator[Problem]:
    if association.attributes.get("targetObject") not in known:
        yield _fault(association, "HasMember : targetObject ne désigne aucune fiche du lot.")
    if association.slots.get("SubmissionSetStatus") != ("Original",):
        yield _fault(association, "HasMember : slot SubmissionSetStatus attendu, de valeur Original.")


def _identifiers(submission: Submission) -> Iterator[Problem]:
    seen: set[str] = set()
    for owner in submission.objects():
        for identifier in (owner.id, *(part.id for part in owner.parts())):
            if not identifier or identifier in seen:
                yield _fault(owner, f"Attribut id absent ou répété dans le message : {identifier}")
            seen.add(identifier)
    unique = [*(e.external(DOCUMENT_UNIQUE) for e in submission.entries)]
    unique += [p.external(SET_UNIQUE) for p in submission.packages]
    for value in sorted({v for v in unique if v and unique.count(v) > 1}):
        yield Problem(code="XDSRegistryDuplicateUniqueIdInMessage", text=f"uniqueId répété dans le message : {value}")


def patients(submission: Submission, policy: Policy) -> list[Problem]:
    """Return the faults of the patient identifiers: form, root, one patient for the whole submission."""
    found = [(p, p.external(SET_PATIENT)) for p in submission.packages]
    found += [(e, e.external(DOCUMENT_PATIENT)) for e in submission.entries]
    problems = []
    for owner, value in found:
        match = forms.INS_CX.fullmatch(value)
        if match is None:
            problems.append(_fault(owner, "patientId : INS attendue, <15 caractères>^^^&<oid>&ISO^NH."))
        elif match["root"] not in policy.ins_oids:
            text = f"patientId : OID {match['root']} étranger à l'environnement « {policy.environment} »."
            problems.append(_fault(owner, text, "XDSUnknownPatientId"))
    if len({value.split("^^^", 1)[0] for _, value in found}) > 1:
        problems.append(
            Problem(code="XDSPatientIdDoesNotMatch", text="Le lot et ses fiches désignent plusieurs patients.")
        )
    return problems


def _signed(submission: Submission) -> Iterator[Problem]:
    signatures = [e.id for e in submission.entries if is_signature(e)]
    if len(signatures) != 1:
        yield Problem(code=METADATA, text="Le lot doit contenir une fiche de signature et une seule.")
    signs = [a for a in submission.associations if a.attributes.get("associationType") == SIGNS]
    ends = {(a.attributes.get("sourceObject"), a.attributes.get("targetObject")) for a in signs}
    if ends != {(s, p.id) for s in signatures for p in submission.packages}:
        yield Problem(code=METADATA, text="Une association signs doit aller de la fiche de signature au lot.")

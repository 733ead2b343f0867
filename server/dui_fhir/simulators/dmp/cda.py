"""The header of a CDA R2 document, checked and read: CI-SIS « Structuration minimale » (V1.16)."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dui_fhir.simulators.dmp import forms
from dui_fhir.simulators.soap import Element, MalformedXml, parse

V3 = "urn:hl7-org:v3"
INVALID = "InvalidDocumentContent"
_NS = {"c": V3}
_HEADER = (
    "realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode",
    "setId", "versionNumber", "copyTime", "recordTarget", "author", "dataEnterer", "informant", "custodian",
    "informationRecipient", "legalAuthenticator", "authenticator", "participant", "inFulfillmentOf", "documentationOf",
    "relatedDocument", "authorization", "componentOf", "component",
)  # fmt: skip
_ONCE = (
    "realmCode", "typeId", "id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId",
    "versionNumber", "recordTarget", "custodian", "legalAuthenticator", "componentOf", "component",
)  # fmt: skip
_AT_LEAST_ONCE = ("author", "documentationOf")
_TEMPLATES = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1")
_XDS_SD = "1.3.6.1.4.1.19376.1.2.20"
_WITH_OFFSET = re.compile(r"\d{14}[+-]\d{4}")
_QUALIFIERS = frozenset({"BR", "CL"})
_PREFIXED = re.compile(r"(?:tel|mailto|fax|http|https|ftp|mllp):.+")
_IHE, _ANS = "1.3.6.1.4.1.19376.1.2.3", "1.2.250.1.213.1.1.4.2.282"
_N1_FORMATS = {
    "application/pdf": "urn:ihe:iti:xds-sd:pdf:2008",
    "text/plain": "urn:ihe:iti:xds-sd:text:2008",
    "text/rtf": "urn:ihe:iti-fr:xds-sd:rtf:2010",
    "image/jpeg": "urn:ihe:iti-fr:xds-sd:jpeg:2010",
    "image/tiff": "urn:ihe:iti-fr:xds-sd:tiff:2010",
}
_MODEL = "1.2.250.1.213.1.1.1."
# The most telling template first: a CR-BIO or a prescription carries several.
_N3_FORMATS = (
    (_MODEL + "22", "urn:asip:ci-sis:dlu:2015", _ANS),
    (_MODEL + "23", "urn:asip:ci-sis:fludt:2017", _ANS),
    (_MODEL + "24", "urn:asip:ci-sis:fludr:2017", _ANS),
    (_MODEL + "61", "urn:asip:ci-sis:ft-su:2024", _ANS),
    (_MODEL + "62", "urn:asip:ci-sis:fr-su:2024", _ANS),
    (_MODEL + "13", "urn:asip:ci-sis:vsm:2012", _ANS),
    (_MODEL + "21", "urn:asip:ci-sis:ldl-ees:2017", _ANS),
    (_MODEL + "29", "urn:asip:ci-sis:ldl-ses:2017", _ANS),
    (_MODEL + "45", "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013", _IHE),
    (_MODEL + "20", "urn:asip:ci-sis:pps-paerpa:2017", _ANS),
    (_MODEL + "26", "urn:asip:ci-sis:pps-cancer:2017", _ANS),
    (_MODEL + "56", "urn:asip:ci-sis:ppp:2023", _ANS),
    (_MODEL + "37", "urn:asip:ci-sis:vac:2019", _ANS),
    (_MODEL + "46", "urn:asip:ci-sis:vac-note:2021", _ANS),
    ("1.3.6.1.4.1.19376.1.3.3", "urn:ihe:lab:xd-lab:2008", _IHE),
    ("1.3.6.1.4.1.19376.1.9.1.1.1", "urn:ihe:pharm:pre:2010", _IHE),
    ("1.3.6.1.4.1.19376.1.9.1.1.3", "urn:ihe:pharm:dis:2010", _IHE),
)
_IPS_FORMATS = {
    "74207-2": ("urn:asip:ci-sis:dlu:2024", _ANS),
    "60591-5": ("urn:ihe:pcc:ips:2020", _IHE),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """``author/assignedAuthor``: identifiers of the person or system, and of the organisation."""

    persons: frozenset[str]
    organization: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the DMP compares with the metadata. Times are CDA timestamps as written."""

    unique_id: str
    set_id: str
    version: int
    code: tuple[str, str]
    title: str
    created: str
    confidentiality: tuple[str, str]
    language: str
    patient_ids: frozenset[tuple[str, str]]  # (root, extension)
    birth_family: str
    birth_given: str
    birth_date: str
    gender: str
    authors: tuple[Author, ...]
    legal_authenticators: frozenset[str]
    service_start: str
    service_stop: str
    practice: tuple[str, str]
    facility: tuple[str, str]
    format: tuple[str, str] | None  # None: no pairing published for the model
    replaced: str  # uniqueId of the parent document; empty when there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A CDA document and its faults in French; ``header`` is None when it cannot be read at all."""

    header: Header | None
    faults: tuple[str, ...]


def read(data: bytes) -> Document:
    """Check and read a CDA document."""
    try:
        root = parse(data)
    except MalformedXml as error:
        return Document(header=None, faults=(str(error),))
    if root.tag != f"{{{V3}}}ClinicalDocument":
        return Document(header=None, faults=("La racine n'est pas ClinicalDocument (urn:hl7-org:v3).",))
    faults = tuple(_faults(root))
    return Document(header=_header(root), faults=faults)


def _faults(root: Element) -> Iterator[str]:
    yield from _sequence(root)
    yield from _fixed(root)
    yield from _patient(root)
    yield from _people(root)
    yield from _context(root)
    yield from _body(root)


def _sequence(root: Element) -> Iterator[str]:
    names = [_local(child) for child in root if isinstance(child.tag, str)]
    yield from (f"{name} : une occurrence et une seule." for name in _ONCE if names.count(name) != 1)
    yield from (f"{name} : au moins une occurrence." for name in _AT_LEAST_ONCE if name not in names)
    known = [_HEADER.index(name) for name in names if name in _HEADER]
    if known != sorted(known) or len(known) != len(names):
        yield "Les éléments de l'en-tête ne sont pas dans l'ordre du schéma, ou l'un d'eux est inconnu."
    for name in (
        "id",
        "code",
        "title",
        "effectiveTime",
        "confidentialityCode",
        "languageCode",
        "setId",
        "versionNumber",
    ):
        if root.find(f"c:{name}[@nullFlavor]", _NS) is not None:
            yield f"{name} : nullFlavor est interdit."


def _fixed(root: Element) -> Iterator[str]:
    if _at(root, "c:realmCode/@code") != "FR":
        yield "realmCode/@code doit valoir FR."
    if (_at(root, "c:typeId/@root"), _at(root, "c:typeId/@extension")) != ("2.16.840.1.113883.1.3", "POCD_HD000040"):
        yield "typeId doit valoir 2.16.840.1.113883.1.3 / POCD_HD000040."
    templates = _all(root, "c:templateId/@root")
    yield from (f"templateId absent : {template}" for template in _TEMPLATES if template not in templates)
    if not forms.OID.fullmatch(_at(root, "c:id/@root")):
        yield "id/@root doit être un OID."
    if not (_at(root, "c:code/@code") and _at(root, "c:code/@codeSystem") and _at(root, "c:code/@displayName")):
        yield "code : @code, @codeSystem et @displayName sont obligatoires."
    if not _text(root, "c:title"):
        yield "title est vide."
    if not _WITH_OFFSET.fullmatch(_at(root, "c:effectiveTime/@value")):
        yield "effectiveTime : à la seconde et avec décalage (AAAAMMJJhhmmss+hhmm)."
    if _at(root, "c:languageCode/@code") != "fr-FR":
        yield "languageCode/@code doit valoir fr-FR."
    if not re.fullmatch(r"[1-9]\d*", _at(root, "c:versionNumber/@value")):
        yield "versionNumber doit être un entier positif."


def _patient(root: Element) -> Iterator[str]:
    role = "c:recordTarget/c:patientRole/"
    identities = [(i.get("root", ""), i.get("extension", "")) for i in root.iterfind(role + "c:id", _NS)]
    national = [extension for ins_root, extension in identities if ins_root.startswith("1.2.250.1.213.1.4.")]
    if not national:
        yield "recordTarget : le DMP ne connaît un patient que par son INS."
    yield from ("INS malformée (15 caractères)." for extension in national if not forms.INS.fullmatch(extension))
    person = role + "c:patient/"
    for path, label in (
        ("c:name/c:family[@qualifier='BR']", "nom de naissance (family BR)"),
        ("c:name/c:given[@qualifier='BR']", "premier prénom de naissance (given BR)"),
        ("c:birthplace/c:place/c:addr/c:county", "code du lieu de naissance (county)"),
    ):
        if not _text(root, person + path):
            yield f"Trait obligatoire absent avec une INS : {label}."
    if not re.fullmatch(r"\d{8}", _at(root, person + "c:birthTime/@value")):
        yield "birthTime : AAAAMMJJ attendu."
    if _at(root, person + "c:administrativeGenderCode/@code") not in ("F", "M", "UN"):
        yield "administrativeGenderCode : F, M ou UN attendu."
    for part in root.iterfind(person + "c:name/*", _NS):
        name, qualifier = _local(part), part.get("qualifier")
        if (
            name == "family"
            and qualifier not in _QUALIFIERS
            or name == "given"
            and qualifier not in {*_QUALIFIERS, None}
        ):
            yield f"{name}/@qualifier : BR ou CL attendu."


def _people(root: Element) -> Iterator[str]:
    for author in root.iterfind("c:author", _NS):
        if not _at(author, "c:time/@value"):
            yield "author/time est obligatoire."
        yield from _identified(author, "c:assignedAuthor", "author")
    for path, name in (
        ("c:legalAuthenticator", "legalAuthenticator"),
        ("c:documentationOf[1]/c:serviceEvent/c:performer", "performer"),
    ):
        for element in root.iterfind(path, _NS):
            yield from _identified(element, "c:assignedEntity", name)
    if (
        root.find("c:legalAuthenticator", _NS) is not None
        and _at(root, "c:legalAuthenticator/c:signatureCode/@code") != "S"
    ):
        yield "legalAuthenticator/signatureCode doit valoir S."
    for telecom in root.iterfind(".//c:telecom", _NS):
        if telecom.get("nullFlavor") is None and not _PREFIXED.fullmatch(telecom.get("value", "")):
            yield "telecom/@value doit commencer par tel:, mailto:, fax:, http:, ftp: ou mllp:."


def _identified(element: Element, path: str, name: str) -> Iterator[str]:
    identities = element.findall(f"{path}/c:id", _NS)
    if not identities:
        yield f"{name} : id est obligatoire."
    for identity in identities:
        extension = identity.get("extension", "")
        national = identity.get("root") == forms.PS_ROOT
        if national and not (forms.PS_ID.fullmatch(extension) or _system_id(extension)):
            yield f"{name} : PS_IdNat malformé."
    for structure in element.iterfind(f"{path}/c:representedOrganization/c:id", _NS):
        if structure.get("root") == forms.STRUCTURE_ROOT and not forms.STRUCTURE_ID.fullmatch(
            structure.get("extension", "")
        ):
            yield f"{name} : Struct_IdNat malformé."


def _system_id(extension: str) -> bool:
    structure, slash, internal = extension.partition("/")
    return bool(slash and internal) and structure[:1] in "123456"


def _context(root: Element) -> Iterator[str]:
    event = "c:documentationOf[1]/c:serviceEvent/"
    if not _at(root, event + "c:effectiveTime/c:low/@value"):
        yield "serviceEvent principal : effectiveTime/low est obligatoire."
    performer = event + "c:performer/c:assignedEntity/c:representedOrganization/c:standardIndustryClassCode/@code"
    if not _at(root, performer):
        yield "serviceEvent principal : performer et standardIndustryClassCode sont obligatoires."
    encounter = "c:componentOf/c:encompassingEncounter/"
    if root.find(encounter + "c:effectiveTime", _NS) is None:
        yield "encompassingEncounter/effectiveTime est obligatoire."
    if not _at(root, encounter + "c:location/c:healthCareFacility/c:code/@code"):
        yield "encompassingEncounter : healthCareFacility/code est obligatoire."
    related = root.find("c:relatedDocument", _NS)
    if related is not None and (related.get("typeCode") != "RPLC" or not _at(related, "c:parentDocument/c:id/@root")):
        yield "relatedDocument : typeCode RPLC et parentDocument/id attendus."


def _body(root: Element) -> Iterator[str]:
    text = root.find("c:component/c:nonXMLBody/c:text", _NS)
    if text is None:
        if root.find("c:component/c:structuredBody/c:component/c:section", _NS) is None:
            yield "component : nonXMLBody/text ou structuredBody avec une section est obligatoire."
        return
    if len(_all(root, "c:templateId/@root")) != 3 or _XDS_SD not in _all(root, "c:templateId/@root"):
        yield f"Niveau 1 : trois templateId exactement, dont {_XDS_SD}."
    if text.get("mediaType") not in _N1_FORMATS or text.get("representation") != "B64":
        yield "nonXMLBody/text : mediaType et representation B64 attendus."
    try:
        content = base64.b64decode("".join((text.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        yield "nonXMLBody/text : base64 illisible."
        return
    if not content or text.get("mediaType") == "application/pdf" and not content.startswith(b"%PDF-1."):
        yield "nonXMLBody/text : contenu vide, ou qui n'est pas un PDF."


def _header(root: Element) -> Header:
    role = "c:recordTarget/c:patientRole/"
    event = "c:documentationOf[1]/c:serviceEvent/"
    practice = event + "c:performer[1]/c:assignedEntity/c:representedOrganization/c:standardIndustryClassCode"
    version = _at(root, "c:versionNumber/@value")
    return Header(
        unique_id=_unique(root, "c:id"),
        set_id=_unique(root, "c:setId"),
        version=int(version) if version.isdecimal() else 0,
        code=_code(root, "c:code"),
        title=_text(root, "c:title"),
        created=_at(root, "c:effectiveTime/@value"),
        confidentiality=_code(root, "c:confidentialityCode"),
        language=_at(root, "c:languageCode/@code"),
        patient_ids=frozenset((i.get("root", ""), i.get("extension", "")) for i in root.iterfind(role + "c:id", _NS)),
        birth_family=_text(root, role + "c:patient/c:name/c:family[@qualifier='BR']"),
        birth_given=_text(root, role + "c:patient/c:name/c:given[@qualifier='BR']"),
        birth_date=_at(root, role + "c:patient/c:birthTime/@value"),
        gender=_at(root, role + "c:patient/c:administrativeGenderCode/@code"),
        authors=tuple(_author(a) for a in root.iterfind("c:author/c:assignedAuthor", _NS)),
        legal_authenticators=frozenset(_all(root, "c:legalAuthenticator/c:assignedEntity/c:id/@extension")),
        service_start=_at(root, event + "c:effectiveTime/c:low/@value"),
        service_stop=_at(root, event + "c:effectiveTime/c:high/@value"),
        practice=_code(root, practice),
        facility=_code(root, "c:componentOf/c:encompassingEncounter/c:location/c:healthCareFacility/c:code"),
        format=_format(root),
        replaced=_unique(root, "c:relatedDocument[@typeCode='RPLC']/c:parentDocument/c:id"),
    )


def _format(root: Element) -> tuple[str, str] | None:
    media = _at(root, "c:component/c:nonXMLBody/c:text/@mediaType")
    if media:
        return (_N1_FORMATS[media], _IHE) if media in _N1_FORMATS else None
    templates = _all(root, "c:templateId/@root")
    if _MODEL + "51" in templates:
        return _IPS_FORMATS.get(_at(root, "c:code/@code"))
    return next(((code, scheme) for template, code, scheme in _N3_FORMATS if template in templates), None)


def _author(element: Element) -> Author:
    return Author(
        persons=frozenset(_all(element, "c:id/@extension")),
        organization=_at(element, f"c:representedOrganization/c:id[@root='{forms.STRUCTURE_ROOT}']/@extension"),
    )


def _unique(root: Element, path: str) -> str:
    oid, extension = _at(root, f"{path}/@root"), _at(root, f"{path}/@extension")
    return f"{oid}^{extension}" if extension else oid


def _code(root: Element, path: str) -> tuple[str, str]:
    return _at(root, f"{path}/@code"), _at(root, f"{path}/@codeSystem")


def _all(element: Element, path: str) -> list[str]:
    return [str(value) for value in element.xpath(path, namespaces=_NS)]


def _at(element: Element, path: str) -> str:
    return next(iter(_all(element, path)), "")


def _text(element: Element, path: str) -> str:
    return str(element.findtext(path, default="", namespaces=_NS) or "").strip()


def _local(element: Element) -> str:
    return str(element.tag).removeprefix(f"{{{V3}}}")

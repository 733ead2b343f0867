"""What the metadata say of a document against what the document says of itself (CI-SIS, links CDA header – XDS)."""

import hashlib
from collections.abc import Iterator

from dui_fhir.simulators.dmp import forms, metadata, nomenclature
from dui_fhir.simulators.dmp.cda import Author, Header
from dui_fhir.simulators.dmp.ebrim import Problem, RegistryObject


def file_problems(entry: RegistryObject, data: bytes) -> Iterator[Problem]:
    """Compare hash and size, where the source gave them (ITI TF-2 §3.41: an error of the repository)."""
    if "hash" in entry.slots and entry.one("hash").lower() != hashlib.sha1(data, usedforsecurity=False).hexdigest():
        yield _problem(entry, "hash n'est pas le SHA-1 des octets reçus.", "XDSRepositoryMetadataError")
    if "size" in entry.slots and entry.one("size") != str(len(data)):
        yield _problem(entry, f"size ne vaut pas {len(data)}, le nombre d'octets reçus.", "XDSRepositoryMetadataError")


def problems(entry: RegistryObject, header: Header) -> Iterator[Problem]:
    """Compare an entry with the header of its CDA document."""
    yield from _values(entry, header)
    yield from _coded(entry, header)
    yield from _patient(entry, header)
    yield from _authors(entry, header.authors)


def _problem(entry: RegistryObject, text: str, code: str = metadata.METADATA) -> Problem:
    return Problem(code=code, text=text, location=entry.id)


def _values(entry: RegistryObject, header: Header) -> Iterator[Problem]:
    for name, found, expected in (
        ("uniqueId", entry.external(metadata.DOCUMENT_UNIQUE), header.unique_id),
        ("title", entry.title, header.title),
        ("languageCode", entry.one("languageCode"), header.language),
        ("creationTime", entry.one("creationTime"), forms.to_utc(header.created)),
        ("serviceStartTime", entry.one("serviceStartTime"), forms.to_utc(header.service_start)),
        ("serviceStopTime", entry.one("serviceStopTime"), forms.to_utc(header.service_stop)),
    ):
        # A stop time is optional in the metadata, even where the document has one.
        if found != expected and not (name == "serviceStopTime" and not found):
            yield _problem(entry, f"{name} : « {found} » dans la fiche, « {expected} » d'après le CDA.")
    signers = {forms.person_id(v) for v in entry.slots.get("legalAuthenticator", ())}
    if not signers <= header.legal_authenticators:
        yield _problem(entry, "legalAuthenticator n'est pas celui du CDA.")


def _coded(entry: RegistryObject, header: Header) -> Iterator[Problem]:
    # ESSMS stands in the CDA's value set but not in the DMP's: the metadata must then differ.
    practice = header.practice if header.practice in nomenclature.pairs("practiceSettingCode") else None
    for name, scheme, expected in (
        ("typeCode", metadata.TYPE, header.code),
        ("healthcareFacilityTypeCode", metadata.FACILITY, header.facility),
        ("practiceSettingCode", metadata.PRACTICE, practice),
        ("formatCode", metadata.FORMAT, header.format),
    ):
        found = [c.pair for c in entry.classified(scheme)]
        if expected is not None and found and expected not in found:
            yield _problem(entry, f"{name} : « {found[0][0]} » dans la fiche, « {expected[0]} » d'après le CDA.")
    if header.confidentiality not in [c.pair for c in entry.classified(metadata.CONFIDENTIALITY)]:
        yield _problem(entry, f"confidentialityCode : « {header.confidentiality[0]} », celui du CDA, est absent.")


def _patient(entry: RegistryObject, header: Header) -> Iterator[Problem]:
    match = forms.INS_CX.fullmatch(entry.external(metadata.DOCUMENT_PATIENT))
    if match and (match["root"], match["value"]) not in header.patient_ids:
        yield _problem(entry, "patientId n'est pas l'INS du CDA.", "XDSPatientIdDoesNotMatch")
    local = forms.CX.fullmatch(entry.one("sourcePatientId"))
    if local and (local["root"], local["value"]) not in header.patient_ids:
        yield _problem(entry, "sourcePatientId n'est pas un identifiant du patient dans le CDA.")
    values = entry.slots.get("sourcePatientInfo", ())
    fields = [tuple(value.partition("|")[::2]) for value in values]
    birth_name = f"{header.birth_family}^{header.birth_given}^^^^^L"
    for name, expected in (
        ("PID-5", birth_name),
        ("PID-7", header.birth_date),
        ("PID-8", "U" if header.gender == "UN" else header.gender),
    ):
        found = [value for field, value in fields if field == name]
        if found and expected not in found:
            yield _problem(entry, f"sourcePatientInfo : {name} ne correspond pas au CDA.")


def _authors(entry: RegistryObject, expected: tuple[Author, ...]) -> Iterator[Problem]:
    found = entry.classified(metadata.DOCUMENT_AUTHOR)
    if len(found) != len(expected):
        yield _problem(entry, f"author : {len(found)} dans la fiche, {len(expected)} dans le CDA.")
    for author in found:
        person = forms.person_id("".join(author.slots.get("authorPerson", ())[:1]))
        organizations = {forms.structure_id(value) for value in author.slots.get("authorInstitution", ())}
        if not any(_same(person, organizations, candidate) for candidate in expected):
            yield _problem(entry, "author : personne et structure ne sont pas celles d'un auteur du CDA.")


def _same(person: str, organizations: set[str], author: Author) -> bool:
    return person in author.persons and (not author.organization or author.organization in organizations)

"""From the resources of a job to a document: everything that is missing is told at once."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from dui_fhir.connectors import nomenclature
from dui_fhir.connectors.cda.values import (
    Act,
    Author,
    CdaInput,
    Organization,
    Patient,
    Professional,
    Signatory,
    Stay,
)
from dui_fhir.connectors.dmp import ids
from dui_fhir.connectors.dmp.coding import codes, codings, hour, moment, oid_of
from dui_fhir.connectors.dmp.content import content
from dui_fhir.connectors.dmp.faults import Faults
from dui_fhir.connectors.dmp.patient import patient_of
from dui_fhir.connectors.dmp.people import Directory, sector
from dui_fhir.connectors.dmp.signatories import signatories
from dui_fhir.connectors.nomenclature import CONFIDENTIALITY, IHE_FORMATS, VISIBILITY, Code, DocumentType
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.job import Job
from dui_fhir.ports import Reader

PDF_FORMAT = Code(
    code="urn:ihe:iti:xds-sd:pdf:2008", system=IHE_FORMATS, display="Document à corps non structuré en Pdf/A-1"
)
_FINAL = ("final", "amended")
_LEVELS = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}
_HIDDEN = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux",
}
_CHAIN_MAX = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the settings decide. ``practice``: setting written where the DMP does not know the document's."""

    zone: tzinfo
    practice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A document ready to be built; ``visibility`` travels in the metadata only."""

    document: CdaInput
    class_code: Code
    visibility: tuple[Code, ...]


def gather(tenant: str, job: Job, reader: Reader, rules: Rules) -> Gathered:
    """Return the document that a job names.

    Raises: Unprocessable with every fault found (ids ``dmp-…``).
    """
    reference = str(job.payload.get("document", ""))
    resource = reader.read(reference)
    if resource is None:
        raise Unprocessable.of("dmp-no-document", "Le document à envoyer n'existe plus.", "DocumentReference is gone")
    return _Gathering(tenant, resource, reader, rules).run(job)


class _Gathering:
    def __init__(self, tenant: str, resource: Resource, reader: Reader, rules: Rules) -> None:
        self.tenant = tenant
        self.resource = resource
        self.reader = reader
        self.rules = rules
        self.faults = Faults()
        self.directory = Directory(resource, reader, self.faults)
        self.context: dict[str, Any] = resource.get("context", {})
        self.attachment: dict[str, Any] = next((c.get("attachment", {}) for c in resource.get("content", [])), {})

    def run(self, job: Job) -> Gathered:
        self._state()
        kind = self._type()
        patient = self._patient()
        custodian = self._custodian()
        signed = self._signatories(custodian) if custodian else []
        authors = self._authors(custodian) if custodian else []
        facility = self._facility()
        data = content(self.resource, str(job.payload.get("sha1")), self.reader, self.faults)
        created = self._created()
        if self.faults.issues or not (patient and kind and kind.class_code and custodian and facility and created):
            raise Unprocessable(self.faults.issues)
        document = self._document(job, kind, patient, custodian, authors, signed, facility, data, created)
        return Gathered(document=document, class_code=kind.class_code, visibility=self._visibility())

    def _document(
        self,
        job: Job,
        kind: DocumentType,
        patient: Patient,
        custodian: Organization,
        authors: list[Author],
        signed: list[Signatory],
        facility: Code,
        data: bytes,
        created: datetime,
    ) -> CdaInput:
        first, version = self._chain()
        replaced = self.reader.read(job.payload["replaces"]) if job.payload.get("replaces") else None
        return CdaInput(
            unique_id=ids.document_id(self.tenant, self.resource),
            set_id=ids.version_set_id(self.tenant, first),
            version=version,
            title=self._title(kind),
            type=kind.code,
            created=created,
            confidentiality=self._confidentiality(),
            patient=patient,
            authors=tuple(authors),
            custodian=custodian,
            legal_authenticator=signed[0],
            authenticators=tuple(signed[1:]),
            act=self._act(authors, signed[0], created),
            stay=self._stay(facility),
            content=data,
            replaces=ids.document_id(self.tenant, replaced) if replaced else None,
        )

    def _state(self) -> None:
        if self.resource.get("status") != "current":
            self.faults.add(
                "dmp-not-current", "Le document a été remplacé ou annulé avant son envoi.", "DocumentReference.status"
            )
        if self.resource.get("docStatus") not in _FINAL:
            self.faults.add("dmp-not-final", "Le document n'est pas finalisé.", "DocumentReference.docStatus")

    def _type(self) -> DocumentType | None:
        found = next(filter(None, map(nomenclature.document_type, codes(self.resource.get("type")))), None)
        if found is None or not found.dmp or found.class_code is None:
            self.faults.add(
                "dmp-type", "Le type du document n'est pas dans la liste du DMP (JDV_J66).", "DocumentReference.type"
            )
        return found

    def _patient(self) -> Patient | None:
        patient = self.directory.resolve(self.resource.get("subject"))
        if patient is None or patient.get("resourceType") != "Patient":
            self.faults.add("dmp-no-patient", "La personne concernée est introuvable.", "DocumentReference.subject")
            return None
        return patient_of(patient, self.faults)

    def _custodian(self) -> Organization | None:
        found = self.directory.organization(self._structure())
        if found is None:
            self.faults.add(
                "dmp-custodian",
                "La structure qui conserve le document n'a ni FINESS ni nom utilisables.",
                "DocumentReference.custodian",
            )
        return found

    def _structure(self) -> Resource | None:
        """Return the custodian, else the structure of the stay."""
        custodian = self.directory.resolve(self.resource.get("custodian"))
        if custodian is not None:
            return custodian
        return self.directory.resolve((self._encounter() or {}).get("serviceProvider"))

    def _authors(self, custodian: Organization) -> list[Author]:
        authors = self.resource.get("author", [])
        if not authors:
            self.faults.add("dmp-no-author", "Le document n'a pas d'auteur.", "DocumentReference.author")
        found = [self.directory.author(a, custodian, f"DocumentReference.author[{i}]") for i, a in enumerate(authors)]
        time = self._created()
        return [Author(who=f[0], organization=f[1], time=time) for f in found if f is not None and time is not None]

    def _signatories(self, custodian: Organization) -> list[Signatory]:
        return signatories(self.resource, self.directory, self.reader, custodian, self.rules.zone, self.faults)

    def _facility(self) -> Code | None:
        stated = next((c for c in codes(self.context.get("facilityType")) if nomenclature.facility(c)), None)
        code = stated or sector(self._structure())
        found = nomenclature.facility(code) if code else None
        if found is None:
            self.faults.add(
                "dmp-facility",
                "Le secteur d'activité de la structure n'est pas renseigné.",
                "DocumentReference.context.facilityType",
            )
        return found

    def _created(self) -> datetime | None:
        zone = self.rules.zone
        for text in (self.attachment.get("creation"), self.resource.get("date")):
            if (found := hour(moment(text, zone), zone)) is not None:
                return found
        self.faults.add("dmp-no-date", "La date du document n'est pas renseignée.", "DocumentReference.date")
        return None

    def _title(self, kind: DocumentType) -> str:
        return str(self.attachment.get("title") or self.resource.get("description") or kind.code.display)

    def _confidentiality(self) -> Code:
        stated = {c for c in codes(self.resource.get("securityLabel")) if c in _LEVELS}
        level = next((c for c in ("V", "R") if c in stated), "N")
        return Code(code=level, system=CONFIDENTIALITY, display=_LEVELS[level])

    def _visibility(self) -> tuple[Code, ...]:
        stated = codes(self.resource.get("securityLabel"))
        return tuple(Code(code=c, system=VISIBILITY, display=text) for c, text in _HIDDEN.items() if c in stated)

    def _act(self, authors: list[Author], signatory: Signatory, created: datetime) -> Act:
        person = next((a for a in authors if isinstance(a.who, Professional)), None)
        performer = person.who if person and isinstance(person.who, Professional) else signatory.who
        stated = next((c for c in codes(self.context.get("practiceSetting")) if nomenclature.practice(c)), None)
        practice = nomenclature.practice(stated or self.rules.practice)
        if practice is None:
            raise LookupError(f"dmp_practice_setting {self.rules.practice!r} is not in JDV_J62")
        period = self.context.get("period", {})
        return Act(
            start=moment(period.get("start"), self.rules.zone) or created,
            stop=moment(period.get("end"), self.rules.zone),
            performer=performer,
            organization=person.organization if person else signatory.organization,
            practice=practice,
            code=self._event(),
        )

    def _event(self) -> Code | None:
        for coding in codings(self.context.get("event")):
            if (system := oid_of(str(coding.get("system", "")))) and coding.get("display"):
                return Code(code=str(coding["code"]), system=system, display=str(coding["display"]))
        return None

    def _encounter(self) -> Resource | None:
        return next(filter(None, map(self.directory.resolve, self.context.get("encounter", []))), None)

    def _stay(self, facility: Code) -> Stay:
        encounter = self._encounter() or {}
        period = encounter.get("period", {})
        numbers = ((oid_of(str(i.get("system", ""))), str(i.get("value", ""))) for i in encounter.get("identifier", []))
        return Stay(
            facility=facility,
            start=moment(period.get("start"), self.rules.zone),
            stop=moment(period.get("end"), self.rules.zone),
            id=next((n for n in numbers if n[0] and n[1]), None),
        )

    def _chain(self) -> tuple[Resource, int]:
        """Return the first version of this document and the number of this one, following what each replaces."""
        first, seen = self.resource, [self.resource["id"]]
        while len(seen) < _CHAIN_MAX:
            previous = self.reader.read(_replaced(first)) if _replaced(first) else None
            if previous is None or previous["id"] in seen:
                break
            first = previous
            seen.append(previous["id"])
        return first, len(seen)


def _replaced(resource: Resource) -> str:
    for related in resource.get("relatesTo", []):
        if related.get("code") == "replaces":
            return str(related.get("target", {}).get("reference", ""))
    return ""

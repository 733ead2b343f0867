"""The file of one fictitious person in one structure, as several editors would write it: a transaction Bundle per person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from dui_fhir.demo.sample.names import AIMS, MEDICATIONS, NOTES, PROFESSIONALS, WISHES
from dui_fhir.demo.sample.people import Person, patient
from dui_fhir.domain import aggir, aggir_response
from dui_fhir.domain.change import Resource

TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"
LOCAL = "https://identifiant-medicosocial-{}.esante.gouv.fr"
_STAY = {
    "CarePlan": "encounter", "CareTeam": "encounter", "Communication": "encounter", "MedicationAdministration": "context",
    "MedicationRequest": "encounter", "Observation": "encounter", "Task": "encounter",
}  # fmt: skip
"""Where a resource says in which stay it was made: the stay says the structure."""
PARIS = ZoneInfo("Europe/Paris")
VISITS = tuple(
    (role, {"coding": [{"system": aggir_response.CISIS, "code": code, "display": display}]})
    for role, code, display in (
        ("aide-soignant", "MED-1296", "Intervention d'un aide soignant"),
        ("aide-soignant", "MED-1296", "Intervention d'un aide soignant"),
        ("ide", "MED-1298", "Intervention d'un infirmer salarié"),
    )
)
"""Who comes to a person nursed at home, and the type of the visit (JDV_TypeEvenementSSIAD, display as published)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where the person is accompanied. ``team``: references of the professionals by role; ``home``: she lives at home."""

    corridor: str
    finess: str
    plan: str
    team: dict[str, str]
    today: date
    home: bool = False
    grid: bool = False
    medication: bool = False

    @property
    def nursing(self) -> bool:
        """Tell whether she is nursed at home: what is done for her is then a visit of a known type."""
        return self.home and self.medication


class File:
    """Makes the resources of one person; ``random`` decides, so the same seed tells the same story."""

    def __init__(self, random: Random, who: Person, where: Setting) -> None:
        self._random, self.who, self.where = random, who, where
        self.usager = f"3{where.finess}/{who.number}"
        self.patient = patient(who, self.usager, where.today, f"{TDDUI}/StructureDefinition/tddui-patient")
        self.subject = {"reference": f"Patient/{self.patient['id']}"}
        self.admission = where.today - timedelta(days=random.randint(40, 900))

    def resources(self) -> Iterator[Resource]:
        """Yield the whole file, what is pointed to first."""
        yield self.patient
        yield self.relative()
        yield self.dossier()
        yield self.stay()
        yield self.care_team()
        if self.where.grid:
            yield from self.grid()
        yield from self.project()
        yield from self.life()
        if self.where.medication:
            yield from self.medication()

    # who and where

    def relative(self) -> Resource:
        """Somebody close."""
        link = {
            "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
            "code": self._random.choice(self._close()),
        }
        phone = f"06{self._random.randint(0, 99_999_999):08d}"
        return self._resource(
            "RelatedPerson", "proche", patient=self.subject, relationship=[{"coding": [link]}],
            name=[{"family": self.who.family, "given": ["Camille"]}], telecom=[{"system": "phone", "value": phone}],
        )  # fmt: skip

    def _close(self) -> tuple[str, ...]:
        """Who may be close to her, by her age."""
        years = (self.where.today - self.who.born).days // 365
        if years < 18:
            return ("MTH", "FTH")
        return ("CHILD", "SIS", "BRO") if years > 60 else ("SIS", "BRO", "PRN")

    def dossier(self) -> Resource:
        """The file's own steps."""
        asked = self.admission - timedelta(days=self._random.randint(10, 120))
        waited = {"status": "waitlist", "period": {"start": asked.isoformat(), "end": self.admission.isoformat()}}
        return self._resource(
            "EpisodeOfCare", "dossier", status="active", patient=self.subject, statusHistory=[waited],
            managingOrganization=self._structure(), period={"start": self.admission.isoformat()},
        )  # fmt: skip

    def stay(self) -> Resource:
        """The stay, or the accompaniment at home."""
        identifier = {"system": LOCAL.format("sejour"), "value": f"{self.usager}-SEJOUR-1"}
        return self._resource(
            "Encounter", "sejour", identifier=[identifier], status="in-progress",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH" if self.where.home else "IMP"}},
            subject=self.subject, episodeOfCare=[self._to("EpisodeOfCare", "dossier")], serviceProvider=self._structure(),
            period={"start": self.admission.isoformat()},
        )  # fmt: skip

    def care_team(self) -> Resource:
        """The professionals around the person."""
        members = [
            {"role": [{"text": profession}], "member": {"reference": self.where.team[role]}}
            for _, profession, role in PROFESSIONALS
        ]
        return self._resource(
            "CareTeam",
            "equipe",
            status="active",
            subject=self.subject,
            participant=members,
            name="Équipe d'accompagnement",
        )

    # evaluation and project

    def grid(self) -> Iterator[Resource]:
        """An AGGIR grid, complete."""
        profile = "".join(self._random.choice("AABBC") for _ in range(8))
        usager, subject = self.usager, self.subject["reference"]
        found = aggir_response.build(
            profile, subject=subject, identifier=f"{usager}-EVAL-1", declared=aggir.gir(profile)
        )
        yield {
            **found,
            "id": self._id("grille"),
            "author": {"reference": self._by("idec")},
            "authored": self._moment(30, 9),
            "encounter": self._to("Encounter", "sejour"),
        }

    def project(self) -> Iterator[Resource]:
        """The project, agreed, with two aims and their actions."""
        yield self._resource(
            "Consent", "accord", status="active",
            scope=_concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
            category=[_concept("http://loinc.org", "59284-0")], patient=self.subject, dateTime=self._moment(35, 10),
            policy=[{"authority": "https://www.cnsa.fr/"}], performer=[self.subject],
        )  # fmt: skip
        agreements = [self._agreed(code) for code in ("accordStructure", "accordUsager")]
        start = self.where.today - timedelta(days=35)
        yield self._resource(
            "CarePlan", "projet", identifier=[self._identifier("projetpersonnalise", "PPER", 1)], status="active", intent="plan",
            title=f"{self.where.plan} de {self.who.name}", subject=self.subject, supportingInfo=agreements,
            period={"start": start.isoformat(), "end": (start + timedelta(days=364)).isoformat()},
            meta={"profile": [f"{TDDUI}/StructureDefinition/tddui-careplan-projet-personnalise"]},
        )  # fmt: skip
        yield self._wish()
        for number, (aim, action) in enumerate(self._random.sample(AIMS, k=2), 1):
            yield self._goal(number, aim)
            yield self._action(number, action)

    def _wish(self) -> Resource:
        origin = _discriminated("origineAttente")
        return self._resource(
            "Goal", "attente", identifier=[self._identifier("attente", "ATTE", 1)], lifecycleStatus="active",
            meta={"profile": [f"{TDDUI}/StructureDefinition/tddui-goal-attente"]}, extension=[self._of_plan()],
            description={"text": self._random.choice(WISHES)}, subject=self.subject,
            note=[{"extension": [origin], "text": "Usager"}],
        )  # fmt: skip

    def _of_plan(self) -> dict[str, Any]:
        url = f"{TDDUI}/StructureDefinition/tddui-careplan-reference"
        return {"url": url, "valueReference": self._to("CarePlan", "projet")}

    def _goal(self, number: int, aim: str) -> Resource:
        absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unsupported"}
        due = self.where.today + timedelta(days=self._random.randint(60, 300))
        target = {
            "measure": {"extension": [absent]},
            "detailString": "Constaté par la personne et l'équipe",
            "dueDate": due.isoformat(),
        }
        return self._resource(
            "Goal", f"objectif-{number}", identifier=[self._identifier("objectif", "OBJE", number)], lifecycleStatus="active",
            meta={"profile": [f"{TDDUI}/StructureDefinition/tddui-goal-objectif"]}, extension=[self._of_plan()],
            description={"text": aim}, subject=self.subject, target=[target], expressedBy={"reference": self._by("chef-service")},
            startDate=(self.where.today - timedelta(days=35)).isoformat(),
        )  # fmt: skip

    def _action(self, number: int, action: str) -> Resource:
        aimed = {
            "type": _concept(f"{TDDUI}/CodeSystem/tddui-task-input-action", "objectif"),
            "valueReference": self._to("Goal", f"objectif-{number}"),
        }
        return self._resource(
            "Task", f"action-{number}", identifier=[self._identifier("action", "ACTI", number)], status="in-progress",
            intent="plan", basedOn=[self._to("CarePlan", "projet")], description=action, owner={"reference": self._by("educateur")},
            **{"for": self.subject}, input=[aimed],
        )  # fmt: skip

    def _agreed(self, code: str) -> dict[str, Any]:
        return {"extension": [_discriminated(code)], **self._to("Consent", "accord")}

    # day after day

    def life(self) -> Iterator[Resource]:
        """Transmissions, events, a weight, an appointment."""
        for number in range(1, 4):
            yield self.transmission(number)
            yield self.event(number)
        yield self.weight()
        start = datetime.combine(self.where.today + timedelta(days=self._random.randint(1, 60)), time(14), PARIS)
        actors = [self.subject, {"reference": self._by("medecin")}]
        yield self._resource(
            "Appointment", "rendez-vous", status="booked", start=start.isoformat(), end=(start + timedelta(minutes=30)).isoformat(),
            participant=[{"actor": actor, "status": "accepted"} for actor in actors],
        )  # fmt: skip

    def transmission(self, number: int) -> Resource:
        """A note from one professional to the others."""
        return self._resource(
            "Communication", f"transmission-{number}", status="completed", subject=self.subject,
            category=[_concept("urn:dui-fhir:communication", "transmission")], sent=self._moment(number, 7),
            sender={"reference": self._by("aide-soignant")}, payload=[{"contentString": self._random.choice(NOTES)}],
        )  # fmt: skip

    def event(self, number: int) -> Resource:
        """An activity or an intervention that took place."""
        start = datetime.combine(self.where.today - timedelta(days=number), time(self._random.randint(8, 17)), PARIS)
        role, visit = self._random.choice(VISITS) if self.where.nursing else ("educateur", None)
        return self._resource(
            "Encounter", f"evenement-{number}", status="finished", subject=self.subject,
            identifier=[self._identifier("evenement", "EVN", number)],
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH" if self.where.home else "IMP"}},
            **({"type": [visit]} if visit else {}),
            participant=[{"individual": {"reference": self._by(role)}}], partOf=self._to("Encounter", "sejour"),
            serviceProvider=self._structure(),
            period={"start": start.isoformat(), "end": (start + timedelta(minutes=45)).isoformat()},
        )  # fmt: skip

    def weight(self) -> Resource:
        """The last weight."""
        quantity = {
            "value": self._random.randint(420, 950) / 10,
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        }
        return self._resource(
            "Observation", "poids", status="final", code=_concept("http://loinc.org", "29463-7"), subject=self.subject,
            category=[_concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")],
            effectiveDateTime=self._moment(5, 8), valueQuantity=quantity, performer=[{"reference": self._by("ide")}],
        )  # fmt: skip

    def medication(self) -> Iterator[Resource]:
        """A prescription, and what was given this morning."""
        text, dosage = self._random.choice(MEDICATIONS)
        yield self._resource(
            "MedicationRequest", "ordonnance", status="active", intent="order", medicationCodeableConcept={"text": text},
            subject=self.subject, authoredOn=self._moment(20, 11), requester={"reference": self._by("medecin")},
            dosageInstruction=[{"text": dosage}],
        )  # fmt: skip
        yield self._resource(
            "MedicationAdministration", "donne", status="completed", medicationCodeableConcept={"text": text}, subject=self.subject,
            effectiveDateTime=self._moment(1, 8), performer=[{"actor": {"reference": self._by("ide")}}],
            request=self._to("MedicationRequest", "ordonnance"),
        )  # fmt: skip

    # pieces

    def _id(self, name: str) -> str:
        return f"{name}-{self.usager[1:].replace('/', '-').lower()}"

    def _to(self, type: str, name: str) -> dict[str, str]:
        return {"reference": f"{type}/{self._id(name)}"}

    def _resource(self, type: str, id: str, /, **elements: Any) -> Resource:
        found: Resource = {"resourceType": type, "id": self._id(id), **elements}
        stay = _STAY.get(type)
        return {**found, stay: self._to("Encounter", "sejour")} if stay else found

    def _identifier(self, system: str, type: str, number: int) -> dict[str, str]:
        return {"system": LOCAL.format(system), "value": f"{self.usager}-{type}-{number}"}

    def _structure(self) -> dict[str, str]:
        return {"reference": f"Organization/finess-{self.where.finess}"}

    def _by(self, role: str) -> str:
        return self.where.team[role]

    def _moment(self, days_ago: int, hour: int) -> str:
        return datetime.combine(
            self.where.today - timedelta(days=days_ago), time(hour, self._random.randint(0, 59)), PARIS
        ).isoformat()


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _discriminated(code: str) -> dict[str, Any]:
    concept = _concept(f"{TDDUI}/CodeSystem/tddui-discriminator", code)
    return {"url": f"{TDDUI}/StructureDefinition/tddui-discriminator", "valueCodeableConcept": concept}

"""A fictitious older person's projet personnalisé, as a DUI editor would send it.

Invented from the first letter to the last. It has the shape that the TDDUI guide 2.4.0-ballot publishes, and on purpose
the same oddities as its published examples (docs/decisions/0006): ``request.url`` holds a profile's name, references are
relative to the ``fullUrl`` base, actions are based on a plan of another file, an organisation is missing, the agreement
names no patient.
"""

from typing import Any

from dui_fhir.domain.change import Resource

TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"
SERVER = "https://editeur.example/fhir"
LOCAL = "https://identifiant-medicosocial-{}.esante.gouv.fr"


def bundle(finess: str = "330785001", usager: str = "DEMO001") -> Resource:
    """Return the transaction Bundle; ``finess`` and ``usager`` make every business identifier (tddui.md, §3)."""
    make = _Maker(f"3{finess}/{usager}")
    resources = [
        make.patient(),
        make.agreement(),
        make.plan(),
        make.wish(
            "attente-usager", "Usager", "Garder mon jardin de balcon et recevoir ma petite-fille le mercredi.", 1
        ),
        make.wish("attente-famille", "Famille", "Être prévenus simplement quand l’humeur change.", 2),
        make.need("besoin-1", "Besoin d’aide pour les déplacements et la prévention des chutes.", 1),
        make.need("besoin-2", "Besoin de maintenir les liens sociaux et une activité choisie.", 2),
        make.goal(
            "objectif-1", "Objectif 1", "Marcher chaque jour jusqu’au jardin sans crainte de tomber.", "besoin-1", 1
        ),
        make.goal(
            "objectif-2", "Objectif 2", "Participer à une activité choisie deux fois par semaine.", "besoin-2", 2
        ),
        make.practitioner(),
        make.evaluation(),
        make.action(
            "action-1-kine", "Kinésithérapeute", "Rééducation à la marche, deux séances par semaine.", "objectif-1", 1
        ),
        make.action(
            "action-1-ergo", "Ergothérapeute", "Adapter la chambre : éclairage, barres d’appui, tapis.", "objectif-1", 2
        ),
        make.action(
            "action-2-anim", "Animatrice", "Atelier jardinage du mardi et chorale du vendredi.", "objectif-2", 3
        ),
        make.means("moyen-1", "Barres d’appui et éclairage de nuit", "action-1-ergo", 1),
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(r) for r in resources]}


def director(finess: str) -> Resource:
    """Return the director: no health professional, so known by an identifier of the structure (decision D10)."""
    identifier = {
        "type": {"coding": [{"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": "IDNPS"}]},
        "system": "urn:oid:1.2.250.1.71.4.2.1",
        "value": f"3{finess}/DIRECTION",
    }
    name = {"family": "DIRECTRICE-DÉMO", "given": ["Hélène"], "prefix": ["Mme"]}
    return {"resourceType": "Practitioner", "identifier": [identifier], "name": [name]}


def _entry(resource: Resource) -> dict[str, Any]:
    profile = resource["meta"]["profile"][0].rsplit("/", 1)[1]
    name = "TDDUI" + "".join(part.title() for part in profile.removeprefix("tddui-").split("-")).replace(
        "Careplan", "CarePlan"
    )
    return {
        "fullUrl": f"{SERVER}/{resource['resourceType']}/{resource['id']}",
        "resource": resource,
        "request": {"method": "POST", "url": name},
    }


class _Maker:
    def __init__(self, usager: str) -> None:
        self.usager = usager
        self.subject = {"reference": "Patient/usager"}

    def _resource(self, type: str, id: str, profile: str, **elements: Any) -> Resource:
        meta = {"profile": [f"{TDDUI}/StructureDefinition/tddui-{profile}"]}
        return {"resourceType": type, "id": id, "meta": meta, **elements}

    def _identifier(self, system: str, suffix: str = "", type: str = "") -> dict[str, Any]:
        kind = (
            {
                "type": {
                    "coding": [
                        {"system": f"{TDDUI}/CodeSystem/{type[: type.index('#')]}", "code": type[type.index("#") + 1 :]}
                    ]
                }
            }
            if type
            else {}
        )
        return {**kind, "system": LOCAL.format(system), "value": self.usager + suffix}

    def patient(self) -> Resource:
        local = self._identifier("localusager")
        local["type"] = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]}
        order = {"url": f"{TDDUI}/StructureDefinition/tddui-birth-order", "valuePositiveInt": 1}
        return self._resource(
            "Patient",
            "usager",
            "patient",
            identifier=[local],
            name=[{"use": "official", "family": "L’HERBIER-DÉMO", "given": ["Églantine"]}],
            gender="female",
            birthDate="1936-06-21",
            _birthDate={"extension": [order]},
        )

    def agreement(self) -> Resource:
        return self._resource(
            "Consent",
            "accord",
            "consent-accord",
            status="active",
            scope=_concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
            category=[_concept("http://loinc.org", "59284-0")],
            dateTime="2026-09-15T10:00:00+02:00",
            performer=[{"reference": "Practitioner/referente"}],
            policy=[{"authority": "https://www.cnsa.fr/"}],
        )

    def plan(self) -> Resource:
        agreed = {"extension": [_discriminator("accordStructure")], "reference": "Consent/accord"}
        return self._resource(
            "CarePlan",
            "projet",
            "careplan-projet-personnalise",
            identifier=[self._identifier("projetpersonnalise", "-PPER-1")],
            status="active",
            intent="plan",
            title="Projet personnalisé d’accompagnement de Mme Églantine L’HERBIER-DÉMO",
            description="Projet élaboré avec Mme L’Herbier-Démo et sa fille, à partir de ses habitudes de vie.",
            subject=self.subject,
            period={"start": "2026-09-15", "end": "2027-09-14"},
            supportingInfo=[agreed],
            note=[{"text": "Le projet est relu avec la personne, à voix haute, avant chaque signature."}],
        )

    def wish(self, id: str, who: str, text: str, number: int) -> Resource:
        return self._resource(
            "Goal",
            id,
            "goal-attente",
            extension=[_of_plan()],
            identifier=[self._identifier("attente", f"-ATTE-{number}")],
            lifecycleStatus="active",
            description={"text": text},
            subject=self.subject,
            note=[{"extension": [_discriminator("origineAttente")], "text": who}],
        )

    def need(self, id: str, text: str, number: int) -> Resource:
        return self._resource(
            "ServiceRequest",
            id,
            "service-request-besoin",
            identifier=[self._identifier("besoin", f"-BESO-{number}", "tddui-service-request-identifier#BES")],
            basedOn=[{"reference": "CarePlan/projet"}],
            status="active",
            intent="plan",
            code={"text": text},
            subject=self.subject,
        )

    def goal(self, id: str, title: str, text: str, need: str, number: int) -> Resource:
        return self._resource(
            "Goal",
            id,
            "goal-objectif",
            extension=[_of_plan()],
            identifier=[self._identifier("objectif", f"-OBJE-{number}")],
            lifecycleStatus="active",
            description={"text": text},
            subject=self.subject,
            startDate="2026-09-15",
            target=[{"measure": _unknown(), "detailString": "Constaté par l’équipe et elle", "dueDate": "2027-03-15"}],
            expressedBy={"reference": "Practitioner/referente"},
            addresses=[{"reference": f"ServiceRequest/{need}"}],
            note=[{"extension": [_discriminator("titreObjectif")], "text": title}],
        )

    def practitioner(self) -> Resource:
        rpps = {
            "type": _concept("https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "IDNPS"),
            "system": "urn:oid:1.2.250.1.71.4.2.1",
            "value": "899700000013",
        }
        return self._resource(
            "Practitioner",
            "referente",
            "practitioner",
            identifier=[rpps],
            name=[{"family": "RÉFÉRENTE-DÉMO", "given": ["Solène"]}],
        )

    def evaluation(self) -> Resource:
        holder = {"url": "TDDUIHolder", "valueReference": {"reference": "Organization/structure-absente"}}
        answer = {
            "system": "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis",
            "code": "MED-341",
            "display": "GIR-3",
        }
        return self._resource(
            "QuestionnaireResponse",
            "evaluation",
            "questionnaire-response",
            extension=[{"extension": [holder], "url": f"{TDDUI}/StructureDefinition/tddui-qr-participant"}],
            identifier=self._identifier("evaluation", "-EVAL-1"),
            questionnaire=f"{TDDUI}/Questionnaire/tddui-questionnaire-aggir-pa-ssiad",
            status="completed",
            subject=self.subject,
            authored="2026-09-10",
            source=self.subject,
            item=[{"linkId": "resultat-eval", "text": "Résultat évaluation", "answer": [{"valueCoding": answer}]}],
        )

    def action(self, id: str, owner: str, text: str, goal: str, number: int) -> Resource:
        titled = {
            "type": _concept(f"{TDDUI}/CodeSystem/tddui-task-input-action", "titre"),
            "valueString": text.partition(",")[0],
        }
        aimed = {
            "type": _concept(f"{TDDUI}/CodeSystem/tddui-task-input-action", "objectif"),
            "valueReference": {"reference": f"Goal/{goal}"},
        }
        return self._resource(
            "Task",
            id,
            "task-action",
            identifier=[self._identifier("action", f"-ACTI-{number}")],
            basedOn=[{"reference": "CarePlan/plan-d-un-autre-dossier"}],
            status="in-progress",
            intent="plan",
            description=text,
            owner={"display": owner},
            input=[titled, aimed],
        )

    def means(self, id: str, text: str, action: str, number: int) -> Resource:
        titled = {
            "type": _concept(f"{TDDUI}/CodeSystem/tddui-task-input-moyen-ressource", "titre"),
            "valueString": text,
        }
        return self._resource(
            "Task",
            id,
            "task-moyen-ressource",
            identifier=[self._identifier("moyenressource", f"-MORE-{number}")],
            basedOn=[{"reference": "CarePlan/projet"}],
            partOf=[{"reference": f"Task/{action}"}],
            status="in-progress",
            intent="plan",
            description=text,
            input=[titled],
        )


def _unknown() -> dict[str, Any]:
    """gol-1 asks for a measure beside a detail; the guide's objectives have none."""
    return {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unsupported"}]
    }


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _discriminator(code: str) -> dict[str, Any]:
    concept = _concept(f"{TDDUI}/CodeSystem/tddui-discriminator", code)
    return {"url": f"{TDDUI}/StructureDefinition/tddui-discriminator", "valueCodeableConcept": concept}


def _of_plan() -> dict[str, Any]:
    return {
        "url": f"{TDDUI}/StructureDefinition/tddui-careplan-reference",
        "valueReference": {"reference": "CarePlan/projet"},
    }

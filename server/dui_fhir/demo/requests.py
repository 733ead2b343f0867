"""The ready collection of requests: the story of a personalised project, for the tools of who writes an application.

``python -m dui_fhir.demo.requests docs/requetes`` writes it three times from the one list of steps below: ``ppa.http`` (REST
Client of Visual Studio Code), ``ppa.postman.json`` (Postman collection 2.1, which other tools import too) and
``ppa.bruno.json`` (Bruno).
A step may keep a value of its answer under a name, which later steps use as ``{{name}}``.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from dui_fhir.demo import identity, person
from dui_fhir.domain.change import Resource

BASE = "http://127.0.0.1:8080/t/essai/fhir"
FINESS = "330785001"
TITLE = "dui-fhir : projet personnalisé, du dossier au DMP"
_USAGER = f"https://identifiant-medicosocial-localusager.esante.gouv.fr|3{FINESS}/DEMO001"
_IDNPS = f"urn:oid:1.2.250.1.71.4.2.1|3{FINESS}/DIRECTION"
_DAY = date(2026, 9, 1)
_LAST = "_sort=-_lastUpdated&_count=1"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request. ``status``: those expected; ``keeps``: name → place in the JSON answer (``entry[0].resource.id``).

    ``path`` is below the FHIR base. ``body``: a resource, a list (JSON Patch) or a form.
    """

    name: str
    title: str
    path: str
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (200,)
    keeps: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers as sent."""
        media = {} if self.body is None else {"Content-Type": "application/fhir+json"}
        return {"Accept": "application/fhir+json", **media, **self.headers}

    @property
    def text(self) -> str | None:
        """The body as sent."""
        if self.body is None or isinstance(self.body, str):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, indent=2)

    @property
    def target(self) -> str:
        """The address, its base as a variable."""
        return "{{base}}" + (f"/{self.path}" if self.path else "")


def steps() -> tuple[Step, ...]:
    """Return the story, in order."""
    return (*_record(), *_reading(), *_document(), *_sending(), *_changing())


def _record() -> tuple[Step, ...]:
    return (
        Step(name="capacites", title="Ce que fait le serveur", path="metadata"),
        Step(
            name="dossier",
            title="Tout le dossier en une transaction",
            method="POST",
            path="",
            body=person.bundle(FINESS),
        ),
        Step(
            name="usager",
            title="Retrouver l'usager par son identifiant local",
            path=f"Patient?identifier={_USAGER}&{_LAST}",
            keeps={"patientId": "entry[0].resource.id", "patientVersion": "entry[0].resource.meta.versionId"},
        ),
        Step(
            name="projet",
            title="Retrouver son projet personnalisé",
            path=f"CarePlan?patient={{{{patientId}}}}&{_LAST}",
            keeps={"planId": "entry[0].resource.id", "planVersion": "entry[0].resource.meta.versionId"},
        ),
    )


def _reading() -> tuple[Step, ...]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return (
        Step(name="objectifs", title="Attentes et objectifs", path="Goal?patient={{patientId}}&_sort=start-date"),
        Step(name="actions", title="Actions et moyens d'un projet", path="Task?status=in-progress&_count=20"),
        Step(
            name="evaluations",
            title="Évaluations, avec l'usager dans la même page",
            path="QuestionnaireResponse?patient={{patientId}}&_include=QuestionnaireResponse:subject",
        ),
        Step(
            name="recherche-discrete",
            title="Chercher sans rien de personnel dans l'adresse",
            method="POST",
            path="Patient/_search",
            body="family=l%27herbier&birthdate=1936-06-21",
            headers=form,
        ),
        Step(
            name="en-xml", title="Lire en XML", path="CarePlan/{{planId}}", headers={"Accept": "application/fhir+xml"}
        ),
        Step(
            name="deja-lu",
            title="Relire seulement si cela a changé",
            path="CarePlan/{{planId}}",
            headers={"If-None-Match": 'W/"{{planVersion}}"'},
            status=(304,),
        ),
        Step(
            name="faute",
            title="Un paramètre mal écrit est refusé, le bon est proposé",
            path="CarePlan?patientt={{patientId}}",
            status=(400,),
        ),
    )


def _document() -> tuple[Step, ...]:
    return (
        Step(
            name="mise-en-page",
            title="Mettre le projet en page (PDF/A)",
            method="POST",
            path="CarePlan/{{planId}}/$ppa-document",
            body=_parameters(),
            keeps={"documentId": "id", "pdf": "content[0].attachment.url"},
        ),
        Step(name="pdf", title="Lire le PDF", path="{{pdf}}", headers={"Accept": "application/pdf"}),
        Step(
            name="envoi-refuse",
            title="L'envoi au DMP est refusé : identité non qualifiée (COM-01)",
            method="POST",
            path="DocumentReference/{{documentId}}/$dmp-submit",
            body=_parameters(),
            status=(422,),
        ),
    )


def _sending() -> tuple[Step, ...]:
    return (
        Step(
            name="identite",
            title="Enregistrer l'identité qualifiée (personne de test publiée)",
            method="PUT",
            path="Patient/{{patientId}}",
            body=_patient_with_ins(),
            headers={"If-Match": 'W/"{{patientVersion}}"'},
        ),
        Step(
            name="mise-en-page-ins",
            title="Le document, avec l'INS",
            method="POST",
            path="CarePlan/{{planId}}/$ppa-document",
            body=_parameters(),
            keeps={"documentId": "id"},
        ),
        Step(
            name="directrice",
            title="La directrice, créée si elle n'existe pas",
            method="POST",
            path="Practitioner",
            body=person.director(FINESS),
            headers={"If-None-Exist": f"identifier={_IDNPS}"},
            status=(200, 201),
            keeps={"directorId": "id"},
        ),
        Step(
            name="signature",
            title="Signer",
            method="POST",
            path="DocumentReference/{{documentId}}/$sign",
            body=_parameters(
                {"name": "signer", "valueReference": {"reference": "Practitioner/{{directorId}}"}},
                {"name": "capacity", "valueCode": "directeur"},
            ),
        ),
        Step(
            name="envoi",
            title="Envoyer au DMP : rend la tâche qui suit l'envoi",
            method="POST",
            path="DocumentReference/{{documentId}}/$dmp-submit",
            body=_parameters(),
            keeps={"taskId": "id"},
        ),
        Step(name="suivi", title="Suivre l'envoi", path="Task/{{taskId}}"),
        Step(
            name="envoi-redemande",
            title="Redemander l'envoi : rien ne part deux fois",
            method="POST",
            path="DocumentReference/{{documentId}}/$dmp-submit",
            body=_parameters(),
        ),
    )


def _changing() -> tuple[Step, ...]:
    return (
        Step(
            name="modification",
            title="Modifier une partie du projet",
            method="PATCH",
            path="CarePlan/{{planId}}",
            body=[{"op": "replace", "path": "/description", "value": "Projet revu avec la personne : la chorale d'abord."}],
            headers={"Content-Type": "application/json-patch+json", "If-Match": 'W/"{{planVersion}}"'},
        ),
        Step(
            name="modification-perimee",
            title="La même, sur une version périmée : refusée",
            method="PATCH",
            path="CarePlan/{{planId}}",
            body=[{"op": "replace", "path": "/description", "value": "Perdu d'avance."}],
            headers={"Content-Type": "application/json-patch+json", "If-Match": 'W/"{{planVersion}}"'},
            status=(412,),
        ),
        Step(
            name="remplacement",
            title="Le document qui remplace le précédent",
            method="POST",
            path="CarePlan/{{planId}}/$ppa-document",
            body=_parameters(),
            keeps={"documentId": "id"},
        ),
        Step(name="versions", title="Les versions du projet", path="CarePlan/{{planId}}/_history"),
        Step(name="changements", title="Ce qui a changé depuis une date", path="_history?_since=2026-01-01&_count=20"),
    )  # fmt: skip


def _parameters(*parameters: dict[str, Any]) -> Resource:
    return {"resourceType": "Parameters", **({"parameter": list(parameters)} if parameters else {})}


def _patient_with_ins() -> Resource:
    patient = next(e["resource"] for e in person.bundle(FINESS)["entry"] if e["resource"]["resourceType"] == "Patient")
    return {**identity.with_ins(patient, _DAY), "id": "{{patientId}}"}


# the three files


def rest_client(base: str = BASE) -> str:
    """Return the file of the REST Client of Visual Studio Code."""
    lines = [f"# {TITLE}", *(f"# {line}" for line in _INTRODUCTION), "", f"@base = {base}", ""]
    for number, step in enumerate(steps(), 1):
        lines += [
            f"### {number}. {step.title}",
            f"# → {' ou '.join(map(str, step.status))}",
            f"# @name {_variable(step.name)}",
        ]
        lines += [f"{step.method} {_escaped(step.target)}", *(f"{n}: {v}" for n, v in step.all_headers.items())]
        lines += ["", step.text] if step.text is not None else []
        lines += [
            "",
            *(f"@{n} = {{{{{_variable(step.name)}.response.body.$.{p}}}}}" for n, p in step.keeps.items()),
            "",
        ]
    return "\n".join(lines)


_INTRODUCTION = (
    "Fichier produit par « python -m dui_fhir.demo.requests docs/requetes » : ne pas le modifier à la main.",
    "Serveur : un organisme neuf qui a la structure 330785001, par exemple",
    './run cli tenant add essai --structure "330785001,500,EHPAD Les Tilleuls,1 rue des Lilas, 33000 Bordeaux" puis ./run serve',
    "Envoyez les requêtes dans l'ordre : chacune se sert de ce que les précédentes ont rendu.",
    "Une fois par organisme : au second passage, l'INS de test appartient déjà au premier dossier (409).",
)


def _variable(name: str) -> str:
    """Return a name that all tools take as a variable."""
    first, *others = name.split("-")
    return first + "".join(part.capitalize() for part in others)


def _escaped(url: str) -> str:
    return url.replace("|", "%7C")


def postman(base: str = BASE) -> dict[str, Any]:
    """Return the Postman collection, format 2.1."""
    return {
        "info": {
            "name": TITLE,
            "description": "\n".join(_INTRODUCTION),
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [_postman_item(number, step) for number, step in enumerate(steps(), 1)],
        "variable": [{"key": "base", "value": base}],
    }


def _postman_item(number: int, step: Step) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": step.method,
        "header": [{"key": name, "value": value} for name, value in step.all_headers.items()],
        "url": _escaped(step.target),
    }
    if step.text is not None:
        request["body"] = {"mode": "raw", "raw": step.text}
    script = [f'pm.test("{_expected(step)}", () => pm.expect({list(step.status)}).to.include(pm.response.code));']
    script += [
        f'pm.collectionVariables.set("{name}", pm.response.json().{place});' for name, place in step.keeps.items()
    ]
    event = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {"name": f"{number}. {step.title}", "event": [event], "request": request}


def _expected(step: Step) -> str:
    return f"statut {' ou '.join(map(str, step.status))}"


def bruno(base: str = BASE) -> dict[str, Any]:
    """Return the collection as Bruno imports it (format of its own exports, version 1)."""
    variables = [{"uid": _uid(0, 1), "name": "base", "value": base, "type": "text", "enabled": True, "secret": False}]
    environment = {"uid": _uid(0, 2), "name": "local", "variables": variables}
    return {
        "version": "1",
        "uid": _uid(0, 0),
        "name": TITLE,
        "items": [_bruno_item(number, step) for number, step in enumerate(steps(), 1)],
        "environments": [environment],
        "activeEnvironmentUid": environment["uid"],
    }


def _bruno_item(number: int, step: Step) -> dict[str, Any]:
    script = [f"bru.setVar({json.dumps(name)}, res.getBody().{place});" for name, place in step.keeps.items()]
    test = f'test("{_expected(step)}", () => expect({list(step.status)}).to.include(res.getStatus()));'
    form = step.all_headers.get("Content-Type") == "application/x-www-form-urlencoded"
    body: dict[str, Any] = {"mode": "none"}
    if step.text is not None:
        body = {"mode": "text", "text": step.text} if form else {"mode": "json", "json": step.text}
    headers = [
        {"uid": _uid(number, i), "name": name, "value": value, "enabled": True}
        for i, (name, value) in enumerate(step.all_headers.items(), 1)
    ]
    request = {
        "url": _escaped(step.target),
        "method": step.method,
        "headers": headers,
        "params": [],
        "body": body,
        "auth": {"mode": "none"},
        "script": {"res": "\n".join(script)},
        "tests": test,
    }
    # a slash would make a folder of the name
    name = f"{number}. {step.title}".replace("/", "-")
    return {"uid": _uid(number, 0), "type": "http-request", "name": name, "seq": number, "request": request}


def _uid(number: int, part: int) -> str:
    """Return an identifier of Bruno: 21 letters and digits."""
    return f"duifhir{number:07d}{part:07d}"


def write(folder: Path) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content, encoding="utf-8")


def files() -> dict[str, str]:
    """Return the content of each file by its name."""
    return {
        "ppa.http": rest_client(),
        "ppa.postman.json": _pretty(postman()),
        "ppa.bruno.json": _pretty(bruno()),
    }


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))

"""The story, told over HTTP as an editor's application would live it: one line per step, an artefact for each.

A step that does not do exactly what it announces raises :class:`StoryError`; the demo then ends with status 1.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from dui_fhir.demo import identity, person
from dui_fhir.domain.change import Resource

WAIT_S = 60.0


class StoryError(Exception):
    """A step went wrong; the message is in French."""


class Story:
    """The steps, in order, and what they leave behind.

    ``base`` is the FHIR base URL of the tenant; ``simulator`` the URL of the DMP simulator; ``folder`` receives the artefacts;
    ``finess`` is the structure of the person.
    """

    def __init__(self, base: str, simulator: str, folder: Path, finess: str, tell: Callable[[str], None]) -> None:
        self.finess = finess
        self.client = httpx.Client(base_url=base, timeout=60, headers={"Content-Type": "application/fhir+json"})
        self.simulator = httpx.Client(base_url=simulator, timeout=30)
        self.folder = folder
        self.tell = tell
        self.ids: dict[str, str] = {}

    def play(self, bundle: Resource, origin: str) -> None:
        """Play every step. Raises: StoryError, httpx.HTTPError."""
        self.post_bundle(bundle, origin)
        document = self.make_document("ppa-1", "b.")
        self.refused_without_ins(document)
        self.qualify_identity()
        document = self.make_document("ppa-2-identite-qualifiee")
        document = self.sign(document, "e.")
        self.submit(document, "envoi-1")
        self.submit_again(document)
        self.change_plan()
        changed = self.sign(self.make_document("ppa-3-projet-modifie"))
        self.submit(changed, "envoi-2-remplacement")
        self.replaced(document, changed)

    # the steps

    def post_bundle(self, bundle: Resource, origin: str) -> None:
        """(a) The Bundle goes in whole, as published, with its warnings."""
        answer = self._call("POST", "", bundle, "a-transaction-reponse")
        entries = answer["entry"]
        wrong = [e["response"]["status"] for e in entries if not e["response"]["status"].startswith("201")]
        _demand(not wrong and len(entries) == len(bundle["entry"]), f"la transaction n'a pas tout créé : {wrong}")
        for sent, received in zip(bundle["entry"], entries, strict=True):
            type, id = received["response"]["location"].split("/_history")[0].rsplit("/", 2)[-2:]
            self.ids.setdefault(type, id)
            if sent["resource"]["resourceType"] == "CarePlan":
                self.ids["CarePlan"] = id
        warnings = sorted({c for e in entries for c in _issue_ids(e["response"].get("outcome"))})
        self._save("a-transaction.json", bundle)
        self.tell(f"a. {origin} : {len(entries)} ressources acceptées, telles quelles (Patient/{self.ids['Patient']})")
        self.tell(f"   remarques : {', '.join(warnings) or 'aucune'}")

    def make_document(self, name: str, step: str = "  ") -> Resource:
        """(b) The plan becomes a document for people."""
        reference: Resource = self._call(
            "POST", f"CarePlan/{self.ids['CarePlan']}/$ppa-document", {"resourceType": "Parameters"}, name
        )
        pdf = self._attachment(reference)
        (self.folder / f"{name}.pdf").write_bytes(pdf)
        _demand(pdf.startswith(b"%PDF-1."), "le document n'est pas un PDF")
        self.tell(
            f"{step} Projet personnalisé mis en page : DocumentReference/{reference['id']}, {len(pdf) // 1024} ko → {name}.pdf"
        )
        return reference

    def refused_without_ins(self, document: Resource) -> None:
        """(c) Nothing leaves without a qualified identity: COM-01."""
        answer = self.client.post(
            f"DocumentReference/{document['id']}/$dmp-submit", json={"resourceType": "Parameters"}
        )
        ids = _issue_ids(answer.json())
        self._save("c-refus.json", answer.json())
        _demand(
            answer.status_code == 422 and "COM-01" in ids,
            f"l'envoi devait être refusé par COM-01 : {answer.status_code} {ids}",
        )
        reason = next(
            i["details"]["text"] for i in answer.json()["issue"] if i["details"]["coding"][0]["code"] == "COM-01"
        )
        self.tell(f"c. Envoi au DMP refusé, règle COM-01 : {reason}")

    def qualify_identity(self) -> None:
        """(d) The person becomes a FR Core INS patient: fictitious test identity, evidence recorded as simulated."""
        patient = self._call("GET", f"Patient/{self.ids['Patient']}")
        stored = self._call(
            "PUT",
            f"Patient/{patient['id']}",
            identity.with_ins(patient, date.today()),
            "d-patient-ins",
            {"If-Match": f'W/"{patient["meta"]["versionId"]}"'},
        )
        self.tell(
            f"d. Identité de test qualifiée (pièce et INSi : simulé) : Patient/{stored['id']} version {stored['meta']['versionId']}"
        )

    def sign(self, document: Resource, step: str = "  ") -> Resource:
        """(e) The director signs; the document is final."""
        self._call(
            "POST", f"DocumentReference/{document['id']}/$sign", self._signature(), f"signature-{document['id']}"
        )
        signed: Resource = self._call("GET", f"DocumentReference/{document['id']}")
        _demand(signed.get("docStatus") == "final", "le document signé n'est pas final")
        self.tell(
            f"{step} Document signé par la directrice : DocumentReference/{signed['id']} version {signed['meta']['versionId']}"
        )
        return signed

    def submit(self, document: Resource, name: str) -> None:
        """(e) The outbox sends it; the DMP acknowledges."""
        task = self._submit(document)
        done = self._wait_for(task)
        self._save(f"{name}-tache.json", done)
        held = self._held()
        _demand(any(d["statut"] == "Approved" for d in held), "le DMP simulé ne détient aucun document")
        self.tell(f"   envoyé et acquitté par le DMP (simulé) : Task/{done['id']} → dmp/")

    def submit_again(self, document: Resource) -> None:
        """(f) The same version again: nothing is sent twice."""
        before = self._held()
        task = self._submit(document)
        self._wait_for(task)
        _demand(self._held() == before, "le document est parti deux fois")
        self.tell(f"f. Envoi redemandé : rien n'est parti une seconde fois (même tâche Task/{task['id']})")

    def change_plan(self) -> None:
        """(g) The plan changes."""
        plan = self._call("GET", f"CarePlan/{self.ids['CarePlan']}")
        plan["description"] = "Projet revu à la demande de la personne : la chorale remplace le club de lecture."
        stored = self._call(
            "PUT", f"CarePlan/{plan['id']}", plan, "g-projet-modifie", {"If-Match": f'W/"{plan["meta"]["versionId"]}"'}
        )
        self.tell(f"g. Projet modifié : CarePlan/{stored['id']} version {stored['meta']['versionId']}")

    def replaced(self, first: Resource, second: Resource) -> None:
        """(g) The second document replaces the first, here and at the DMP."""
        old = self._call("GET", f"DocumentReference/{first['id']}")
        _demand(old["status"] == "superseded", f"la première version devait être remplacée, elle est {old['status']}")
        states = sorted(d["statut"] for d in self._held() if not d["signature"])
        _demand(states == ["Approved", "Deprecated"], f"états au DMP : {states}")
        self.tell(
            f"   la seconde version remplace la première au DMP : DocumentReference/{second['id']} (états {', '.join(states)})"
        )

    # what the steps use

    def _signature(self) -> Resource:
        """The director signs with her identifier in the structure (decision D10); she is recorded once."""
        if "Director" not in self.ids:
            self.ids["Director"] = self._call("POST", "Practitioner", person.director(self.finess))["id"]
        signer = {"reference": f"Practitioner/{self.ids['Director']}"}
        parts = [{"name": "signer", "valueReference": signer}, {"name": "capacity", "valueCode": "directeur"}]
        return {"resourceType": "Parameters", "parameter": parts}

    def _submit(self, document: Resource) -> Resource:
        task: Resource = self._call(
            "POST", f"DocumentReference/{document['id']}/$dmp-submit", {"resourceType": "Parameters"}
        )
        return task

    def _wait_for(self, task: Resource) -> Resource:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            current: Resource = self._call("GET", f"Task/{task['id']}")
            if current["status"] == "completed":
                return current
            _demand(
                current["status"] not in ("failed", "rejected", "cancelled"),
                f"l'envoi a échoué : {json.dumps(current, ensure_ascii=False)}",
            )
            time.sleep(0.2)
        raise StoryError(f"Task/{task['id']} n'est pas terminée après {WAIT_S:.0f} s")

    def _held(self) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = self.simulator.get("/_simulateur/documents").raise_for_status().json()
        return documents

    def _attachment(self, reference: Resource) -> bytes:
        attachment = reference["content"][0]["attachment"]
        answer = self.client.get(attachment["url"], headers={"Accept": attachment["contentType"]})
        answer.raise_for_status()
        digest = hashlib.sha1(answer.content, usedforsecurity=False).digest()
        _demand(
            attachment.get("hash") in (None, base64.b64encode(digest).decode()),
            "l'empreinte du document ne correspond pas",
        )
        return answer.content

    def _call(
        self,
        method: str,
        path: str,
        body: Resource | None = None,
        save: str = "",
        headers: dict[str, str] | None = None,
    ) -> Any:
        answer = self.client.request(method, path, json=body, headers=headers)
        content = answer.json()
        if answer.status_code >= 400:
            raise StoryError(f"{method} {path} → {answer.status_code} : {json.dumps(content, ensure_ascii=False)}")
        if save:
            self._save(f"{save}.json", content)
        return content

    def _save(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")


def _issue_ids(outcome: Resource | None) -> list[str]:
    return [c["code"] for i in (outcome or {}).get("issue", []) for c in i.get("details", {}).get("coding", [])]


def _demand(condition: bool, sentence: str) -> None:
    if not condition:
        raise StoryError(sentence)

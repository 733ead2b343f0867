"""The HTTP face of the simulated DMP: three SOAP endpoints, and the simulator's own pages under ``/_simulateur``."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns
from typing import Any

from flask import Flask, Response, abort, jsonify, render_template, request

from dui_fhir.simulators import mtom, soap
from dui_fhir.simulators.controls import add_fault_routes, suffer
from dui_fhir.simulators.dmp import answers, patients, provide, query, registry, update, vihf
from dui_fhir.simulators.dmp.ebrim import Problem
from dui_fhir.simulators.dmp.policy import Policy
from dui_fhir.simulators.dmp.registry import Entry, Registry
from dui_fhir.simulators.dmp.request import Request
from dui_fhir.simulators.faults import FaultPlan
from dui_fhir.simulators.mtom import Package, Part
from dui_fhir.simulators.serving import sever, truncated
from dui_fhir.simulators.soap import AddressingRule, Element, Message, SoapFault

BASE = "/si-dmp-server/v2/services"
_RULE = AddressingRule(understood=frozenset({vihf.SECURITY}))
_ACTIONS = {
    "repository": {provide.BODY: provide.ACTION, query.RETRIEVE_BODY: query.RETRIEVE_ACTION},
    "registry": {query.BODY: query.ACTION, update.BODY: update.ACTION},
    "patients": {patients.BODY: patients.ACTION},
}

Answer = tuple[str, Element, dict[str, Part]]  # action, body, attachments


def create_app(folder: Path, policy: Policy | None = None, now_ms: Callable[[], int] | None = None) -> Flask:
    """Build the application of a DMP that keeps its documents in ``folder``."""
    app = Flask(__name__)
    dmp = _Dmp(Registry(folder), policy or Policy(), now_ms or (lambda: time_ns() // 1_000_000))
    app.config["STOPPING"] = dmp.stopping
    app.config["MAX_CONTENT_LENGTH"] = dmp.policy.request_bytes_max
    app.add_url_rule(f"{BASE}/<any(repository, registry, patients):service>", "service", dmp.service, methods=["POST"])
    app.add_url_rule("/", "home", dmp.home)
    app.add_url_rule("/_simulateur/documents", "documents", dmp.documents)
    app.add_url_rule("/_simulateur/documents/<identifier>", "document", dmp.document)
    add_fault_routes(app, dmp.faults)
    app.add_url_rule("/_simulateur/patients", "patient", dmp.set_patient, methods=["POST"])
    return app


class _Dmp:
    """The views; they share a registry, a policy and the faults to come."""

    def __init__(self, registry: Registry, policy: Policy, now_ms: Callable[[], int]) -> None:
        self.registry = registry
        self.policy = policy
        self.now_ms = now_ms
        self.faults = FaultPlan()
        self.stopping = threading.Event()

    # --- the DMP's own endpoints

    def service(self, service: str) -> Response:
        """Answer one SOAP request, after the fault that was ordered for it."""
        fault = self.faults.take(service)
        if fault is None:
            return self._answer(service)
        early = suffer(fault, self.stopping)
        if early is not None:
            return early
        if fault.mode == "soap-fault":
            detail = fault.code or "SIM-PANNE"
            return _xml(soap.fault_answer(SoapFault("Receiver", "Panne simulée.", detail=detail)), 500)
        if fault.mode == "registry-error":
            return self._answer(service, fault.code or "XDSRegistryBusy")
        response = self._answer(service)
        if fault.mode == "drop-after-store":
            return sever(request.environ)
        return truncated(response) if fault.mode == "truncate" else response

    def _answer(self, service: str, forced_error: str = "") -> Response:
        message_id = ""
        try:
            package, multipart = self._package(service)
            message = soap.read(package.envelope, _ACTIONS[service], _RULE)
            message_id = message.message_id
            if package.action and package.action != message.action:
                raise SoapFault("Sender", "Le paramètre action contredit wsa:Action.", detail="SIM-ACTION")
            action, body, parts = self._transaction(message, package, forced_error)
        except SoapFault as fault:
            return _xml(soap.fault_answer(fault, message_id), fault.status)
        envelope = soap.answer(action, message_id, body)
        if not (parts or multipart and self.policy.mtom_answers):
            return _xml(envelope, 200)
        content_type, data = mtom.write(envelope, parts)
        return Response(data, content_type=content_type)

    def _package(self, service: str) -> tuple[Package, bool]:
        media, options = request.mimetype, request.mimetype_params
        if service == "repository" or media == "multipart/related":
            try:
                return mtom.read(request.content_type or "", request.get_data()), True
            except mtom.MalformedPackage as error:
                status = 400 if media == "multipart/related" else 415
                raise SoapFault("Sender", f"MTOM : {error}", detail="SIM-MTOM", status=status) from error
        if media != "application/soap+xml":
            reason = f"Content-Type attendu : application/soap+xml ; reçu : {media or 'rien'}"
            raise SoapFault("Sender", reason, detail="SIM-SOAP", status=415)
        return Package(envelope=request.get_data(), parts={}, action=options.get("action", "")), False

    def _transaction(self, message: Message, package: Package, forced_error: str) -> Answer:
        now_ms = self.now_ms()
        identity = vihf.read(message.header, self.policy, now_ms)
        if not self.registry.first_use(identity.id):
            raise vihf.refuse("REJEU", "Cette assertion a déjà servi : une par message.", "FailedAuthentication")
        context = Request(
            body=message.body,
            package=package,
            vihf=identity,
            registry=self.registry,
            policy=self.policy,
            now_ms=now_ms,
        )
        problems = [Problem(code=forced_error, text="Erreur simulée.")] if forced_error else None
        return _run(message, context, problems)

    # --- the simulator's pages

    def home(self) -> str:
        """List what was received, for a person."""
        return render_template(
            "dmp.html", rows=list(self._rows()), environment=self.policy.environment, faults=self.faults.waiting()
        )

    def documents(self) -> Response:
        """List what was received, as JSON."""
        return jsonify(list(self._rows()))

    def document(self, identifier: str) -> Response:
        """Return the bytes of a document, by entryUUID or uniqueId."""
        entry = self.registry.entry(identifier) or self.registry.by_unique_id(identifier)
        if entry is None:
            abort(404)
        return _xml(self.registry.document(entry.uuid), 200, "text/xml")

    def set_patient(self) -> Response | tuple[Response, int]:
        """Open, close or remove the DMP of ``{"ins": …, "etat": "ouvert"|"ferme"|"inexistant"}``."""
        order = request.get_json(silent=True)
        states = (registry.OPEN, registry.CLOSED, registry.ABSENT)
        if not isinstance(order, dict) or order.get("etat") not in states or not order.get("ins"):
            return jsonify(erreur=f"attendu : ins, et etat parmi {', '.join(states)}"), 400
        self.registry.set_patient(str(order["ins"]), order["etat"])
        return jsonify(order)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for entry in self.registry.entries():
            yield _row(entry)


def _run(message: Message, context: Request, problems: list[Problem] | None) -> Answer:
    """Run one transaction; ``problems`` given = the answer of an error ordered in advance."""
    action = f"{message.action}Response"
    if message.body.tag == patients.BODY:
        return patients.ANSWER_ACTION, patients.exists(context), {}
    if message.body.tag == query.BODY:
        return action, query.query(context) if problems is None else answers.query_response([], problems), {}
    if message.body.tag == query.RETRIEVE_BODY:
        body, parts = query.retrieve(context) if problems is None else (answers.retrieve_response([], problems), {})
        return action, body, parts
    change = provide.provide if message.body.tag == provide.BODY else update.update
    if change is update.update:
        action = update.ANSWER_ACTION
    return action, answers.registry_response(change(context) if problems is None else problems), {}


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "entryUUID": entry.uuid,
        "uniqueId": entry.unique_id,
        "titre": entry.title,
        "typeCode": entry.type_code,
        "patient": entry.patient,
        "statut": entry.status.rpartition(":")[2],
        "version": entry.version,
        "setId": entry.set_id,
        "visibilite": list(entry.visibility),
        "signature": entry.signature,
        "structure": entry.structure,
        "professionnel": entry.person,
        "lot": entry.submission_set,
        "octets": entry.size_bytes,
        "sha1": entry.sha1,
        "recu": datetime.fromtimestamp(entry.received_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "metadonnees": entry.xml,
    }


def _xml(data: bytes, status: int, media: str = "application/soap+xml") -> Response:
    return Response(data, status=status, content_type=f"{media}; charset=utf-8")

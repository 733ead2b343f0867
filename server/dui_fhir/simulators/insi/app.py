"""The HTTP face of the simulated INSi: ``/lps`` as on the real host, and the simulator's own pages."""

import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, jsonify, render_template, request

from dui_fhir.simulators import soap
from dui_fhir.simulators.controls import add_fault_routes, suffer
from dui_fhir.simulators.faults import Fault, FaultPlan
from dui_fhir.simulators.insi import messages
from dui_fhir.simulators.insi.people import MalformedPerson, People, search
from dui_fhir.simulators.serving import truncated
from dui_fhir.simulators.soap import AddressingRule, SoapFault

PATH = "/lps"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
# The SAML assertion of a card or of Pro Santé Connect is let through, not verified.
_RULE = AddressingRule(
    understood=frozenset({messages.BAM_HEADER, messages.LPS_HEADER, f"{{{_WSSE}}}Security"}),
    to_and_reply_to=False,
    must_understand_action=False,
)
_MODES = ("http-500", "timeout", "slow", "soap-fault", "truncate", "refuse-connection")
_CALLS_KEPT = 1000


def create_app(folder: Path, authorisations: frozenset[str] = frozenset()) -> Flask:
    """Build the application; ``authorisations`` are the software numbers (IDAM) admitted, empty = any."""
    app = Flask(__name__)
    insi = _Insi(People(folder), authorisations)
    app.config["STOPPING"] = insi.stopping
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.add_url_rule(PATH, "service", insi.service, methods=["POST"])
    app.add_url_rule("/", "home", insi.home)
    app.add_url_rule("/_simulateur/appels", "calls", insi.calls)
    app.add_url_rule("/_simulateur/personnes", "people", insi.add_person, methods=["POST"])
    add_fault_routes(app, insi.faults)
    return app


class _Insi:
    """The views; they share the people, the faults to come and the outcome of past calls."""

    def __init__(self, people: People, authorisations: frozenset[str]) -> None:
        self.people = people
        self.authorisations = authorisations
        self.faults = FaultPlan(_MODES)
        self.stopping = threading.Event()
        self._calls: deque[dict[str, str]] = deque(maxlen=_CALLS_KEPT)

    def service(self) -> Response:
        """Answer one search, after the fault that was ordered for it."""
        fault = self.faults.take("lps")
        early = suffer(fault, self.stopping) if fault else None
        if early is not None:
            return early
        response = self._answer(fault)
        return truncated(response) if fault and fault.mode == "truncate" else response

    def _answer(self, ordered: Fault | None) -> Response:
        message_id = ""
        try:
            if request.mimetype != "application/soap+xml":
                raise SoapFault("Sender", "Content-Type attendu : application/soap+xml", detail="SIM-SOAP", status=415)
            message = soap.read(request.get_data(), {messages.BODY: messages.ACTION}, _RULE)
            message_id = message.message_id
            if request.mimetype_params.get("action", message.action) != message.action:
                raise SoapFault("Sender", "Le paramètre action contredit wsa:Action.", detail="SIM-ACTION")
            if ordered and ordered.mode == "soap-fault":
                raise messages.technical(ordered.code or "insi_102", message_id)
            code, result = self._search(messages.read(message, self.authorisations), message_id)
        except SoapFault as fault:
            return self._fault(fault)
        self._note("CodeCR", code)
        return _xml(soap.bare_answer(result), 200)

    def _search(self, traits: messages.Traits, message_id: str) -> tuple[str, soap.Element]:
        people = self.people.all()
        for person in people:
            if person.fault and (person.family, person.given) == (traits.family, " ".join(traits.given)):
                raise messages.technical(person.fault, message_id)
        found = search(
            people, family=traits.family, given=traits.given, sex=traits.sex, born=traits.born, place=traits.place
        )
        return messages.answer(found)

    def _fault(self, fault: SoapFault) -> Response:
        self._note("faute", fault.detail if isinstance(fault.detail, str) else fault.detail.get("code", ""))
        return _xml(soap.fault_answer(fault, addressed=False), fault.status)

    def _note(self, kind: str, code: str) -> None:
        # Neither traits nor matricule: this list is shown without any check of who asks.
        self._calls.append({"recu": datetime.now(UTC).isoformat(timespec="milliseconds"), kind: code})

    def home(self) -> str:
        """List the people that can be searched for."""
        return render_template("insi.html", people=self.people.all(), faults=self.faults.waiting())

    def calls(self) -> Response:
        """List the outcome of the last calls, oldest first."""
        return jsonify(list(self._calls))

    def add_person(self) -> Response | tuple[Response, int]:
        """Add or replace a person."""
        try:
            person = self.people.add(request.get_json(silent=True))
        except MalformedPerson as error:
            return jsonify(erreur=str(error)), 400
        return jsonify(family=person.family, given=person.given)


def _xml(data: bytes, status: int) -> Response:
    return Response(data, status=status, content_type="application/soap+xml; charset=utf-8")

"""What every simulator offers beside its service: faults on demand, under ``/_simulateur/pannes``."""

import threading

from flask import Flask, Response, jsonify, request

from dui_fhir.simulators.faults import Fault, FaultPlan, UnknownFault
from dui_fhir.simulators.serving import sever


def add_fault_routes(app: Flask, plan: FaultPlan) -> None:
    """Add the routes that order (POST), list (GET) and forget (DELETE) faults."""

    def faults() -> Response | tuple[Response, int]:
        if request.method == "DELETE":
            plan.clear()
        elif request.method == "POST":
            try:
                plan.order(request.get_json(silent=True))
            except UnknownFault as error:
                return jsonify(erreur=str(error)), 400
        return jsonify(plan.waiting())

    app.add_url_rule("/_simulateur/pannes", "faults", faults, methods=["GET", "POST", "DELETE"])


def suffer(fault: Fault, stopping: threading.Event) -> Response | None:
    """Apply what strikes before the service is reached; None = go on and answer."""
    if fault.mode == "refuse-connection":
        return sever(request.environ, reset=True)
    if fault.mode == "http-500":
        return Response("panne simulée\n", status=500, content_type="text/plain; charset=utf-8")
    if fault.mode in ("slow", "timeout"):
        stopping.wait(fault.seconds)
    return sever(request.environ) if fault.mode == "timeout" else None

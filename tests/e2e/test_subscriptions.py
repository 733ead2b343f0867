"""Subscriptions over real processes: several HTTP processes write, the worker is killed, nothing is missed."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
WAIT_S = 60.0


class Subscriber:
    """Keeps the events it receives, as (number, focus)."""

    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["entry"][0]["resource"]
                for parameter in status["parameter"]:
                    if parameter["name"] == "notification-event":
                        parts = {p["name"]: p for p in parameter["part"]}
                        focus = parts["focus"]["valueReference"]["reference"]
                        outer.events.append((int(parts["event-number"]["valueString"]), focus.split("/")[-1]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _write(url: str, count: int, written: list[str]) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "poids"}}
    with httpx.Client(base_url=url, timeout=20) as client:
        for _ in range(count):
            answer = client.post(
                "/fhir/Observation", json=observation, headers={"Content-Type": "application/fhir+json"}
            )
            assert answer.status_code == 201, answer.text
            written.append(answer.json()["id"])


def test_events__worker_killed_while_clients_write__all_told_in_order(
    make_server: Callable[..., Any], subscriber: Subscriber
) -> None:
    environment = {
        "DUI_FHIR_SUBSCRIPTION_HOSTS": "127.0.0.1",
        "DUI_FHIR_WORKER_EMBEDDED": "true",
        "DUI_FHIR_WORKER_POLL_S": "0.1",
        "DUI_FHIR_JOB_LEASE_S": "1",
    }
    server = make_server(environment=environment).start()
    url = str(server.client.base_url)
    _write(url, 4, [])  # both processes have read that there is no subscription
    subscription = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "suivi du poids",
        "criteria": "Observation?status=final",
        "channel": {
            "type": "rest-hook",
            "endpoint": subscriber.url,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": BACKPORT, "valueCode": "id-only"}]},
        },
    }
    path = f"/fhir/Subscription/{server.client.post('/fhir/Subscription', json=subscription).json()['id']}"
    _until(lambda: server.client.get(path).json()["status"] == "active")

    written: list[str] = []
    clients = [threading.Thread(target=_write, args=(url, 15, written)) for _ in range(3)]
    for client in clients:
        client.start()
    for _ in range(2):
        told = len(subscriber.events)
        _until(lambda told=told: len(subscriber.events) > told)
        pids = server.children("dui_fhir.cli worker")
        assert len(pids) == 1
        os.kill(pids[0], signal.SIGKILL)
    for client in clients:
        client.join()
    _until(lambda: len({number for number, _ in subscriber.events}) == len(written))

    first = dict(reversed(subscriber.events))
    assert set(subscriber.events) == set(first.items()), "a number names one event"
    assert sorted(first) == list(range(1, len(written) + 1))
    assert sorted(first.values()) == sorted(written)
    fresh = list(dict.fromkeys(number for number, _ in subscriber.events))
    assert fresh == sorted(fresh), "events come in order, repeated ones aside"
    events = server.client.get(f"{path}/$events").json()["entry"]
    assert len(events) == len(written) + 1

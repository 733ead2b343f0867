"""FHIR R4, subscription.html: from the request to the notification, over a real HTTP endpoint; Subscriptions R5 Backport."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dui_fhir.app import build_engine, create_app
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.outbox import dmp_job
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.jobs import Worker
from dui_fhir.ports import Delivered
from dui_fhir.service.engine import Engine
from dui_fhir.service.operations.subscription import SUBSCRIPTIONS_MAX
from dui_fhir.service.reader import TrackingReader
from dui_fhir.service.sendings import OutboxTasks
from dui_fhir.service.subscribing import SubscriptionStatuses
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores
from dui_fhir.subscriptions.delivery import SubscriptionConnector
from dui_fhir.subscriptions.letters import dead_letters, send_again

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
EXAMPLES = Path(__file__).parents[3] / "shared/reference/fhir/notification-evenements/examples"
Fhir = Any


class Endpoint:
    """A subscriber: keeps what it receives, answers as told (200 where nothing is left to say)."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with suppress(ConnectionError):  # a sender that has waited or read enough hangs up
                    super().handle()

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.received.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = outer.answers.pop(0) if outer.answers else 200
                status, headers, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
                if callable(content):
                    content = content()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self._any()

            def do_PUT(self) -> None:
                self._any()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    @property
    def bundles(self) -> list[dict[str, Any]]:
        """The notifications, handshakes left out."""
        found = [json.loads(body) for _, _, _, body in self.received if body]
        return [b for b in found if _value(_status(b), "type") == "event-notification"]


class Bench:
    """A tenant, its worker, and a clock that the test moves."""

    def __init__(self, fhir: Fhir, engine: Engine, clock: FixedClock) -> None:
        self.fhir, self.engine, self.clock = fhir, engine, clock
        self.store = engine.stores.open(fhir.tenant)
        self.connector = self.new_connector()

    def new_connector(self) -> SubscriptionConnector:
        return SubscriptionConnector(
            self.engine.settings,
            stores=self.engine.stores,
            statuses=SubscriptionStatuses(self.engine),
            clock=self.clock,
            options=self.engine.options,
        )

    def work(self, connector: Any = None) -> int:
        worker = Worker(
            self.engine.stores,
            [connector or self.connector],
            self.engine.settings,
            clock=self.clock,
            reader=lambda tenant: TrackingReader(self.engine.stores.open(tenant)),
            index=self.engine.extractor.extract,
            random=Random(1),
        )
        return worker.run_once(self.fhir.tenant)

    def subscribe(self, criteria: str, endpoint: str, *, active: bool = True, **channel: Any) -> str:
        made = self.fhir.create(subscription(criteria, endpoint, **channel))
        if active:
            self.work()
            assert self.status(made["id"]) == "active"
        return str(made["id"])

    def status(self, id: str) -> str:
        return str(self.fhir.get(f"Subscription/{id}").json["status"])

    def events(self, id: str, query: str = "") -> Any:
        return self.fhir.get(f"Subscription/{id}/$events{query}").json


def subscription(criteria: str, endpoint: str, content: str | None = "id-only", **channel: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json", **channel}
    if content is not None:
        made["_payload"] = {"extension": [{"url": BACKPORT, "valueCode": content}]}
    if made["payload"] is None:
        del made["payload"]
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "suivi",
        "criteria": criteria,
        "channel": made,
    }


def _status(bundle: Any) -> Any:
    return bundle["entry"][0]["resource"]


def _value(parameters: Any, name: str) -> Any:
    found = next(p for p in parameters["parameter"] if p["name"] == name)
    return next(v for k, v in found.items() if k.startswith("value"))


def _events(bundle: Any) -> list[dict[str, Any]]:
    parts = [p["part"] for p in _status(bundle)["parameter"] if p["name"] == "notification-event"]
    return [{p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in part} for part in parts]


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def _observation(code: str = "a", **others: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": code}]}, **others}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Any, Engine, FixedClock]]:
    clock = FixedClock(1_800_000_000_000)
    settings = Settings(
        {
            "store": "memory",
            "log_level": "ERROR",
            "subscription_hosts": ["127.0.0.1"],
            "subscription_timeout_s": 0.5,
            "job_attempts_max": 3,
            "job_retry_first_s": 10.0,
        }
    )
    engine = build_engine(settings, stores=MemoryStores(clock), clock=clock)
    yield create_app(settings, engine=engine), engine, clock
    engine.stores.close()


@pytest.fixture
def bench(fhir: Fhir, served: tuple[Any, Engine, FixedClock]) -> Iterator[Bench]:
    app, engine, clock = served
    engine.stores.create(fhir.tenant)
    made = Bench(type(fhir)(app.test_client(), engine, fhir.tenant), engine, clock)
    yield made
    made.connector.close()


# life


def test_create__requested__becomes_active_after_the_handshake(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url, active=False)
    assert bench.status(id) == "requested"

    bench.work()

    ((method, path, headers, body),) = endpoint.received
    assert (method, path, headers["x-dui-notification"]) == ("POST", "/hook", "handshake")
    assert (_value(_status(json.loads(body)), "type"), _value(_status(json.loads(body)), "status")) == (
        "handshake",
        "requested",
    )
    assert bench.status(id) == "active"


def test_create__endpoint_never_answers__ends_in_error_that_says_why(bench: Bench, endpoint: Endpoint) -> None:
    endpoint.answers = [500, 500, 404]
    id = bench.subscribe("Observation", endpoint.url, active=False)
    for _ in range(3):
        bench.work()
        bench.clock.advance(seconds=100)

    stored = bench.fhir.get(f"Subscription/{id}").json
    assert (stored["status"], stored["error"]) == ("error", "L'adresse de notification répond 404.")
    assert bench.store.jobs(kind="subscription")[0].state == "failed"


def test_update__asked_again_after_an_error__is_active_and_numbers_go_on(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [503, 503, 503]
    for _ in range(3):
        bench.work()
        bench.clock.advance(seconds=100)
    assert bench.status(id) == "error"

    asked = {**bench.fhir.get(f"Subscription/{id}").json, "status": "requested"}
    assert bench.fhir.put(f"Subscription/{id}", asked).status_code == 200
    bench.work()
    stored = bench.fhir.get(f"Subscription/{id}").json
    assert (stored["status"], "error" in stored) == ("active", False)

    bench.fhir.create(_observation())
    bench.work()
    assert _events(endpoint.bundles[-1])[0]["event-number"] == "2"


def test_create__end_is_past__is_off_without_any_call(bench: Bench, endpoint: Endpoint) -> None:
    ended = {**subscription("Observation", endpoint.url), "end": "2020-02-07T13:28:17-05:00"}
    id = bench.fhir.create(ended)["id"]
    bench.work()

    assert (bench.status(id), endpoint.received) == ("off", [])


@pytest.mark.parametrize("status", ["active", "error"])
def test_create__status_that_is_the_servers__is_refused(bench: Bench, endpoint: Endpoint, status: str) -> None:
    answer = bench.fhir.post("Subscription", {**subscription("Observation", endpoint.url), "status": status})

    assert (answer.status_code, _codes(answer)) == (422, ["subscription-status"])


def test_update__active_with_another_endpoint__must_be_asked_again(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    stored = bench.fhir.get(f"Subscription/{id}").json
    assert bench.fhir.put(f"Subscription/{id}", {**stored, "reason": "autre"}).status_code == 200

    moved = {**stored, "channel": {**stored["channel"], "endpoint": f"{endpoint.url}/2"}}
    assert _codes(bench.fhir.put(f"Subscription/{id}", moved)) == ["subscription-status"]


def test_update__off__stops_events_at_once(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    bench.fhir.put(f"Subscription/{id}", {**bench.fhir.get(f"Subscription/{id}").json, "status": "off"})
    bench.fhir.create(_observation())
    bench.work()

    assert (endpoint.bundles, bench.store.jobs(stream=f"subscription|{id}")) == ([], ())


# what is refused


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ("", "subscription-criteria"),
        ("Nothing?x=1", "subscription-criteria"),
        ("Observation?subject.name=a", "subscription-criteria"),
        ("Patient?_has:Observation:patient:code=a", "subscription-criteria"),
        ("Observation?code=a&_count=2", "subscription-criteria"),
        ("Observation?_lastUpdated=gt2020", "subscription-criteria"),
        ("Observation?cod=a", "search-unknown-parameter"),
        ("https://example.org/SubscriptionTopic/x", "subscription-criteria"),
    ],
)
def test_create__criteria_nobody_can_judge__are_refused(
    bench: Bench, endpoint: Endpoint, criteria: str, code: str
) -> None:
    answer = bench.fhir.post("Subscription", subscription(criteria or "?", endpoint.url))

    assert (answer.status_code, _codes(answer)) == (422, [code])


@pytest.mark.parametrize(
    "url",
    [
        "http://partenaire.example/hook",
        "https://partenaire.example/hook",
        "https://169.254.169.254/latest",
        "https://127.0.0.1.partenaire.example/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1@partenaire.example/",
        "http://localhost/",
        "file:///etc/passwd",
        "https://[::1]/",
        "http://127.0.0.1/#x",
        "http://127.0.0.1\\@partenaire.example/",
    ],
)
def test_create__endpoint_outside_the_list__is_refused(bench: Bench, url: str) -> None:
    answer = bench.fhir.post("Subscription", subscription("Observation", url))

    assert (answer.status_code, _codes(answer)) == (422, ["subscription-endpoint"])
    assert "partenaire" not in answer.text


@pytest.mark.parametrize("line", ["Host: x", "Content-Length: 0", "no colon", "X: a\r\nHost: b", "Bad Name: x"])
def test_create__header_of_the_connection__is_refused(bench: Bench, endpoint: Endpoint, line: str) -> None:
    answer = bench.fhir.post("Subscription", subscription("Observation", endpoint.url, header=[line]))

    assert (answer.status_code, _codes(answer)[-1]) == (422, "subscription-header")


def test_create__other_channel__is_refused(bench: Bench, endpoint: Endpoint) -> None:
    answer = bench.fhir.post("Subscription", subscription("Observation", endpoint.url, type="websocket"))

    assert (answer.status_code, _codes(answer)) == (422, ["subscription-channel"])


def test_create__all_faults_together__with_their_places_in_a_bundle(bench: Bench, make_entry: Any) -> None:
    made = subscription("Observation?cod=a", "https://x.example/", payload="text/plain")
    answer = bench.fhir.transaction(make_entry("POST", "Subscription", made))

    found = {i["details"]["coding"][0]["code"]: i["expression"] for i in answer.json["issue"]}
    assert found == {
        "search-unknown-parameter": ["Bundle.entry[0].resource.criteria"],
        "subscription-endpoint": ["Bundle.entry[0].resource.channel.endpoint"],
        "subscription-payload": ["Bundle.entry[0].resource.channel.payload"],
    }


def test_marker__written_by_a_client__is_refused(bench: Bench) -> None:
    basic = {"resourceType": "Basic", "id": "dui-subscriptions", "code": {"text": "x"}}

    answer = bench.fhir.put("Basic/dui-subscriptions", basic)

    assert (answer.status_code, "subscription-marker" in _codes(answer)) == (422, True)


# criteria by lists of codes


def _value_set(*codes: str) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "id": "suivis",
        "url": "https://essai.example/ValueSet/suivis",
        "status": "active",
        "compose": {"include": [{"system": "urn:s", "concept": [{"code": code} for code in codes]}]},
    }


def _system(*children: str) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "id": "s",
        "url": "urn:s",
        "status": "active",
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "concept": [{"code": "racine", "concept": [{"code": code} for code in children]}],
    }


def _coded(code: str) -> dict[str, Any]:
    return _observation(code=code) | {"code": {"coding": [{"system": "urn:s", "code": code}]}}


@pytest.mark.parametrize(
    ("criteria", "listed"),
    [
        ("Observation?code:in=https://essai.example/ValueSet/suivis", _value_set),
        ("Observation?code:below=urn:s|racine", _system),
    ],
)
def test_event__criteria_by_codes__follow_the_lists_of_the_tenant(
    bench: Bench, endpoint: Endpoint, criteria: str, listed: Any
) -> None:
    url = f"{listed()['resourceType']}/{listed()['id']}"
    assert bench.fhir.put(url, listed("a")).status_code == 201
    id = bench.subscribe(criteria, endpoint.url)
    told = bench.fhir.create(_coded("a"))
    bench.fhir.create(_coded("b"))
    assert bench.fhir.put(url, listed("b")).status_code == 200
    bench.fhir.create(_coded("a"))
    also = bench.fhir.create(_coded("b"))

    assert {job.number: job.payload["focus"] for job in bench.store.jobs(stream=f"subscription|{id}")} == {
        1: f"Observation/{told['id']}",
        2: f"Observation/{also['id']}",
    }


def test_event__list_of_codes_written_by_another_process__counts_for_the_next_write(
    bench: Bench, endpoint: Endpoint
) -> None:
    bench.fhir.put("ValueSet/suivis", _value_set("a"))
    id = bench.subscribe("Observation?code:in=https://essai.example/ValueSet/suivis", endpoint.url)
    bench.fhir.create(_coded("b"))
    elsewhere = build_engine(bench.engine.settings, stores=bench.engine.stores, clock=bench.clock)
    other = type(bench.fhir)(
        create_app(bench.engine.settings, engine=elsewhere).test_client(), elsewhere, bench.fhir.tenant
    )
    assert other.put("ValueSet/suivis", _value_set("b")).status_code == 200

    bench.fhir.create(_coded("b"))

    assert len(bench.store.jobs(stream=f"subscription|{id}")) == 1


def test_event__list_of_codes_gone__leaves_writes_and_other_subscriptions_alone(
    bench: Bench, endpoint: Endpoint
) -> None:
    bench.fhir.put("ValueSet/suivis", _value_set("a"))
    id = bench.subscribe("Observation?code:in=https://essai.example/ValueSet/suivis", endpoint.url)
    other = bench.subscribe("Observation", endpoint.url)
    assert bench.fhir.delete("ValueSet/suivis").status_code == 204

    assert bench.fhir.post("Observation", _coded("a")).status_code == 201

    assert [len(bench.store.jobs(stream=f"subscription|{s}")) for s in (id, other)] == [0, 1]


# notifications


def test_event__id_only__names_the_resource_and_shows_nothing(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation?code=a", endpoint.url)
    made = bench.fhir.create(_observation())
    bench.fhir.create(_observation("b"))
    bench.work()

    (bundle,) = endpoint.bundles
    assert bundle["type"] == "history"
    assert _value(_status(bundle), "subscription") == {"reference": f"{bench.fhir.url}/Subscription/{id}"}
    assert _events(bundle) == [
        {
            "event-number": "1",
            "timestamp": made["meta"]["lastUpdated"],
            "focus": {"reference": f"{bench.fhir.url}/Observation/{made['id']}"},
        }
    ]
    assert [e.get("resource") for e in bundle["entry"][1:]] == [None]
    assert bundle["entry"][1]["request"] == {"method": "POST", "url": "Observation"}


def test_event__empty__names_nothing(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url, content="empty")
    made = bench.fhir.create(_observation())
    bench.work()

    (bundle,) = endpoint.bundles
    assert made["id"] not in json.dumps(bundle)
    assert (len(bundle["entry"]), _events(bundle)[0]["event-number"]) == (1, "1")


def test_event__full_resource__shows_the_version_that_made_it(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url, content="full-resource")
    made = bench.fhir.create(_observation())
    bench.fhir.put(f"Observation/{made['id']}", {**made, "status": "amended"})
    bench.work()

    assert [b["entry"][1]["resource"]["status"] for b in endpoint.bundles] == ["final", "amended"]
    assert [b["entry"][1]["request"]["method"] for b in endpoint.bundles] == ["POST", "PUT"]


def test_event__resource_deleted_meanwhile__is_told_without_it(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url, content="full-resource")
    made = bench.fhir.create(_observation())
    bench.fhir.delete(f"Observation/{made['id']}")
    bench.work()

    assert ["resource" in b["entry"][1] for b in endpoint.bundles] == [False]


def test_event__r4_without_payload__is_an_empty_post_with_its_number(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url, content=None, payload=None, header=["Authorization: Bearer x"])
    bench.fhir.create(_observation())
    bench.work()

    method, path, headers, body = endpoint.received[-1]
    assert (method, path, body) == ("POST", "/hook", b"")
    assert (headers["authorization"], headers["x-dui-event-number"], headers["x-dui-subscription"]) == (
        "Bearer x",
        "1",
        id,
    )


@pytest.mark.parametrize("media", ["application/fhir+json", "application/fhir+xml"])
def test_event__r4_with_payload__is_an_update_under_the_endpoint(bench: Bench, endpoint: Endpoint, media: str) -> None:
    bench.subscribe("Observation", endpoint.url, content=None, payload=media)
    made = bench.fhir.create(_observation())
    bench.work()

    method, path, headers, body = endpoint.received[-1]
    assert (method, path, headers["content-type"]) == ("PUT", f"/hook/Observation/{made['id']}", media)
    assert json.loads(body) == made if media.endswith("json") else b"<Observation" in body


def test_event__update_that_changes_nothing__is_none(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url)
    made = bench.fhir.create(_observation())
    bench.fhir.put(f"Observation/{made['id']}", made)
    bench.work()

    assert len(endpoint.bundles) == 1


def test_event__transaction__one_number_per_resource_in_order(
    bench: Bench, endpoint: Endpoint, make_entry: Callable[..., dict[str, Any]]
) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    answer = bench.fhir.transaction(
        *(make_entry("PUT", f"Observation/o{n}", {**_observation(), "id": f"o{n}"}) for n in range(3))
    )
    assert answer.status_code == 200
    bench.work()

    assert [_events(b)[0]["focus"]["reference"][-2:] for b in endpoint.bundles] == ["o0", "o1", "o2"]
    assert [j.number for j in bench.store.jobs(stream=f"subscription|{id}")] == [3, 2, 1]


def test_event__refused_transaction__leaves_no_job(bench: Bench, endpoint: Endpoint, make_entry: Any) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    answer = bench.fhir.transaction(
        make_entry("POST", "Observation", _observation()),
        make_entry("PUT", "Observation/x", {**_observation(), "id": "x"}, ifMatch='W/"7"'),
    )

    assert (answer.status_code, bench.store.jobs(stream=f"subscription|{id}")) == (412, ())


def test_event__subscription_of_another_process__is_not_missed(bench: Bench, endpoint: Endpoint) -> None:
    """A process that has read the subscriptions once does not know of the new one; the writer does."""
    settings = bench.engine.settings
    other = build_engine(settings, stores=bench.engine.stores, clock=bench.clock)
    client = type(bench.fhir)(create_app(settings, engine=other).test_client(), other, bench.fhir.tenant)
    client.create(_observation())

    bench.subscribe("Observation", endpoint.url)
    client.create(_observation())
    bench.work()

    assert len(endpoint.bundles) == 1


# failures


def test_delivery__endpoint_fails_then_recovers__same_number_and_nothing_lost(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    for _ in range(3):
        bench.fhir.create(_observation())
    endpoint.answers = [200, 503]
    bench.work()
    assert len(endpoint.bundles) == 2
    bench.work()
    assert len(endpoint.bundles) == 2
    bench.clock.advance(seconds=100)
    bench.work()

    assert [_events(b)[0]["event-number"] for b in endpoint.bundles] == ["1", "2", "2", "3"]
    assert bench.status(id) == "active"


def test_delivery__retry_after__is_respected(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [(429, {"Retry-After": "3600"}, b"")]
    bench.work()
    bench.clock.advance(seconds=3500)
    assert bench.work() == 0
    bench.clock.advance(seconds=200)
    assert bench.work() == 1


def test_delivery__redirect__is_not_followed(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [(307, {"Location": f"{endpoint.url}/ailleurs"}, b"")]
    bench.work()

    assert [path for _, path, _, _ in endpoint.received] == ["/hook", "/hook"]
    assert bench.store.jobs(kind="subscription")[0].error == "subscription-http"


def test_delivery__slow_endpoint__gives_up_and_tries_again(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [(200, {}, lambda: time.sleep(0.8) or b"")]
    started = time.monotonic()
    bench.work()

    assert time.monotonic() - started < 0.8
    job = bench.store.jobs(kind="subscription")[0]
    assert (job.state, job.error) == ("waiting", "subscription-unreachable")


def test_delivery__endless_answer__is_cut(bench: Bench, endpoint: Endpoint) -> None:
    bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [(200, {}, b"x" * (3 << 20))]
    bench.work()

    assert bench.store.jobs(kind="subscription")[0].error == "subscription-slow"


def test_delivery__gone__stops_the_subscription(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    endpoint.answers = [410]
    bench.work()

    assert bench.status(id) == "off"


def _give_up_two(bench: Bench, endpoint: Endpoint) -> None:
    """Two events, and a subscriber that fails until both are given up."""
    for _ in range(2):
        bench.fhir.create(_observation())
    endpoint.answers = [500] * 3
    for _ in range(3):
        bench.work()
        bench.clock.advance(seconds=100)
    bench.work()


def test_delivery__abandoned__others_wait_for_the_subscriber_and_are_visible(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    _give_up_two(bench, endpoint)
    bench.fhir.create(_observation())

    assert bench.status(id) == "error"
    assert len(endpoint.received) == 4
    assert [(e["event-number"], e["delivery"]) for e in _events(bench.events(id))] == [("1", "failed"), ("2", "failed")]
    errors = [p["valueCodeableConcept"]["text"] for p in _status_of(bench, id)["parameter"] if p["name"] == "error"]
    assert errors == [
        "L'adresse de notification répond 500.",
        "Évènement 1 non remis (subscription-http) : à relire par $events.",
        "Évènement 2 non remis (subscription-error) : à relire par $events.",
    ]


def _ask_again(bench: Bench, id: str) -> None:
    asked = bench.fhir.get(f"Subscription/{id}").json | {"status": "requested"}
    assert bench.fhir.put(f"Subscription/{id}", asked).status_code == 200


def test_dead_letters__sent_again_once_the_subscriber_is_back__same_numbers_and_no_longer_dead(
    bench: Bench, endpoint: Endpoint
) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    _give_up_two(bench, endpoint)
    first = endpoint.bundles[0]
    _ask_again(bench, id)
    bench.work()
    bench.fhir.create(_observation())
    dead = dead_letters(bench.store, id)
    assert [(one.job.number, one.error) for one in dead] == [(1, "subscription-http"), (2, "subscription-error")]
    endpoint.received.clear()

    assert send_again(bench.store, dead) == 2
    assert send_again(bench.store, dead) == 2  # asked from two places at once
    assert send_again(bench.store, dead_letters(bench.store, id)) == 0
    bench.work()

    assert sorted(_events(b)[0]["event-number"] for b in endpoint.bundles) == ["1", "2", "3"]
    again = next(b for b in endpoint.bundles if _events(b)[0]["event-number"] == "1")
    assert again["entry"][0]["fullUrl"] == first["entry"][0]["fullUrl"]
    assert dead_letters(bench.store, id) == ()
    assert [e["delivery"] for e in _events(bench.events(id))] == ["done"] * 3
    assert [p for p in _status_of(bench, id)["parameter"] if p["name"] == "error"] == []


def test_dead_letters__lost_again__still_dead_and_sent_a_third_time(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    for attempt in range(2):
        endpoint.answers = [500] * 3
        for _ in range(3):
            bench.work()
            bench.clock.advance(seconds=100)
        (one,) = dead_letters(bench.store, id)
        assert (one.state, one.sent_again) == ("failed", attempt)
        _ask_again(bench, id)
        bench.work()
        assert send_again(bench.store, [one]) == 1
    bench.work()

    assert dead_letters(bench.store, id) == ()
    assert bench.status(id) == "active"


def test_delivery__deleted_subscription__sends_nothing(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    bench.fhir.create(_observation())
    assert bench.fhir.delete(f"Subscription/{id}").status_code == 204
    bench.work()
    bench.fhir.create(_observation())

    assert endpoint.bundles == []
    (job,) = bench.store.jobs(stream=f"subscription|{id}")
    assert (job.state, job.error) == ("failed", "subscription-deleted")


class Killed(BaseException):
    """Stands for kill -9: nothing of the worker runs after it."""


class Dying:
    """A connector whose worker dies once the endpoint has answered."""

    kind = "subscription"

    def __init__(self, inner: SubscriptionConnector) -> None:
        self._inner = inner

    def deliver(self, *arguments: Any) -> Any:
        self._inner.deliver(*arguments)
        raise Killed


def test_worker__killed_between_answer_and_settlement__same_event_again_before_the_next(
    bench: Bench, endpoint: Endpoint
) -> None:
    bench.subscribe("Observation", endpoint.url)
    for _ in range(2):
        bench.fhir.create(_observation())
    with pytest.raises(Killed):
        bench.work(Dying(bench.connector))
    assert bench.work() == 0
    bench.clock.advance(seconds=200)
    assert bench.work() == 2

    assert [_events(b)[0]["event-number"] for b in endpoint.bundles] == ["1", "1", "2"]
    assert endpoint.bundles[0]["entry"] == endpoint.bundles[1]["entry"]


def test_worker__killed_after_the_handshake__the_subscription_is_active_once(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url, active=False)
    with pytest.raises(Killed):
        bench.work(Dying(bench.connector))
    bench.clock.advance(seconds=200)
    bench.work()

    assert (bench.status(id), bench.fhir.get(f"Subscription/{id}").json["meta"]["versionId"]) == ("active", "2")


# operations


def _status_of(bench: Bench, id: str) -> Any:
    bundle = bench.fhir.get(f"Subscription/{id}/$status").json
    assert bundle["type"] == "searchset"
    return bundle["entry"][0]["resource"]


def test_status__instance_and_type__count_the_events(bench: Bench, endpoint: Endpoint) -> None:
    one = bench.subscribe("Observation", endpoint.url)
    bench.subscribe("Patient", endpoint.url)
    bench.fhir.create(_observation())

    assert _value(_status_of(bench, one), "events-since-subscription-start") == "1"
    assert bench.fhir.get("Subscription/$status?status=active").json["total"] == 2
    assert bench.fhir.get("Subscription/$status?status=off").json["total"] == 0
    assert bench.fhir.get(f"Subscription/$status?id={one}").json["total"] == 1
    assert _codes(bench.fhir.get("Subscription/$status?id=nope")) == ["subscription-unknown"]


@pytest.mark.parametrize(
    ("ids", "code"), [(SUBSCRIPTIONS_MAX, "subscription-unknown"), (SUBSCRIPTIONS_MAX + 1, "subscription-status-many")]
)
def test_status__more_ids_than_it_answers__is_refused_rather_than_cut(bench: Bench, ids: int, code: str) -> None:
    asked = {"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": f"s{n}"} for n in range(ids)]}

    assert _codes(bench.fhir.post("Subscription/$status", asked)) == [code]


def test_events__between_numbers__with_content_and_state(bench: Bench, endpoint: Endpoint) -> None:
    id = bench.subscribe("Observation", endpoint.url)
    made = [bench.fhir.create(_observation()) for _ in range(4)]
    bundle = bench.events(id, "?eventsSinceNumber=2&eventsUntilNumber=3&content=full-resource")

    assert [e["event-number"] for e in _events(bundle)] == ["2", "3"]
    assert [e["resource"]["id"] for e in bundle["entry"][1:]] == [made[1]["id"], made[2]["id"]]
    assert _value(_status(bundle), "type") == "query-event"
    assert [len(bench.events(id, q)["entry"]) for q in ("", "?eventsSinceNumber=5", "?content=empty")] == [5, 1, 1]
    assert _codes(bench.fhir.get(f"Subscription/{id}/$events?eventsSinceNumber=x")) == ["subscription-event-number"]
    assert _codes(bench.fhir.get(f"Subscription/{id}/$events?content=all")) == ["subscription-content"]


# volet Notification d'évènements (ANS)


@pytest.fixture
def nde() -> Callable[[str], Any]:
    if not EXAMPLES.is_dir():
        pytest.skip("the published examples of the volet are not beside the repository")
    return _published


def _published(name: str) -> Any:
    """Return a published example, the system that FR Core requires of its validation mode put where it lacks."""
    text = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")
    mode = json.dumps("https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-mode-validation-identity")
    return json.loads(text.replace('"code": "CN"', f'"system": {mode}, "code": "CN"'))


@pytest.fixture
def managed(bench: Bench, endpoint: Endpoint) -> Iterator[Bench]:
    """The same tenant with a manager of notifications."""
    settings = bench.engine.settings.with_(nde_notifications_url=endpoint.url)
    engine = build_engine(settings, stores=bench.engine.stores, clock=bench.clock)
    made = Bench(
        type(bench.fhir)(create_app(settings, engine=engine).test_client(), engine, bench.fhir.tenant),
        engine,
        bench.clock,
    )
    yield made
    made.connector.close()


INS = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}


def _identified(resource: dict[str, Any], value: str = INS["value"]) -> dict[str, Any]:
    """Give the person of a published example the identifier it lacks, and the subscription a future end."""
    person = next(c for c in resource["contained"] if c["resourceType"] == "Patient")
    person["identifier"] = [{**INS, "value": value}]
    return {k: v for k, v in resource.items() if k not in ("id", "end")}


def test_nde__published_subscription__is_accepted_with_remarks(managed: Bench, nde: Callable[[str], Any]) -> None:
    answer = managed.fhir.post("Subscription", nde("Subscription-sub1"), headers={"Prefer": "return=OperationOutcome"})

    assert answer.status_code == 201
    assert {"subscription-subject", "subscription-emitter"} <= set(_codes(answer))


def test_nde__declared_event__becomes_an_order_to_notify(
    managed: Bench, endpoint: Endpoint, nde: Callable[[str], Any]
) -> None:
    id = managed.fhir.create(_identified(nde("Subscription-sub1")))["id"]
    managed.work()
    assert (managed.status(id), endpoint.received) == ("active", [])
    declaration = managed.fhir.create(_identified(nde("CommunicationRequest-com2")))
    managed.work()

    ((method, path, headers, body),) = endpoint.received
    order = json.loads(body)
    published = nde("CommunicationRequest-com1")
    assert (method, path) == ("POST", "/hook/CommunicationRequest")
    assert headers["if-none-exist"] == f"identifier=urn:ietf:rfc:3986|{order['identifier'][0]['value']}"
    assert order["basedOn"] == [{"reference": f"{managed.fhir.url}/Subscription/{id}"}]
    assert order["medium"] == published["medium"]
    assert (order["payload"], order["meta"]) == (declaration["payload"], published["meta"])
    assert {e["url"] for e in order["extension"]} == {e["url"] for e in published["extension"]}
    assert order["recipient"][0]["extension"] == [
        {**published["recipient"][0]["extension"][0], "valueUrl": "mailto:pierre.durand@aphp.fr"}
    ]
    contained = {f"#{c['id']}": c["resourceType"] for c in order["contained"]}
    assert [contained[order[k]["reference"]] for k in ("subject", "requester")] == ["Patient", "Organization"]
    assert contained[order["recipient"][0]["reference"]] == "Practitioner"


def test_nde__order_received_back__is_no_event(managed: Bench, endpoint: Endpoint, nde: Callable[[str], Any]) -> None:
    managed.fhir.create(_identified(nde("Subscription-sub1")))
    managed.work()
    managed.fhir.create(_identified(nde("CommunicationRequest-com1")))
    managed.work()

    assert endpoint.received == []


@pytest.mark.parametrize("change", ["person", "event", "start"])
def test_nde__event_of_another_kind_or_person_or_too_early__is_not_told(
    managed: Bench, endpoint: Endpoint, nde: Callable[[str], Any], change: str
) -> None:
    subscribed = _identified(nde("Subscription-sub1"))
    declared = _identified(nde("CommunicationRequest-com2"), "279035121518988" if change == "person" else INS["value"])
    if change == "event":
        declared["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "ENT"
    if change == "start":
        subscribed["extension"][0]["valueDateTime"] = "2999-01-01T00:00:00Z"
    managed.fhir.create(subscribed)
    managed.work()
    managed.fhir.create(declared)
    managed.work()

    assert endpoint.received == []


def test_nde__no_manager__says_so_at_once(bench: Bench, nde: Callable[[str], Any]) -> None:
    answer = bench.fhir.post(
        "Subscription", _identified(nde("Subscription-sub1")), headers={"Prefer": "return=OperationOutcome"}
    )
    assert "subscription-no-manager" in _codes(answer)
    bench.work()

    assert bench.fhir.get("Subscription/$status?status=error").json["total"] == 1


# what the server itself writes


def test_event__sending_settled_by_the_worker__is_told(bench: Bench, endpoint: Endpoint) -> None:
    """An editor learns by a subscription to Task that its document left."""
    patient = bench.fhir.create({"resourceType": "Patient"})
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "subject": {"reference": f"Patient/{patient['id']}"},
        "content": [{"attachment": {"data": "JVBERi0="}}],
    }
    job, task = dmp_job(document, replaces=None, actor=Actor(), now=datetime.now(UTC))
    bench.subscribe("Task?code=dmp-submit&status=completed", endpoint.url)
    put = Put(type="Task", id=task["id"], body=Body.of(task), index=bench.engine.extractor.extract(task))
    bench.store.submit(Plan(operations=(put,), jobs=(job,)))

    sender = Worker(
        bench.engine.stores,
        [Sending()],
        bench.engine.settings,
        clock=bench.clock,
        reader=lambda tenant: TrackingReader(bench.engine.stores.open(tenant)),
        index=bench.engine.extractor.extract,
        tasks=OutboxTasks(bench.engine),
    )
    assert sender.run_once(bench.fhir.tenant) == 1
    bench.work()

    (bundle,) = endpoint.bundles
    assert _events(bundle)[0]["focus"]["reference"].endswith(f"/t/{bench.fhir.tenant}/fhir/Task/{task['id']}")
    assert bench.fhir.owner_of(f"Task/{task['id']}") == [f"Patient/{patient['id']}"]


class Sending:
    """A national service that accepts everything."""

    kind = "dmp"

    def deliver(self, tenant: str, job: Any, reader: Any) -> Delivered:
        return Delivered(evidence={"uniqueId": "2.25.1"})

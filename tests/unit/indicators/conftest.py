"""A tenant in memory with structures of several corridors, a clock that tests move, and short ways to write and ask."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dui_fhir.app import build_engine
from dui_fhir.domain import json
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.structure import Structure
from dui_fhir.service import own_parameters, router, tenant_settings
from dui_fhir.service.engine import Engine
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

Resource = dict[str, Any]
EHPAD, CHRS, PJM, EHPAD_2, SAD = "330000001", "330000002", "330000003", "330000004", "330000005"
CATEGORIES = {
    EHPAD: ("500", "pa"),
    CHRS: ("214", "ahi"),
    PJM: ("340", "pjm"),
    EHPAD_2: ("500", "pa"),
    SAD: ("209", "dom"),
}
PLUGINS = ["commun", "pa", "dom", "ph", "pde", "pds", "ahi", "pjm"]
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
EVENT = "https://identifiant-medicosocial-evenement.esante.gouv.fr"
PROJECT = "https://identifiant-medicosocial-projetpersonnalise.esante.gouv.fr"
AGREED = {
    "url": "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-discriminator",
    "valueCodeableConcept": {"coding": [{"code": "accordStructure"}]},
}
TASK_CODES = "urn:dui-fhir:task-code"
BASE = "http://essai/fhir"


class World:
    """``put`` writes at the instant of the clock; ``ask`` calls an operation and returns its answer."""

    def __init__(self, engine: Engine, clock: FixedClock, name: str) -> None:
        self.engine, self.clock, self.name = engine, clock, name
        self.at("2025-01-01T00:00:00")  # instants of a store never go back
        self.store = engine.stores.create(name)
        for number, (category, corridor) in CATEGORIES.items():
            structure = Structure(
                finess=number, category=category, name=corridor, address="1 rue", corridors=(corridor,)
            )
            register(self.store, structure, engine.extractor)
        self.at("2026-10-15T10:00:00")

    def at(self, moment: str) -> None:
        self.clock.ms = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)

    def request(self, method: str, path: str, params: Any = (), resource: Resource | None = None) -> Any:
        request = ServiceRequest(
            tenant=self.name, method=method, path=path, base_url=BASE, params=tuple(params), resource=resource
        )
        answer = router.dispatch(self.engine, request)
        return json.loads(answer.body) if isinstance(answer.body, bytes) else answer.body

    def put(self, *resources: Resource) -> None:
        for resource in resources:
            self.request("PUT", f"{resource['resourceType']}/{resource['id']}", resource=resource)

    def ask(self, path: str, **params: Any) -> Any:
        """Ask by GET; a list is a repeated parameter."""
        pairs = [(n, str(v)) for n, given in params.items() for v in (given if isinstance(given, list) else [given])]
        return self.request("GET", path, pairs)

    def set(self, name: str, value: Any, place: str = "*") -> None:
        """Set a parameter of the corridors for the tenant, or for one structure; it counts at the next look."""
        shipped = self.engine.host.parameters(None)
        values = tenant_settings.load(self.store)[1]
        changes = own_parameters.changed(values, place, name, json.dumps(value).decode(), shipped)
        assert tenant_settings.save(self.store, self.engine.extractor, changes)
        self.engine.standards.of(self.name, fresh=True)

    def reports(self, number: str = EHPAD, **params: Any) -> dict[str, Resource]:
        """Return the MeasureReports of a structure by indicator."""
        bundle = self.ask(f"Organization/finess-{number}/$indicators", **({"month": "2026-10"} | params))
        found = [e["resource"] for e in bundle.get("entry", ())]
        return {r["measure"].removeprefix("urn:dui-fhir:measure:").partition("|")[0]: r for r in found}

    def admitted(self, id: str, number: str = EHPAD, start: str = "2026-01-05", end: str = "", **more: Any) -> str:
        """Write a person with a stay; return his reference."""
        period = {"start": start, **({"end": end} if end else {})}
        self.put(
            {"resourceType": "Patient", "id": id, "name": [{"use": "official", "family": "FICTIF"}], **more},
            {
                "resourceType": "Encounter", "id": f"{id}-{number}",
                "identifier": [{"system": STAY, "value": f"3{number}/1-SEJOUR-{id}"}],
                "status": "finished" if end else "in-progress", "subject": {"reference": f"Patient/{id}"}, "period": period,
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
                "serviceProvider": {"reference": f"Organization/finess-{number}"},
            },
        )  # fmt: skip
        return f"Patient/{id}"

    def sent(
        self, id: str, person: str, code: str = "dmp-submit", status: str = "completed", when: str = "2026-10-12"
    ) -> None:
        """Write the Task of a sending."""
        self.put(
            {
                "resourceType": "Task", "id": id, "status": status, "intent": "order", "for": {"reference": person},
                "code": {"coding": [{"system": TASK_CODES, "code": code}]}, "lastModified": f"{when}T09:00:00Z",
                "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "outbox"}]},
            }
        )  # fmt: skip

    def event(
        self, id: str, person: str, number: str = EHPAD, when: str = "2026-10-10", status: str = "finished", **more: Any
    ) -> None:
        """Write an event of an hour."""
        self.put(
            {
                "resourceType": "Encounter", "id": id, "identifier": [{"system": EVENT, "value": f"3{number}/1-EVN-{id}"}],
                "status": status, "subject": {"reference": person},
                "serviceProvider": {"reference": f"Organization/finess-{number}"},
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
                "period": {"start": f"{when}T08:00:00Z", "end": f"{when}T09:00:00Z"},
                **more,
            }
        )  # fmt: skip

    def project(self, id: str, person: str, number: str = EHPAD, start: str = "2026-05-01") -> None:
        """Write a personalised project, under way."""
        self.put(
            {
                "resourceType": "CarePlan", "id": id, "identifier": [{"system": PROJECT, "value": f"3{number}/1-PROJPERS-{id}"}],
                "status": "active", "intent": "plan", "title": "Projet", "subject": {"reference": person},
                "contributor": [{"reference": person}], "period": {"start": start},
                "supportingInfo": [{"reference": "Consent/c", "extension": [AGREED]}],
            }
        )  # fmt: skip


def counts(report: Resource) -> tuple[int, int]:
    """Return (numerator, denominator)."""
    found = {p["code"]["coding"][0]["code"]: p["count"] for p in report["group"][0]["population"]}
    return found["numerator"], found["denominator"]


def proof(report: Resource) -> str:
    """Return the hash."""
    (extension,) = [e for e in report["extension"] if e["url"].endswith(":preuve")]
    return next(str(p["valueString"]) for p in extension["extension"] if p["url"] == "empreinte")


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    return FixedClock(0)


@pytest.fixture(scope="session")
def engine(clock: FixedClock) -> Engine:
    settings = Settings({"store": "memory", "plugins": PLUGINS, "plugin_folders": [], "log_level": "ERROR"})
    return build_engine(settings, clock=clock, stores=MemoryStores(clock))


@pytest.fixture
def world(engine: Engine, clock: FixedClock, request: pytest.FixtureRequest) -> World:
    return World(engine, clock, f"i{abs(hash(request.node.nodeid)) % 10**12}")


@pytest.fixture(scope="session")
def count_of() -> Callable[[Resource], tuple[int, int]]:
    """Return a function from a report to (numerator, denominator)."""
    return counts


@pytest.fixture(scope="session")
def proof_in() -> Callable[[Resource], str]:
    """Return a function from a report to its proof."""
    return proof

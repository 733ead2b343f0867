"""A tenant in memory with one structure per corridor, a clock that tests move, and the daily pass."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from dui_fhir.app import build_engine
from dui_fhir.clock_rules import Report, run_day
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.structure import Structure
from dui_fhir.service import router
from dui_fhir.service.engine import Engine
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.reader import TrackingReader
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings

CORRIDORS = ["commun", "pa", "dom", "ph", "pde", "pds", "ahi", "pjm"]
CATEGORIES = {"pa": "500", "dom": "354", "ph": "186", "pde": "177", "pds": "180", "ahi": "214", "pjm": "340"}
SAA = "460"
Resource = dict[str, Any]


def finess(corridor: str) -> str:
    return f"0100000{CORRIDORS.index(corridor):02d}"


def rule_of(task: Resource) -> str:
    return str(task["reasonCode"]["coding"][0]["code"])


def stay(corridor: str, start: str, end: str = "", id: str = "s", person: str = "p", number: str = "") -> Resource:
    provider = number or finess(corridor)
    period = {"start": start, **({"end": end} if end else {})}
    return {
        "resourceType": "Encounter",
        "id": id,
        "identifier": [
            {"system": "https://identifiant-medicosocial-sejour.esante.gouv.fr", "value": f"3{provider}/1-SEJOUR-{id}"}
        ],
        "status": "finished" if end else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "subject": {"reference": f"Patient/{person}"},
        "period": period,
        "serviceProvider": {"reference": f"Organization/finess-{provider}"},
    }


def person(born: str = "1940-05-20", id: str = "p") -> Resource:
    return {"resourceType": "Patient", "id": id, "birthDate": born, "name": [{"use": "official", "family": "FICTIF"}]}


class Tenant:
    """``put`` writes through the server, at the day the clock shows; ``day`` runs the pass of a day."""

    stay, person, rule_of, finess = (
        staticmethod(stay),
        staticmethod(person),
        staticmethod(rule_of),
        staticmethod(finess),
    )

    def __init__(self, engine: Engine, clock: FixedClock, name: str) -> None:
        self.engine, self.clock, self.name = engine, clock, name
        self.store = engine.stores.create(name)
        for corridor, category in CATEGORIES.items():
            self.register(corridor, category)

    def register(self, corridor: str, category: str, number: str = "") -> None:
        structure = Structure(
            finess=number or finess(corridor),
            category=category,
            name=corridor,
            address="1 rue fictive",
            corridors=(corridor,),
        )
        register(self.store, structure, self.engine.extractor)
        self.engine.structures.forget(self.name)

    def set(self, day: date) -> None:
        self.clock.ms = int(datetime.combine(day, time(12), UTC).timestamp() * 1000)

    def put(self, *resources: Resource, method: str = "PUT") -> None:
        for resource in resources:
            path = f"{resource['resourceType']}/{resource['id']}"
            body = resource if method == "PUT" else None
            router.dispatch(
                self.engine,
                ServiceRequest(tenant=self.name, method=method, path=path, base_url="http://essai/fhir", resource=body),
            )

    def delete(self, reference: str) -> None:
        type, _, id = reference.partition("/")
        self.put({"resourceType": type, "id": id}, method="DELETE")

    def day(self, day: date) -> Report:
        self.set(day)
        return run_day(self.engine, self.name, day)

    def tasks(self, state: Iterable[str] = ("requested",)) -> list[Resource]:
        reader = TrackingReader(self.store)
        found = reader.search("Task", [("code", "urn:dui-fhir:task|delai-a-tenir"), ("status", ",".join(state))])
        return sorted(found, key=lambda t: (rule_of(t), t["id"]))

    def rules(self, corridor: str | None = None) -> list[str]:
        """Rules of the open tasks, of the files of one corridor where given."""
        prefix = f"{finess(corridor)}/" if corridor else ""
        return sorted(rule_of(t) for t in self.tasks() if t["groupIdentifier"]["value"].startswith(prefix))


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    return FixedClock(0)


@pytest.fixture(scope="session")
def engine(clock: FixedClock) -> Engine:
    settings = Settings({"store": "memory", "plugins": CORRIDORS, "plugin_folders": [], "log_level": "ERROR"})
    return build_engine(settings, clock=clock)


@pytest.fixture
def tenant(engine: Engine, clock: FixedClock, request: pytest.FixtureRequest) -> Callable[[], Tenant]:
    """``tenant()`` makes an empty tenant; each call another."""
    made: list[Tenant] = []

    def make() -> Tenant:
        name = f"t{abs(hash(request.node.nodeid)) % 10**10}-{len(made)}"
        made.append(Tenant(engine, clock, name))
        return made[-1]

    return make

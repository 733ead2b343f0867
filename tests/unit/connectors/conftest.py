"""A fictitious dossier, in memory."""

import copy
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.connectors.dmp import signing
from dui_fhir.connectors.dmp.gather import Gathered, Rules, gather
from dui_fhir.connectors.dmp.package import Outgoing, Sender, outgoing
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.job import Job
from dui_fhir.domain.outbox import dmp_job
from dui_fhir.settings import Settings

NOW = datetime(2026, 6, 17, 8, 0, tzinfo=UTC)
ENTRY = "urn:uuid:0b0e6e2e-2f0d-4b8e-8d0f-6c6f0c2b7a11"


class Dossier:
    """A Reader over a dict; ``change`` edits one resource of this copy."""

    def __init__(self) -> None:
        text = (Path(__file__).parent / "dossier.json").read_text(encoding="utf-8")
        self.resources = {f"{r['resourceType']}/{r['id']}": r for r in json.loads(text)}

    def __getitem__(self, reference: str) -> dict[str, Any]:
        return self.resources[reference]

    def read(self, reference: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.resources.get(reference))

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        name, value = params[0]
        found = [r for r in self.resources.values() if r["resourceType"] == type]
        if name == "target":
            return [r for r in found if any(t["reference"] == value for t in r["target"])]
        system, _, number = value.partition("|")
        wanted = {"system": system, "value": number}
        return [r for r in found if any({k: i.get(k) for k in wanted} == wanted for i in r.get("identifier", []))]

    def job(self, id: str = "projet-1", replaces: str | None = None) -> Job:
        old = self[f"DocumentReference/{replaces}"] if replaces else None
        job, _ = dmp_job(self[f"DocumentReference/{id}"], replaces=old, actor=Actor(), now=NOW)
        return job


@pytest.fixture
def dossier() -> Dossier:
    return Dossier()


@pytest.fixture(scope="session")
def rules() -> Rules:
    from zoneinfo import ZoneInfo

    return Rules(zone=ZoneInfo("Europe/Paris"), practice="AMBULATOIRE")


@pytest.fixture(scope="session")
def signer() -> signing.KeySigner:
    return signing.for_trial("sha256")


@pytest.fixture
def gathered(rules: Rules) -> Callable[..., Gathered]:
    def run(dossier: Dossier, job: Job | None = None) -> Gathered:
        return gather("demo", job or dossier.job(), dossier, rules)

    return run


@pytest.fixture
def message(gathered: Any, signer: signing.KeySigner) -> Callable[..., Outgoing]:
    def run(dossier: Dossier, job: Job | None = None, replaced: str | None = None) -> Outgoing:
        job = job or dossier.job()
        sender = Sender(settings=Settings({}), software_version="0")
        return outgoing("demo", job, gathered(dossier, job), sender, signer, replaced)

    return run

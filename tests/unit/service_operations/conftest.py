"""A signed world in memory: a document, its Binary, people who sign."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.operation import Answer, OperationRequest
from dui_fhir.domain.reference import walk
from dui_fhir.domain.structure import Structure

IDNAT = "urn:oid:1.2.250.1.71.4.2.1"
CONTENT = b"%PDF-1.4 contenu"


def document(id: str = "doc", content: bytes = CONTENT, **changes: Any) -> Resource:
    attachment = {"contentType": "application/pdf", "url": f"Binary/{id}-b", "hash": sha1(content)}
    return {
        "resourceType": "DocumentReference", "id": id, "meta": {"versionId": "1"}, "status": "current",
        "docStatus": "preliminary", "subject": {"reference": "Patient/p"}, "content": [{"attachment": attachment}], **changes,
    }  # fmt: skip


def binary(id: str = "doc", content: bytes = CONTENT) -> Resource:
    data = b64encode(content).decode()
    return {"resourceType": "Binary", "id": f"{id}-b", "contentType": "application/pdf", "data": data}


def sha1(content: bytes) -> str:
    return b64encode(hashlib.sha1(content).digest()).decode()


def practitioner(id: str, number: str, **elements: Any) -> Resource:
    return {"resourceType": "Practitioner", "id": id, "identifier": [{"system": IDNAT, "value": number}], **elements}


PEOPLE: tuple[Resource, ...] = (
    {"resourceType": "Patient", "id": "p"},
    practitioner("dir", "3750000001/DIR1"),
    practitioner("ide", "810101234564"),
    practitioner("wrong", "810101234567"),
    practitioner(
        "no-rpps", "3750000001/IDE2",
        qualification=[{"code": {"coding": [{"system": "urn:x:TRE_G15-ProfessionSante", "code": "60"}]}}],
    ),
    {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/dir"}},
)  # fmt: skip


@dataclass
class Kind:
    """A document type, as the plugin host chooses it."""

    signers: tuple[str, ...] = ("directeur", "usager")


@dataclass
class Host:
    """The plugin host: one document type, and what it says of sendings."""

    kind: Kind | None = field(default_factory=Kind)
    issues: tuple[Issue, ...] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)

    def choose_document(self, document: Resource, context: Context) -> Kind | None:
        return self.kind

    def check_sending(self, document: Resource, channel: str, context: Context) -> tuple[Issue, ...]:
        self.asked.append((document["id"], channel))
        return self.issues


class World:
    """Stored resources; an answer can be stored, as the service does."""

    def __init__(self, *resources: Resource) -> None:
        self.stored = {f"{r['resourceType']}/{r['id']}": r for r in (*PEOPLE, *resources)}
        self.now = datetime(2026, 11, 24, 9, tzinfo=UTC)
        self.structure: Structure | None = Structure(finess="750000001", category="500", name="EHPAD", address="Paris")

    def read(self, reference: str) -> Resource | None:
        return self.stored.get(reference)

    def search(self, type: str, params: Any) -> list[Resource]:
        ((name, value),) = params
        mine = [r for r in self.stored.values() if r["resourceType"] == type]
        if name == "identifier":
            tokens = set(value.split(","))
            return [r for r in mine if any(f"{i['system']}|{i['value']}" in tokens for i in r["identifier"])]
        assert name == "target"
        return [r for r in mine if any(e["reference"] == value for _, e in walk(r["target"]))]

    def request(self, id: str = "doc", professional: str | None = None, **parameters: Any) -> OperationRequest:
        actor = Actor(kind="professional", professional=professional)
        context = Context(tenant="t", actor=actor, now=self.now, reader=self, structure=self.structure)
        target = self.stored.get(f"DocumentReference/{id}")
        return OperationRequest(
            context=context, renderer=NoRenderer(), parameters=parameters, type="DocumentReference", target=target
        )

    def store(self, answer: Answer) -> None:
        for resource in answer.writes:
            key = f"{resource['resourceType']}/{resource['id']}"
            version = int(self.stored.get(key, {}).get("meta", {}).get("versionId", 0)) + 1
            meta = {**resource.get("meta", {}), "versionId": str(version)}
            self.stored[key] = {**resource, "meta": meta}


class NoRenderer:
    """Nothing is laid out here."""

    def pdf(self, template: Path, data: Any) -> bytes:
        raise AssertionError("no layout in these operations")


@pytest.fixture
def make_document() -> Callable[..., Resource]:
    """A DocumentReference of a PDF."""
    return document


@pytest.fixture
def make_binary() -> Callable[..., Resource]:
    """Its Binary."""
    return binary


@pytest.fixture
def world() -> World:
    """A preliminary document with its content."""
    return World(document(), binary())


@pytest.fixture
def host() -> Host:
    """A host that lets everything go."""
    return Host()

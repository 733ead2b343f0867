"""A small world of resources, searched through the real parser, extractor and reference semantics."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dui_fhir.domain.dates import interval
from dui_fhir.domain.query import Query
from dui_fhir.search import match
from dui_fhir.search.extract import Extractor
from dui_fhir.search.parse import ParsedSearch, SearchOptions, parse

BASE = "https://dui.example/fhir"


class World:
    """Resources held in memory."""

    def __init__(self, *resources: dict[str, Any], **options: Any) -> None:
        self.options = SearchOptions(**{"bases": (BASE,), **options})
        self._extractor = Extractor(self.options.registry, zone=self.options.zone, bases=self.options.bases)
        self.entries = [self._entry(number, resource) for number, resource in enumerate(resources)]

    def _entry(self, number: int, resource: dict[str, Any]) -> match.Entry:
        updated = resource.get("meta", {}).get("lastUpdated")
        return match.Entry(
            type=resource["resourceType"],
            id=resource["id"],
            instant_ms=interval(updated)[0] if updated else number,
            index=self._extractor.extract(resource),
        )

    def parse(self, url: str, **options: Any) -> ParsedSearch:
        """Parse ``Patient?name=x&…`` (not percent-encoded)."""
        type_, _, text = url.partition("?")
        params = [tuple(part.split("=", 1)) for part in text.split("&") if part]
        return parse(type_ or None, params, replace(self.options, **options))  # type: ignore[arg-type]

    def page(self, query: Query) -> tuple[list[str], Any, int | None]:
        found, following, total = match.page(self.entries, query)
        return [entry.id for entry in found], following, total

    def ids(self, url: str, **options: Any) -> list[str]:
        """Return the ids found, in the order of the answer."""
        return self.page(self.parse(url, **options).query)[0]


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """Builder of a world."""
    return World


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders of resources."""
    return SimpleNamespace(patient=_patient, observation=_observation)


def _patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **elements}


def _observation(id: str, code: str = "x", patient: str | None = None, **elements: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Observation",
        "id": id,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
    }
    if patient is not None:
        resource["subject"] = {"reference": patient}
    return {**resource, **elements}

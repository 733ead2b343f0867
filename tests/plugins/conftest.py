"""Plugins written on the fly: a folder per plugin, loaded through the same door as the real ones."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context
from dui_fhir.plugin_host import PluginHost, Source
from dui_fhir.plugin_kit.reader import ExampleReader

WritePlugin = Callable[..., Source]
MakeHost = Callable[..., PluginHost]


def rule(id: str, **changes: Any) -> dict[str, Any]:
    """A rule written in Python, about Goal unless told otherwise."""
    return {
        "id": id,
        "title": f"Phrase de la règle {id}.",
        "resource": "Goal",
        "severity": "error",
        "source": "J",
        "expression": "Goal.target",
    } | changes


def manifest(id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "title": f"Couloir {id}",
        "wave": "MS1",
        "version": "0.1.0",
        "server": ">=0.1,<1",
        "status": "draft",
        "categories": [{"code": "500", "label": "EHPAD"}],
        "sources": [{"id": "J", "title": "Jugement", "status": "jugement"}],
    } | changes


@pytest.fixture
def write_plugin(tmp_path: Path) -> WritePlugin:
    """``write_plugin(id, code="", files={}, **manifest_changes)`` writes a folder and returns its source.

    Two rules are there: ``<ID>-01`` refuses, ``<ID>-02`` warns and asks for a task. A value None leaves a file out.
    """

    def write(id: str, code: str = "", files: Mapping[str, Any] | None = None, **changes: Any) -> Source:
        folder = tmp_path / id
        prefix = id.upper()
        content: dict[str, Any] = {
            "plugin.json": manifest(id, **changes),
            "README.md": f"# {id}\n",
            f"rules/{prefix}-01.rule.json": rule(f"{prefix}-01"),
            f"rules/{prefix}-02.rule.json": rule(f"{prefix}-02", severity="warning", task=True),
        }
        if code:
            content["plugin.py"] = "from dui_fhir.api import *\n" + dedent(code)
        for path, value in (content | dict(files or {})).items():
            if value is None:
                continue
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8"
            )
        return Source(id=id, folder=folder)

    return write


@pytest.fixture
def host_of(write_plugin: WritePlugin) -> MakeHost:
    """``host_of(alpha="code", beta="code")`` loads plugins of these ids with that plugin.py, in that order."""

    def make(**codes: str) -> PluginHost:
        return PluginHost.from_sources([write_plugin(id, code) for id, code in codes.items()])

    return make


@pytest.fixture
def context_of() -> Callable[..., Context]:
    """``context_of(host, *resources, **changes)``: a request in corridors alpha and beta, with a reader of resources."""

    def make(host: PluginHost, *resources: Resource, **changes: Any) -> Context:
        values: dict[str, Any] = {
            "tenant": "essai",
            "actor": Actor(),
            "now": datetime(2026, 1, 15, 8, tzinfo=UTC),
            "reader": ExampleReader(resources),
            "corridors": frozenset({"alpha", "beta"}),
            "parameters": host.parameters(None),
        }
        return Context(**(values | changes))

    return make


@pytest.fixture
def goal_change() -> Change:
    """The create of a Goal, third entry of a Bundle."""
    goal = {"resourceType": "Goal", "id": "g1", "lifecycleStatus": "active"}
    return Change(interaction="create", type="Goal", id="g1", after=goal, path="Bundle.entry[2].resource")

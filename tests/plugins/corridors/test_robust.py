"""No rule fails on a resource of the right structure: elements left out, strings that say nothing."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.plugin_host import PluginHost

PLUGINS = Path(__file__).parents[3] / "plugins"
FILES = sorted(f for kind in ("valid", "invalid", "warning") for f in PLUGINS.glob(f"*/examples/{kind}/*.json"))
STRINGS = ["", "x", "2026-13-45", "2026-01-01T99:00", "9999", "9999-12-31", "0001-01-01", "é" * 300]
ALL = ("pa", "ph", "dom", "pde", "pds", "ahi", "pjm")


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if (*at, key) not in (("resourceType",), ("id",)):
            yield (*at, key)
            yield from paths(child, (*at, key))


def altered(resource: dict[str, Any], chosen: random.Random) -> Iterator[dict[str, Any]]:
    places = list(paths(resource))
    for place in chosen.sample(places, min(8, len(places))):
        for text in [None, *STRINGS]:
            copied = copy.deepcopy(resource)
            parent: Any = copied
            for key in place[:-1]:
                parent = parent[key]
            if text is None:
                del parent[place[-1]]
            elif isinstance(parent[place[-1]], str):
                parent[place[-1]] = text
            else:
                break
            yield copied


@pytest.mark.parametrize("category", ["500", "354", "183", "180", "214"])
def test_rules__elements_missing_or_meaningless_strings__none_fails(
    category: str, corridors: PluginHost, context_of: Callable[..., Context]
) -> None:
    chosen = random.Random(category)
    context = context_of(active=ALL, category=category)
    asked = 0
    for file in FILES:
        content = json.loads(file.read_text())
        first = content["entry"][0]["resource"] if content["resourceType"] == "Bundle" else content
        for resource in altered(first, chosen):
            type = resource["resourceType"]
            corridors.check(Change(interaction="create", type=type, id="x", after={**resource, "id": "x"}), context)
            if type == "DocumentReference":
                corridors.check_sending({**resource, "id": "x"}, "dmp", context)
            asked += 1
    assert asked > 2000

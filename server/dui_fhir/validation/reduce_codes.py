"""Write the codes of the value sets that R4 elements must take theirs from: facts only.

``python -m dui_fhir.validation.reduce_codes ../shared/reference/fhir/r4 profiles/r4/required-codes.json``
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from dui_fhir.definitions import source
from dui_fhir.definitions.elements import data_types, element_table, resource_types


def required_value_sets() -> set[str]:
    """Return the value sets of the required bindings of R4 and of its extensions."""
    tables = (element_table(t) for t in resource_types() | data_types())
    rows = [e for table in tables for e in table.elements.values()]
    found = {e.value_set for e in rows if e.value_set and e.binding_strength == "required"}
    for structure in source.read("r4", "extensions.json"):
        bindings = [e.get("binding", {}) for e in structure["differential"]["element"]]
        found |= {b["valueSet"] for b in bindings if b.get("strength") == "required" and "valueSet" in b}
    return {url.split("|")[0] for url in found}


def tables(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return system → codes by value set, for those that the definitions enumerate in full."""
    value_sets, systems = _by_url(folder / "value-sets.json"), _by_url(folder / "code-systems.json")
    found = {}
    for url in sorted(required_value_sets() & value_sets.keys()):
        codes = _expanded(value_sets[url], systems)
        if codes:
            found[url] = codes
    return found


def _by_url(path: Path) -> dict[str, dict[str, Any]]:
    resources = [r.get("resource", r) for r in orjson.loads(path.read_bytes())]
    return {r["url"]: r for r in resources if "url" in r}


def _expanded(value_set: dict[str, Any], systems: dict[str, dict[str, Any]]) -> dict[str, list[str]] | None:
    compose = value_set.get("compose", {})
    codes: dict[str, list[str]] = {}
    for include in compose.get("include", ()):
        system = systems.get(include.get("system", ""))
        if "concept" in include:
            found = [c["code"] for c in include["concept"]]
        elif system is None or system.get("content") != "complete" or "filter" in include or "exclude" in compose:
            return None
        else:
            found = list(_codes(system.get("concept", ())))
        codes.setdefault(include["system"], []).extend(found)
    return codes


def _codes(concepts: Any) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))


def text(folder: Path) -> bytes:
    """Return the content of the file, one value set a line."""
    rows = [orjson.dumps(url) + b":" + orjson.dumps(codes) for url, codes in tables(folder).items()]
    return b"{\n" + b",\n".join(rows) + b"\n}\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(text(Path(sys.argv[1])))

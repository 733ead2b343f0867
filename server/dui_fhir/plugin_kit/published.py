"""The JSON Schemas of a plugin's files, as editors complete and check with them; sources: ``plugin_kit/schemas``."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dui_fhir.domain import json
from dui_fhir.plugin_host.json_files import inlined

FILES: Final[Mapping[str, str]] = MappingProxyType({
    "plugin": "plugin.json",
    "parameters": "parameters.json",
    "documents": "documents.json",
    "access": "access.json",
    "indicators": "indicators.json",
    "rule-schema": "rules/*.schema.json",
    "rule-fhirpath": "rules/*.fhirpath.json",
    "rule-declared": "rules/*.rule.json",
    "examples-context": "examples/context.json",
    "examples-delay": "examples/delay/*.json",
})  # fmt: skip
"""Schema → the files it is of, inside a plugin's folder."""


def schema(name: str) -> bytes | None:
    """Return a schema as JSON text, None where there is none of that name (``plugin``, ``rule-schema``…)."""
    return json.dumps(inlined(name), pretty=True) if name in FILES else None


def write(out: Path) -> list[Path]:
    """Write all schemas into a folder, and ``vscode-settings.json``, which tells an editor of which files they are."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in FILES:
        file = out / f"{name}.schema.json"
        file.write_bytes(json.dumps(inlined(name), pretty=True) + b"\n")
        written.append(file)
    matched = [
        {"fileMatch": [f"plugins/*/{glob}"], "url": f"./{out.name}/{name}.schema.json"} for name, glob in FILES.items()
    ]
    settings = out / "vscode-settings.json"
    settings.write_bytes(json.dumps({"json.schemas": matched}, pretty=True) + b"\n")
    return [*written, settings]

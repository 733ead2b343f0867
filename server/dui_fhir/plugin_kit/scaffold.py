"""``dui-fhir plugin new``: a folder that passes ``plugin check`` at once, and shows one of each thing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dui_fhir import __version__
from dui_fhir.domain import json
from dui_fhir.domain.errors import BadRequest, Conflict

_NAME = re.compile(r"[a-z][a-z0-9_]{1,8}")
_SCHEMAS = "https://json-schema.org/draft/2020-12/schema"


def new_folder(name: str, parent: Path) -> Path:
    """Write the folder of a new plugin under ``parent`` and return it.

    Raises: BadRequest (``plugin-name``) for a name that cannot be an id; Conflict (``plugin-exists``) where the folder is.
    """
    if not _NAME.fullmatch(name):
        text = f"« {name} » ne peut pas nommer un couloir : 2 à 9 lettres minuscules ou chiffres, une lettre d'abord."
        raise BadRequest.of("plugin-name", text)
    folder = parent / name
    if folder.exists():
        raise Conflict.of("plugin-exists", f"Le dossier {folder} existe déjà.")
    prefix = name.upper().replace("_", "")
    for path, content in _files(name, prefix).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content, pretty=True).decode() + "\n"
        file.write_text(text, encoding="utf-8")
    return folder


def _files(name: str, prefix: str) -> Mapping[str, Any]:
    rule, url = f"{prefix}-01", f"https://exemple.fr/fhir/{name}/StructureDefinition/{name.replace('_', '-')}-goal"
    return {
        "plugin.json": _manifest(name, prefix),
        "README.md": _README.format(name=name, rule=rule),
        f"profiles/{name.replace('_', '-')}-goal.json": _profile(name, url),
        f"rules/{rule}.schema.json": _rule(rule),
        f"examples/valid/{rule}-echeance-connue.json": _goal(url, [{"dueDate": "2026-06-30"}]),
        f"examples/invalid/{rule}-sans-echeance.json": _goal(url, []),
    }


def _manifest(name: str, prefix: str) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Couloir {name} (à nommer)",
        "wave": "MS1",
        "version": "0.1.0",
        "server": f">={'.'.join(__version__.split('.')[:2])},<1",
        "prefix": prefix,
        "status": "draft",
        "categories": [],
        "owners": ["à compléter"],
        "sources": [{"id": "JUGEMENT", "title": "Choix de l'équipe, à étayer par un texte", "status": "jugement"}],
        "description": "À compléter : quelles structures, quels documents, quelles règles.",
    }


def _profile(name: str, url: str) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": f"{name.title().replace('_', '')}Goal",
        "status": "draft",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": "Goal",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Goal",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Goal.target", "path": "Goal.target", "min": 1}]},
    }


def _rule(id: str) -> dict[str, Any]:
    return {
        "$schema": _SCHEMAS,
        "$id": id,
        "title": "Un objectif actif doit avoir une échéance.",
        "x-dui": {
            "resource": "Goal",
            "when": {"all": [{"path": "lifecycleStatus", "in": ["active"]}]},
            "severity": "error",
            "source": "JUGEMENT",
            "expression": "Goal.target",
        },
        "required": ["target"],
        "properties": {"target": {"type": "array", "items": {"required": ["dueDate"]}}},
    }


def _goal(profile: str, target: list[dict[str, str]]) -> dict[str, Any]:
    goal: dict[str, Any] = {
        "resourceType": "Goal",
        "id": "objectif-1",
        "meta": {"profile": [profile]},
        "lifecycleStatus": "active",
        "description": {"text": "Marcher jusqu'au jardin"},
        "subject": {"reference": "Patient/personne-fictive"},
        "startDate": "2026-01-05",
        "expressedBy": {"reference": "Practitioner/referent-fictif"},
    }
    return goal | ({"target": target} if target else {})


_README = """# Couloir {name}

## Portée

À compléter : catégories de structures (codes FINESS dans `plugin.json`), public, documents.

## Sources

À compléter : chaque règle et chaque délai nomme une source déclarée dans `plugin.json`.

## Questions ouvertes

- {rule} est une règle d'exemple : remplacez-la.
"""

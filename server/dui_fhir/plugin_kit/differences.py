"""``dui-fhir plugin diff``: what changes from one state of a corridor to another, in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dui_fhir.domain import json
from dui_fhir.plugin_host.plugin import Content, read_folder

_WORDS = {
    "title": "titre", "severity": "gravité", "source": "source", "kind": "moment", "when": "filtre", "resource": "ressource",
    "value": "valeur", "unit": "unité", "status": "solidité", "stance": "position DMP", "signers": "signataires",
    "sections": "rubriques", "mssante": "MSSanté", "template": "modèle", "rights": "droits", "scope": "portée",
    "numerator": "numérateur", "denominator": "dénominateur", "target": "cible", "version": "version", "expression": "éléments",
}  # fmt: skip


def differences(before: Path, after: Path) -> Iterator[str]:
    """Yield one French line per difference between two folders; nothing where they mean the same."""
    old, new = read_folder(before.resolve()), read_folder(after.resolve())
    yield from _changes("couloir", {new.id: dict(old.manifest)}, {new.id: dict(new.manifest)})
    yield from _changes("règle", _rules(old), _rules(new))
    yield from _changes("paramètre", _by(old.parameters, "name"), _by(new.parameters, "name"))
    yield from _changes("document", _documents(old), _documents(new))
    yield from _changes("habilitation", _access(old), _access(new))
    yield from _changes("indicateur", _by(old.indicators, "id"), _by(new.indicators, "id"))
    yield from _changes("ressource", _definitions(old), _definitions(new))
    yield from _modules(before, after)


def _rules(content: Content) -> dict[str, dict[str, Any]]:
    return {r.id: json.loads((content.folder / r.file).read_bytes()) for r in content.rules}


def _by(entries: Iterable[Mapping[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {e[key]: dict(e) for e in entries}


def _documents(content: Content) -> dict[str, dict[str, Any]]:
    file = content.folder / "documents.json"
    return _by(json.loads(file.read_bytes()), "id") if content.documents else {}


def _access(content: Content) -> dict[str, dict[str, Any]]:
    return {f"{r['role']} × {r['category']}": dict(r) for r in content.access}


def _definitions(content: Content) -> dict[str, dict[str, Any]]:
    return {f"{d['resourceType']} {d.get('url') or d.get('name')}": dict(d) for d in content.definitions}


def _changes(what: str, old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    yield from (f"{what} {key} : retiré(e){_title(old[key])}" for key in old if key not in new)
    for key, value in new.items():
        if key not in old:
            yield f"{what} {key} : ajouté(e){_title(value)}"
        else:
            yield from (f"{what} {key} : {line}" for line in _fields(old[key], value))


def _title(value: Mapping[str, Any]) -> str:
    return f" : « {value['title']} »" if value.get("title") else ""


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _fields(before, after, f"{prefix}{name}.")
            continue
        word = _WORDS.get(name, f"{prefix}{name}")
        yield f"{word} : {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "rien"
    if isinstance(value, bool):
        return "oui" if value else "non"
    text = value if isinstance(value, str) else json.dumps(value).decode()
    return text if len(text) <= 100 else f"{text[:99]}…"


def _modules(before: Path, after: Path) -> Iterator[str]:
    """Yield the files that are no data: code, templates, examples, README."""
    old, new = _files(before), _files(after)
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"fichier {name} : retiré"
        elif name not in old:
            yield f"fichier {name} : ajouté"
        elif old[name]() != new[name]():
            yield f"fichier {name} : modifié"


def _files(folder: Path) -> dict[str, Callable[[], bytes]]:
    found = [f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    kept = [f for f in found if f.suffix in (".py", ".typ", ".md") or "examples" in f.relative_to(folder).parts]
    return {f.relative_to(folder).as_posix(): f.read_bytes for f in kept}

"""``dui-fhir plugin docs``: one readable page per corridor, made from its files. Markdown, in French."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dui_fhir.domain import json
from dui_fhir.plugin_host.plugin import Content, read_folder
from dui_fhir.plugin_host.rules import Rule

_SEVERITIES = {"error": "refus", "warning": "avertissement", "information": "information", "fatal": "refus"}
_KINDS = {"S": "à l'enregistrement", "A": "à l'envoi", "P": "chaque jour"}
_STANCES = {"auto": "envoyé", "decision": "si la structure le décide", "never": "jamais"}
_RIGHTS = (
    "R lire · W écrire · V signer · D proposer au DMP · C consulter le DMP · M MSSanté · X communiquer à la personne"
    " · A administrer"
)
_SOLIDITY = {"officiel": "texte lu", "public": "seconde main", "jugement": "notre choix"}


def page(folder: Path) -> str:
    """Return the page of a plugin's folder; what cannot be read of it is left out (``plugin check`` tells it)."""
    content = read_folder(folder.resolve())
    parts = [_head(content), _rules(content), _delays(content), _documents(content), _indicators(content)]
    parts += [_access(content), _evaluations(content), _definitions(content), _sources(content), _questions(folder)]
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def _head(content: Content) -> str:
    manifest = content.manifest
    categories = ", ".join(f"{c['code']} {c.get('label', '')}".strip() for c in manifest.get("categories", ()))
    lines = [
        f"# {manifest.get('title', content.id)} (`{content.id}`)",
        f"Page faite par `dui-fhir plugin docs plugins/{content.id}` à partir des fichiers du couloir : ne pas la modifier.",
        str(manifest.get("description", "")),
        _table(
            ("", ""),
            [
                ("vague", str(manifest.get("wave", ""))),
                ("version", f"{manifest.get('version', '')} ({manifest.get('status', '')})"),
                ("serveur", str(manifest.get("server", ""))),
                ("catégories FINESS", categories or "toutes"),
            ],
        ),
    ]
    return "\n\n".join(line for line in lines if line)


def _rules(content: Content) -> str:
    rows = [
        (r.id, r.title, ", ".join(sorted(r.resources)), _when(r), _severity(r), r.source)
        for r in sorted(content.rules, key=lambda r: r.id)
    ]
    head = ("règle", "ce qu'elle dit", "ressource", "quand", "effet", "source")
    note = "La gravité d'une règle se change par structure : paramètre `<couloir>.severity.<règle>`."
    return _section(f"Règles ({len(rows)})", _table(head, rows), note) if rows else ""


def _when(rule: Rule) -> str:
    if rule.kind == "A":
        return f"{_KINDS['A']} ({', '.join(rule.channels)})"
    return _KINDS[rule.kind] + (", à partir de l'état final" if rule.final_only else "")


def _severity(rule: Rule) -> str:
    told = _SEVERITIES[rule.severity]
    if rule.task or rule.kind == "P":
        told += " et tâche urgente" if rule.urgent else " et tâche"
    return f"{told}, même en reprise" if rule.always else told


def _delays(content: Content) -> str:
    rows = [
        (f"`{content.id}.{p['name']}`", p["title"], _value(p), p["source"], _SOLIDITY.get(p["status"], p["status"]))
        for p in content.parameters
    ]
    head = ("paramètre", "sens", "valeur", "source", "solidité")
    return _section("Délais et paramètres", _table(head, rows)) if rows else ""


def _value(parameter: Mapping[str, Any]) -> str:
    value = parameter["value"]
    if isinstance(value, dict | list):
        text = json.dumps(value).decode()
        return f"`{text[:60]}{'…' if len(text) > 60 else ''}`"
    shown = {True: "oui", False: "non"}.get(value, value) if isinstance(value, bool) else value
    return f"{shown} {parameter.get('unit', '')}".strip()


def _documents(content: Content) -> str:
    rows = [
        (
            d.title,
            f"{d.type.code} ({d.type.system.rsplit('/', 1)[-1]})",
            ", ".join(d.signers) or "aucun",
            _STANCES[d.dmp] + (f" : {d.dmp_reason}" if d.dmp_reason else ""),
            "oui" if d.mssante else "non",
            "oui" if d.template is not None else "non",
            ", ".join(s.title + (" (obligatoire)" if s.required else "") for s in d.sections) or "–",
        )
        for d in content.documents
    ]
    head = ("document", "type", "signataires", "DMP", "MSSanté", "modèle", "rubriques")
    return _section("Documents", _table(head, rows)) if rows else ""


def _indicators(content: Content) -> str:
    rows = [
        (i["id"], i["title"], i["numerator"], i["denominator"], str(i.get("target", "–")), i["source"])
        for i in content.indicators
    ]
    head = ("indicateur", "titre", "numérateur", "dénominateur", "cible", "source")
    return _section("Indicateurs", _table(head, rows)) if rows else ""


def _access(content: Content) -> str:
    if not content.access:
        return ""
    categories = list(dict.fromkeys(r["category"] for r in content.access))
    roles: dict[str, dict[str, str]] = {}
    titles: dict[str, str] = {}
    for right in content.access:
        roles.setdefault(right["role"], {})[right["category"]] = right["rights"]
        titles.setdefault(right["role"], right.get("title", right["role"]))
    rows = [(titles[role], *(cells.get(category, "") for category in categories)) for role, cells in roles.items()]
    return _section("Habilitations", f"{_RIGHTS}.", _table(("rôle", *categories), rows))


def _evaluations(content: Content) -> str:
    forms = [d for d in content.definitions if d["resourceType"] == "Questionnaire"]
    rows = [
        (_name(d), f"`{d.get('url', '')}`", str(_questions_asked(d.get("item", ()))), str(d.get("description", "")))
        for d in forms
    ]
    return _section("Évaluations", _table(("évaluation", "url", "questions", "contenu"), sorted(rows))) if rows else ""


def _questions_asked(items: Iterable[Mapping[str, Any]]) -> int:
    return sum((i.get("type") not in ("group", "display")) + _questions_asked(i.get("item", ())) for i in items)


def _name(definition: Mapping[str, Any]) -> str:
    return str(definition.get("title") or definition.get("name") or "")


def _definitions(content: Content) -> str:
    rows = [
        (d["resourceType"], _name(d), f"`{d.get('url', '')}`")
        for d in content.definitions
        if d["resourceType"] != "Questionnaire"
    ]
    return _section("Ressources FHIR", _table(("type", "titre", "url"), sorted(rows))) if rows else ""


def _sources(content: Content) -> str:
    rows = [
        (s["id"], s["title"], _SOLIDITY.get(s.get("status", ""), s.get("status", "")), str(s.get("date", "")))
        for s in content.manifest.get("sources", ())
    ]
    return _section("Sources", _table(("source", "texte", "solidité", "date"), rows)) if rows else ""


def _questions(folder: Path) -> str:
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    _, found, rest = text.partition("## Questions ouvertes")
    return _section("Questions ouvertes", rest.split("\n## ")[0].strip()) if found else ""


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *parts])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_cells(cells)) + " |"


def _cells(cells: Iterable[str]) -> Iterator[str]:
    return (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)

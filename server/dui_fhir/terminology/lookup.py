"""``$lookup`` and ``$subsumes`` on a code system. Source: FHIR R4, codesystem-operation-lookup.html and -subsumes.html."""

from collections.abc import Sequence
from typing import Any, Literal

from dui_fhir.domain.errors import NotFound
from dui_fhir.terminology.concepts import CodeSystem, Concept, Resource, value_of
from dui_fhir.terminology.languages import PREFERRED, Languages, best, wordings
from dui_fhir.terminology.scope import Scope, canonical

Relation = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]


def known_system(scope: Scope, url: str, version: str | None) -> CodeSystem:
    """Return a code system. Raises: NotFound ``terminology-system-unknown``."""
    found = scope.system(url, version)
    if found is None:
        raise NotFound.of(
            "terminology-system-unknown",
            "Ce système de codes n'est pas connu ici.",
            f"{url}|{version or ''} is not known",
        )
    return found


def known_concept(system: CodeSystem, code: str) -> Concept:
    """Return a concept. Raises: NotFound ``terminology-code-unknown``."""
    found = system.find(code)
    if found is None:
        raise NotFound.of(
            "terminology-code-unknown",
            "Ce code n'existe pas dans ce système.",
            f"no such code in {canonical(system.header)}",
        )
    return found


def lookup(scope: Scope, url: str, code: str, version: str | None, properties: Sequence[str]) -> dict[str, Any]:
    """Return the Parameters that describe a code. ``properties``: names wanted, ``*`` for all, none for the usual ones.

    Raises: NotFound; Unusable for a supplement that is not known.
    """
    scope.require_supplements()
    system = known_system(scope, url, version)
    concept = known_concept(system, code)
    rows: list[dict[str, Any]] = [
        {"name": "name", "valueString": system.header.get("name") or system.url},
        {"name": "code", "valueCode": concept.code},
        {"name": "system", "valueUri": system.url},
        {"name": "abstract", "valueBoolean": system.abstract(concept)},
    ]
    if system.version:
        rows.append({"name": "version", "valueString": system.version})
    shown = best(wordings(system, concept), scope.languages)
    rows.append({"name": "display", "valueString": shown.value if shown else concept.code})
    if concept.definition:
        rows.append({"name": "definition", "valueString": concept.definition})
    rows.extend(_designations(system, concept, scope.languages))
    rows.extend(_properties(system, concept, properties))
    rows.extend({"name": "used-supplement", "valueCanonical": canonical(s)} for s in system.supplements)
    return {"resourceType": "Parameters", "parameter": rows}


def _designations(system: CodeSystem, concept: Concept, languages: Languages) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for wording in wordings(system, concept):
        if wording.base and wording.language is None:
            continue
        use = PREFERRED if wording.base else wording.use
        parts: list[dict[str, Any]] = []
        if wording.language:
            parts.append({"name": "language", "valueCode": wording.language})
        if use is not None:
            parts.append({"name": "use", "valueCoding": dict(use)})
        origin = system.origins.get(id(wording.element))
        if origin is not None:
            parts.append({"name": "source", "valueCanonical": origin})
        rows.append({"name": "designation", "part": [*parts, {"name": "value", "valueString": wording.value}]})
    return rows


def _properties(system: CodeSystem, concept: Concept, wanted: Sequence[str]) -> list[dict[str, Any]]:
    rows = [_property("inactive", "valueBoolean", system.inactive(concept))]
    rows.extend(_property("parent", "valueCode", code, _display(system, code)) for code in concept.parents)
    rows.extend(_property("child", "valueCode", code, _display(system, code)) for code in concept.children)
    for found in concept.properties:
        name, value = value_of(found)
        if found["code"] not in ("parent", "child", "inactive"):
            rows.append(_property(found["code"], name, value))
    if not wanted:
        return [r for r in rows if r["part"][0]["valueCode"] == "inactive"]
    return rows if "*" in wanted else [r for r in rows if r["part"][0]["valueCode"] in wanted]


def _display(system: CodeSystem, code: str) -> str | None:
    found = system.concepts.get(code)
    return None if found is None else found.display


def _property(code: str, name: str, value: Any, description: str | None = None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "code", "valueCode": code}]
    if description:
        parts.append({"name": "description", "valueString": description})
    return {"name": "property", "part": [*parts, {"name": "value", name: value}]}


def subsumes(system: CodeSystem, a: str, b: str) -> Relation:
    """Tell how code ``a`` stands to code ``b``. Raises: NotFound where one of them does not exist."""
    first, second = known_concept(system, a), known_concept(system, b)
    if first is second:
        return "equivalent"
    if second.code in system.descendants(first.code):
        return "subsumes"
    return "subsumed-by" if first.code in system.descendants(second.code) else "not-subsumed"


def coding_of(
    parameters: Resource, name: str, system: str, code: str, version: str
) -> tuple[str | None, str | None, str | None]:
    """Return ``(system, code, version)`` given as a Coding or in pieces."""
    coding = parameters.get(name)
    if isinstance(coding, dict):
        return coding.get("system"), coding.get("code"), coding.get("version")
    return parameters.get(system), parameters.get(code), parameters.get(version)

"""The parameters of the OpenAPI document: those of searches, with what each takes, and those that all requests share.

Source: FHIR R4, search.html and http.html; docs/search.md.
"""

from typing import Any

from dui_fhir.definitions import SearchParameter
from dui_fhir.search import near
from dui_fhir.search.criteria import modifiers
from dui_fhir.search.options import SearchOptions

Parameter = dict[str, Any]

KINDS = {
    "token": "Code : « code », « système|code », « |code » sans système ; des virgules séparent plusieurs valeurs admises.",
    "string": "Texte : début du texte, sans tenir compte de la casse ni des accents ; « :exact », « :contains ».",
    "date": "Date, entière ou partielle (2026, 2026-03, 2026-03-01) ; préfixes eq, ne, lt, le, gt, ge, sa, eb, ap ; "
    "répétez le paramètre pour un intervalle.",
    "number": "Nombre ; préfixes eq, ne, lt, le, gt, ge, sa, eb, ap.",
    "quantity": "Quantité : « 5.4|http://unitsofmeasure.org|mg » ; préfixes eq, ne, lt, le, gt, ge, sa, eb, ap.",
    "reference": "Référence : « Type/id », « id », ou une URL ; s'enchaîne (« patient.name=Durand »).",
    "uri": "URI exacte ; « :below » et « :above » pour une arborescence.",
    "composite": "Valeurs liées, séparées par « $ ».",
    "near": "Lieu et distance : « latitude|longitude|distance|unité » en degrés et en km (ou m, [mi_us]…).",
    "special": '_filter : expression (« family co "dub" and birthdate ge 1940 ») ; _list : identifiant d\'une List.',
}
_SAMPLES = {
    "token": "active",
    "string": "dubois",
    "date": "ge2026-01-01",
    "number": "1",
    "quantity": "5.4",
    "reference": "Patient/1",
    "uri": "urn:oid:1.2.250.1.213",
    "composite": "a$b",
    "near": "48.85|2.35|10|km",
    "special": "",
}


def search_parameter(parameter: SearchParameter, type: str | None, options: SearchOptions) -> Parameter:
    """Return one search parameter of a type (None = of all)."""
    allowed = sorted(modifiers(parameter, terminology=options.terminology is not None))
    kind = parameter.code if parameter.code == near.CODE else parameter.type
    sentences = [KINDS[kind]]
    elements = _elements(parameter, type)
    if elements:
        sentences.append(f"Élément : {elements}.")
    if parameter.target and len(parameter.target) <= _TARGETS_MAX:
        sentences.append(f"Vers : {', '.join(parameter.target)}.")
    if allowed:
        sentences.append(f"Modificateurs : {', '.join(f':{m}' for m in allowed)}.")
    return {
        "name": parameter.code,
        "in": "query",
        "description": " ".join(sentences),
        "schema": _TEXTS,
        "x-fhir-type": parameter.type,
        "x-fhir-definition": parameter.url,
        "x-fhir-modifiers": allowed,
        "x-fhir-targets": list(parameter.target),
        "x-sample": _SAMPLES[kind],
    }


_TARGETS_MAX = 12
_TEXTS = {"type": "array", "items": {"type": "string"}}
"""A parameter may be repeated: all of its values must then hold."""


def _elements(parameter: SearchParameter, type: str | None) -> str:
    """Return the part of the expression that speaks of the type."""
    parts = [part.strip() for part in parameter.expression.split("|")]
    if type is not None and len(parameter.base) > 1:
        own = [part for part in parts if part.lstrip("(").startswith((f"{type}.", "Resource.", "DomainResource."))]
        parts = own or parts
    return " | ".join(parts)


def _query(name: str, description: str, **schema: Any) -> Parameter:
    return {"name": name, "in": "query", "description": description, "schema": schema or {"type": "string"}}


def _header(name: str, description: str) -> Parameter:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _path(name: str, description: str, pattern: str) -> Parameter:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


SHARED: dict[str, Parameter] = {
    "id": _path("id", "Identifiant logique de la ressource.", r"^[A-Za-z0-9\-.]{1,64}$"),
    "vid": _path("vid", "Numéro de version.", r"^[0-9]{1,18}$"),
    "member": _path("member", "Type de ressource cherché dans le compartiment, ou « * » pour tous.", r"^(\*|[A-Z][A-Za-z]+)$"),
    "format": _query("_format", "Format de la réponse, plus fort que l'en-tête Accept.", type="string", enum=["json", "xml"]),
    "pretty": _query("_pretty", "Réponse indentée.", type="boolean"),
    "summary": _query(
        "_summary", "Partie des ressources à rendre.", type="string", enum=["true", "text", "data", "count", "false"]
    ),
    "read-summary": _query("_summary", "Partie de la ressource à rendre.", type="string", enum=["true", "text", "data", "false"]),
    "elements": _query("_elements", "Éléments à rendre, séparés par des virgules."),
    "count": _query("_count", "Ressources par page ; 0 = le total seul.", type="integer", minimum=0),
    "sort": _query("_sort", "Paramètres de tri, séparés par des virgules ; « - » devant = décroissant."),
    "total": _query("_total", "Total des résultats.", type="string", enum=["none", "estimate", "accurate"]),
    "include": {
        **_query("_include", "Ressources désignées à joindre : « Type:paramètre », « * » ; « :iterate » pour aller plus loin."),
        "schema": _TEXTS,
    },
    "revinclude": {
        **_query("_revinclude", "Ressources qui désignent celles trouvées : « Type:paramètre »."),
        "schema": _TEXTS,
    },
    "type": _query("_type", "Types de ressource cherchés, séparés par des virgules."),
    "since": _query("_since", "Versions écrites depuis cet instant : flux des changements d'un client hors ligne."),
    "at": _query("_at", "Versions en vigueur à ce moment."),
    "history-count": _query("_count", "Versions par page.", type="integer", minimum=0),
    "if-match": _header("If-Match", 'Version lue (W/"3") : refus 412 si la ressource a changé depuis.'),
    "if-none-match": _header("If-None-Match", 'Version déjà détenue (W/"3") : 304 si elle est encore en vigueur.'),
    "if-modified-since": _header("If-Modified-Since", "Date HTTP : 304 si rien n'a changé depuis."),
    "if-none-exist": _header("If-None-Exist", "Critères de recherche : ne créer que si rien n'y répond."),
    "prefer": _header("Prefer", "return=minimal, return=representation ou return=OperationOutcome."),
    "handling": _header("Prefer", "handling=lenient : un paramètre inconnu devient un avertissement au lieu d'un refus 400."),
}  # fmt: skip


def shared(*keys: str) -> list[Parameter]:
    """Return references to some of :data:`SHARED`."""
    return [{"$ref": f"#/components/parameters/{key}"} for key in keys]

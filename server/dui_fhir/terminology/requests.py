"""Requests of the operations, by parameter name → their answers.

The parameters are those of R4 and those that the terminology ecosystem added since (``useSupplement``, ``inferSystem``,
``lenient-display-validation``, ``default-valueset-version``, ``tx-resource``…).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dui_fhir.domain.errors import BadRequest, NotFound
from dui_fhir.terminology import expand as expansion
from dui_fhir.terminology import faults, lookup, translate, validate
from dui_fhir.terminology.concepts import Resource
from dui_fhir.terminology.expand import Wanted
from dui_fhir.terminology.languages import Languages
from dui_fhir.terminology.membership import Given
from dui_fhir.terminology.messages import Text
from dui_fhir.terminology.registry import Registry
from dui_fhir.terminology.scope import Pins, Scope, by_url
from dui_fhir.terminology.validate import Asked

Parameters = Mapping[str, Any]

_REPEATED = (
    ("activeOnly", "valueBoolean"),
    ("excludeNested", "valueBoolean"),
    ("includeDesignations", "valueBoolean"),
    ("includeDefinition", "valueBoolean"),
    ("filter", "valueString"),
    ("count", "valueInteger"),
    ("offset", "valueInteger"),
    ("displayLanguage", "valueCode"),
    ("designation", "valueString"),
    ("property", "valueString"),
    ("system-version", "valueUri"),
    ("check-system-version", "valueUri"),
    ("force-system-version", "valueUri"),
    ("default-valueset-version", "valueUri"),
    ("useSupplement", "valueUri"),
)


_SILENT = frozenset({"property", "useSupplement", "system-version", "check-system-version", "force-system-version"})
"""Not repeated as given: those on versions are said where they decided."""


def languages(parameters: Parameters) -> Languages:
    """Return the languages asked for. Raises: BadRequest ``terminology-language``."""
    given = parameters.get("displayLanguage")
    try:
        return Languages.parse(given)
    except ValueError:
        raise faults.language(str(given)) from None


def scope(registry: Registry, parameters: Parameters) -> Scope:
    """Return what the request is to be evaluated with."""
    given = parameters.get("tx-resource", ())
    pins = Pins(
        default=by_url(parameters.get("system-version", ())),
        check=by_url(parameters.get("check-system-version", ())),
        force=by_url(parameters.get("force-system-version", ())),
        value_sets=by_url(parameters.get("default-valueset-version", ())),
    )
    return Scope(
        registry=registry.over(given) if given else registry,
        pins=pins,
        languages=languages(parameters),
        supplements=tuple(parameters.get("useSupplement", ())),
    )


def value_set(found: Scope, parameters: Parameters, target: Resource | None = None) -> Resource | None:
    """Return the value set meant: the instance, the one in the request, or the one at a canonical. Raises: NotFound."""
    if target is not None:
        return target
    given = parameters.get("valueSet")
    if isinstance(given, dict):
        return given
    url = parameters.get("url")
    return None if url is None else found.value_set(url, parameters.get("valueSetVersion"))


def expand(
    registry: Registry,
    parameters: Parameters,
    now: str,
    target: Resource | None = None,
    codes_max: int = expansion.CODES_MAX,
) -> dict[str, Any]:
    """Answer ``$expand`` at an instant. Raises: BadRequest, NotFound, Unusable, TooCostly."""
    found = scope(registry, parameters)
    meant = value_set(found, parameters, target)
    if meant is None:
        raise BadRequest.of("terminology-no-valueset", "Indiquez le jeu de valeurs.", "no url, valueSet or instance")
    wanted = Wanted(
        filter=parameters.get("filter", ""),
        offset=_positive(parameters, "offset"),
        count=_positive(parameters, "count"),
        active_only=parameters.get("activeOnly", False),
        nested=not parameters.get("excludeNested", False),
        designations=parameters.get("includeDesignations", False),
        designation_of=tuple(parameters.get("designation", ())),
        properties=tuple(parameters.get("property", ())),
        definition=parameters.get("includeDefinition", False),
        languages=found.languages,
        codes_max=codes_max,
        said=_said(parameters),
    )
    return expansion.expand(found, meant, wanted, now)


def _positive(parameters: Parameters, name: str) -> int | None:
    given = parameters.get(name)
    if given is None:
        return None
    if not isinstance(given, int) or given < 0:
        raise BadRequest.of("terminology-page", f"« {name} » est un entier positif.", f"{name} is negative")
    return given


def _said(parameters: Parameters) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, value_name in _REPEATED:
        if name in parameters and name not in _SILENT:
            given = parameters[name]
            values: Sequence[Any] = given if isinstance(given, list) else [given]
            rows.extend({"name": name, value_name: value} for value in values)
    return rows


def validate_in_set(
    registry: Registry, parameters: Parameters, text: Text = "fr", target: Resource | None = None
) -> dict[str, Any]:
    """Answer ``ValueSet/$validate-code``. Raises: BadRequest, NotFound, Unusable."""
    found = scope(registry, parameters)
    meant = value_set(found, parameters, target)
    return validate.validate(found, _asked(found, parameters, meant, parameters.get("system")), text)


def validate_in_system(
    registry: Registry, parameters: Parameters, text: Text = "fr", target: Resource | None = None
) -> dict[str, Any]:
    """Answer ``CodeSystem/$validate-code``. Raises: BadRequest, Unusable."""
    given = parameters.get("codeSystem")
    system = target or (given if isinstance(given, dict) else None)
    url = parameters.get("url") if system is None else _canonical(system)
    found = scope(registry if system is None else registry.over([system]), parameters)
    return validate.validate(found, _asked(found, parameters, None, url), text)


def _canonical(system: Resource) -> str:
    """Return the URL of a code system: R4 does not make it mandatory, but codes are told by it."""
    url = system.get("url")
    if not isinstance(url, str):
        raise BadRequest.of("terminology-no-url", "Ce système de codes n'a pas d'URL.", "CodeSystem without url")
    return url


def _asked(found: Scope, parameters: Parameters, meant: Resource | None, system: str | None) -> Asked:
    return Asked(
        codings=_codings(parameters, system),
        value_set=meant,
        concept=parameters.get("codeableConcept"),
        infer=parameters.get("inferSystem", False),
        abstract_ok=parameters.get("abstract", True),
        active_only=parameters.get("activeOnly", False),
        lenient=parameters.get("lenient-display-validation", False),
        membership_only=parameters.get("valueset-membership-only", False),
        languages=found.languages,
    )


def _codings(parameters: Parameters, system: str | None) -> list[Given]:
    if "coding" in parameters:
        return [_given(parameters["coding"], "Coding")]
    if "codeableConcept" in parameters:
        codings = parameters["codeableConcept"].get("coding", ())
        return [_given(c, f"CodeableConcept.coding[{i}]") for i, c in enumerate(codings)]
    code = parameters.get("code")
    if code is None or (system is None and not parameters.get("inferSystem")):
        raise faults.no_code()
    version = parameters.get("systemVersion", parameters.get("version"))
    return [Given(code=code, system=system, version=version, display=parameters.get("display"))]


def _given(coding: Resource, path: str) -> Given:
    if not isinstance(coding.get("code"), str):
        raise faults.no_code()
    rest = {name: coding.get(name) for name in ("system", "version", "display")}
    return Given(code=coding["code"], path=path, **rest)


def describe(registry: Registry, parameters: Parameters) -> dict[str, Any]:
    """Answer ``CodeSystem/$lookup``. Raises: BadRequest, NotFound, Unusable."""
    url, code, version = lookup.coding_of(parameters, "coding", "system", "code", "version")
    if url is None or code is None:
        raise faults.no_code()
    return lookup.lookup(scope(registry, parameters), url, code, version, parameters.get("property", ()))


def compare(registry: Registry, parameters: Parameters, target: Resource | None = None) -> dict[str, Any]:
    """Answer ``CodeSystem/$subsumes``. Raises: BadRequest, NotFound."""
    system_a, code_a, version = lookup.coding_of(parameters, "codingA", "system", "codeA", "version")
    system_b, code_b, _ = lookup.coding_of(parameters, "codingB", "system", "codeB", "version")
    url = _canonical(target) if target is not None else system_a
    if url is None or code_a is None or code_b is None:
        raise faults.no_code()
    if target is None and system_a != system_b:
        raise BadRequest.of("terminology-systems", "Les deux codes sont de systèmes différents.", "two systems")
    system = lookup.known_system(scope(registry, parameters), url, version)
    outcome = lookup.subsumes(system, code_a, code_b)
    return {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": outcome}]}


def convert(registry: Registry, parameters: Parameters, target: Resource | None = None) -> dict[str, Any]:
    """Answer ``ConceptMap/$translate``. Raises: BadRequest; NotFound for a map that is named and not known."""
    reverse = bool(parameters.get("reverse")) or "targetCode" in parameters
    system, code = _translated(parameters)
    if code is None:
        raise faults.no_code()
    asked = parameters.get("targetsystem", parameters.get("targetSystem"))
    if "targetCode" in parameters:
        system, asked = asked, parameters.get("sourceSystem")
    wanted = translate.Wanted(
        system=system,
        code=code,
        target_system=asked,
        source=parameters.get("source"),
        target=parameters.get("target"),
        reverse=reverse,
    )
    return translate.translate(_maps(registry, parameters, target), wanted)


def _translated(parameters: Parameters) -> tuple[str | None, str | None]:
    concept = parameters.get("codeableConcept")
    coding = parameters.get("coding") or (concept["coding"][0] if concept and concept.get("coding") else None)
    if coding is not None:
        return coding.get("system"), coding.get("code")
    code = parameters.get("code", parameters.get("sourceCode", parameters.get("targetCode")))
    return parameters.get("system", parameters.get("sourceSystem")), code


def _maps(registry: Registry, parameters: Parameters, target: Resource | None) -> Sequence[Resource]:
    if target is not None:
        return [target]
    given, url = parameters.get("conceptMap"), parameters.get("url")
    if isinstance(given, dict):
        return [given]
    if url is None:
        return list(registry.concept_maps())
    found = registry.resource("ConceptMap", url, parameters.get("conceptMapVersion"))
    if found is None:
        raise NotFound.of(
            "terminology-map-unknown", "Cette table de correspondance n'est pas connue ici.", f"{url} is not known"
        )
    return [found]

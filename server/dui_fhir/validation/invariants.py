"""Invariants of types and of profiles: FHIRPath compiled once, and the few that are faster or surer in Python.

An invariant that cannot be evaluated is said as an information, never passed over. Source: FHIR R4,
conformance-rules.html#constraints.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from dui_fhir.domain.issues import Severity
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.fhirpath import Environment, FhirPathError, Node, compile_expression

Rule: TypeAlias = Callable[[Any, str, Any, Path, Report], None]
"""Called with the JSON value, its type, its companion, its place."""

ELSEWHERE = frozenset({"dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "ele-1", "ext-1", "txt-1", "txt-2", "ref-1"})
"""Invariants that other modules check in Python."""

_NAME = "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"
_REWRITTEN = {
    _NAME: f"name.exists() implies {_NAME}",  # as R5 has it: R4 says it of types without a name, or whose name is optional
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
}


def rule(key: str, expression: str, severity: str) -> Rule:
    """Return the check of one invariant; compiled at its first use."""
    text = _REWRITTEN.get(expression, expression)
    level: Severity = "warning" if severity == "warning" else "error"

    native = _NATIVE.get(text)

    def check(value: Any, type: str, companion: Any, path: Path, report: Report) -> None:
        if native is not None and value.__class__ is dict:
            if not native(value):
                _broken(key, text, level, path, report)
            return
        try:
            environment = _environment(report)
            kept = compile_expression(text).holds(Node(value, type, companion), environment)
            report.steps = environment.left
        except FhirPathError as error:
            _not_evaluated(key, error, path, report)
            return
        if not kept:
            _broken(key, text, level, path, report)

    return check


def _environment(report: Report) -> Environment:
    """Return the environment of the place of a report: one for all its rules, which are judged one after the other."""
    environment: Environment | None = report.environment
    if environment is None:
        environment = report.environment = Environment(
            resolve=report.resolve, conforms=report.conforms, member=report.member
        )
    environment.restart(report.steps)
    if environment.resource is None or environment.resource.value is not report.resource:
        environment.resource = _node(report.resource)
    if environment.root is None or environment.root.value is not report.root:
        environment.root = _node(report.root) or environment.resource
    return environment


def _node(resource: Any) -> Node | None:
    return Node(resource, str(resource.get("resourceType"))) if isinstance(resource, dict) else None


def _broken(key: str, text: str, level: Severity, path: Path, report: Report) -> None:
    report.add(
        f"validation-{key.lower()}" if key in _BASE_KEYS else "validation-invariant",
        "invariant",
        f"La règle « {key[:60]} » n'est pas respectée.",
        f"{key}: {text[:300]}",
        path,
        level,
    )


_BASE_KEYS = frozenset({"per-1", "pat-1", "cpt-2", "att-1", "org-1", "obs-6", "obs-7", "qty-3"})


def _not_evaluated(key: str, error: FhirPathError, path: Path, report: Report) -> None:
    report.add(
        "validation-invariant-not-evaluated",
        "not-supported",
        f"La règle « {key[:60]} » n'a pas pu être vérifiée.",
        f"{key}: {error}",
        path,
        "information",
    )


def _has_any(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda value: any(n in value for n in names)


def _per_1(value: dict[str, Any]) -> bool:
    """Texts of the same length and zone compare as their dates do; the rest is left to FHIRPath's rules on precision."""
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return True
    return _not_after(start, end)


def _not_after(start: str, end: str) -> bool:
    from dui_fhir.validation.fhirpath.moments import Moment, compare

    if len(start) == len(end) == 10:
        return start <= end
    a, b = Moment.read(start, "DateTime"), Moment.read(end, "DateTime")
    answer = compare(a, b) if a is not None and b is not None else None
    return answer is None or answer <= 0


_NATIVE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "start.hasValue().not() or end.hasValue().not() or (start <= end)": _per_1,
    "value.empty() or system.exists()": lambda v: (
        not ("value" in v or "_value" in v) or "system" in v or "_system" in v
    ),
    "code.empty() or system.exists()": lambda v: not ("code" in v or "_code" in v) or "system" in v or "_system" in v,
    "data.empty() or contentType.exists()": lambda v: "data" not in v or "contentType" in v or "_contentType" in v,
    "name.exists() or telecom.exists() or address.exists() or organization.exists()": _has_any(
        "name", "telecom", "address", "organization"
    ),
    "(identifier.count() + name.count()) > 0": _has_any("identifier", "name", "_name"),
}

"""Rules of the corridors: one declaration for all, whatever they are written in, and their compiled checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue, Severity
from dui_fhir.plugin_host.conditions import Filter, compile_when, is_draft
from dui_fhir.plugin_host.fhirpath import compile_expression, variables
from dui_fhir.plugin_host.predicate import Predicate, Unsupported, compile_schema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Form = Literal["schema", "fhirpath", "python"]
Kind = Literal["S", "A", "P"]

Evaluate: TypeAlias = Callable[[Resource, Context], Sequence[str] | None]
"""The element paths at fault, or None where the resource is correct."""

RANK: Mapping[Severity, int] = {"information": 0, "warning": 1, "error": 2, "fatal": 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a rule says of itself (docs/fr/format-du-couloir.md).

    ``kind``: S when saved, A when sent, P periodic. ``draft``: what becomes of the rule on a draft when ``final_only``.
    ``always``: stays a refusal in reprise mode. ``urgent``: its task is, and stands alone at a reprise. ``paths``: elements
    shown; ``file``: where it is written.
    """

    id: str
    plugin: str
    title: str
    resources: frozenset[str]
    kind: Kind
    channels: tuple[str, ...]
    severity: Severity
    final_only: bool
    draft: Literal["warning", "ignore"]
    always: bool
    task: bool
    source: str
    paths: tuple[str, ...]
    form: Form
    file: str
    urgent: bool = False

    def concerns(self, type: str) -> bool:
        """Return True where the rule is about this resource type."""
        return type in self.resources or "*" in self.resources

    @property
    def severity_key(self) -> str:
        """Name of the parameter by which a structure changes the severity (decision D7)."""
        return f"{self.plugin}.severity.{self.id}"

    def severity_for(self, resource: Resource, context: Context) -> Severity | None:
        """Return the severity in these circumstances; None where the rule does not apply to a draft."""
        severity: Severity = context.parameters.get(self.severity_key, self.severity)
        if self.final_only and is_draft(resource):
            if self.draft == "ignore":
                return None
            severity = _at_most(severity, "warning")
        return _at_most(severity, "warning") if context.reprise and not self.always else severity


def _at_most(severity: Severity, ceiling: Severity) -> Severity:
    return min(severity, ceiling, key=RANK.__getitem__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A declarative rule, compiled: which resources it looks at, and what it finds."""

    rule: Rule
    looks_at: Filter
    evaluate: Evaluate

    def issue(self, resource: Resource, change: Change, context: Context) -> Issue | None:
        """Return the issue of this rule for one resource, None where all is well."""
        if not self.looks_at(resource, change, context):
            return None
        severity = self.rule.severity_for(resource, context)
        if severity is None:
            return None
        paths = self.evaluate(resource, context)
        return None if paths is None else issue_of(self.rule, severity, paths, change)


def issue_of(
    rule: Rule, severity: Severity, paths: Sequence[str], change: Change, text: str = "", more: str = ""
) -> Issue:
    """Return the issue that shows a rule; ``paths`` are those found, those of the rule come first."""
    expression = tuple(located(path, change) for path in (rule.paths or paths))
    return Issue(
        severity=severity,
        code="business-rule",
        id=rule.id,
        text=text or rule.title,
        diagnostics=more or f"rule {rule.id} of plugin {rule.plugin}",
        expression=expression,
    )


def located(path: str, change: Change) -> str:
    """Return an element path as the client sees it: inside its Bundle where there is one."""
    if not change.path or path.startswith(change.path):
        return path
    return change.path + path.removeprefix(change.type)


def declared(value: Mapping[str, Any], *, plugin: str, form: Form, file: str) -> Rule:
    """Build a rule from a declaration that its schema accepted."""
    if form == "schema":
        value = {**value["x-dui"], "id": value["$id"], "title": value["title"]}
    resources = value["resource"]
    paths = value.get("paths" if form == "fhirpath" else "expression", ())
    return Rule(
        id=value["id"],
        plugin=plugin,
        title=value["title"],
        resources=frozenset([resources] if isinstance(resources, str) else resources),
        kind=value.get("kind", "S"),
        channels=tuple(value.get("channels", ())),
        severity=value["severity"],
        final_only=value.get("from", "draft") == "final",
        draft=value.get("draft", "warning"),
        always=value.get("always", False),
        task=value.get("task", False),
        urgent=value.get("urgent", False),
        source=value["source"],
        paths=(paths,) if isinstance(paths, str) else tuple(paths),
        form=form,
        file=file,
    )


def compile_check(rule: Rule, value: Mapping[str, Any]) -> Check | None:
    """Return the compiled check of a declarative rule; None for one written in Python.

    Raises: ValueError with a French sentence where the rule cannot be compiled.
    """
    if rule.form == "python":
        return None
    when = value["x-dui"].get("when") if rule.form == "schema" else value.get("when")
    evaluate = _schema(value, rule) if rule.form == "schema" else _fhirpath(value["expression"], rule)
    return Check(rule=rule, looks_at=compile_when(when), evaluate=evaluate)


def _schema(value: Mapping[str, Any], rule: Rule) -> Evaluate:
    body = {key: part for key, part in value.items() if key not in ("$id", "title", "x-dui")}
    try:
        accepts = compile_schema(body)
    except Unsupported:
        accepts = _slow_predicate(body)

    def evaluate(resource: Resource, context: Context) -> Sequence[str] | None:
        if accepts(resource):
            return None
        return rule.paths or _all_places(body, resource)

    return evaluate


def _slow_predicate(body: Mapping[str, Any]) -> Predicate:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(body)
    except SchemaError as error:
        where = ".".join(str(p) for p in error.absolute_path)
        raise ValueError(f"ce n'est pas un JSON Schema correct{f' ({where})' if where else ''}") from error
    validator = Draft202012Validator(body)
    return lambda resource: bool(validator.is_valid(resource))


def _all_places(body: Mapping[str, Any], resource: Resource) -> list[str]:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(body).iter_errors(resource)
    return list(dict.fromkeys(place for error in errors for place in _places(error, resource["resourceType"])))


def _places(error: "ValidationError", type: str) -> Iterator[str]:
    at = type + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    if error.validator == "required":
        yield from (f"{at}.{name}" for name in error.validator_value if name not in error.instance)
    else:
        yield at


def _fhirpath(expression: str, rule: Rule) -> Evaluate:
    holds = compile_expression(expression)
    keys = {name: f"{rule.plugin}.{name}" for name in variables(expression)}

    def evaluate(resource: Resource, context: Context) -> Sequence[str] | None:
        values = {name: context.parameters[key] for name, key in keys.items()}
        values["today"] = context.now.date().isoformat()
        return None if holds(resource, values) else [resource["resourceType"]]

    return evaluate


def path_in_folder(file: Path, folder: Path) -> str:
    """Return how faults name a file: its path inside the plugin's folder."""
    return file.relative_to(folder).as_posix()

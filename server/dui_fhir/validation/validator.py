"""One call for all of validation: structure, profiles, terminology, invariants, references inside a Bundle."""

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, TypeAlias

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue, Severity
from dui_fhir.validation.bindings import Terminology, verdict
from dui_fhir.validation.bundle import Entries, check_bundle, contained_in, node
from dui_fhir.validation.extensions import Extensions
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.fhirpath import Node
from dui_fhir.validation.forms import Form, check_response, form_of
from dui_fhir.validation.items import Item
from dui_fhir.validation.library import Library
from dui_fhir.validation.overlay import Overlay
from dui_fhir.validation.structure import check_resource

Forms: TypeAlias = Callable[[str], Form | None]
"""Finds what a Questionnaire asks by its canonical, perhaps with ``|version``; None where it is not known."""


class Validator:
    """Checks resources against R4 and the profiles of a library; safe to share between threads, compiles at first use."""

    def __init__(
        self,
        library: Library | None = None,
        terminology: Terminology | None = None,
        *,
        unknown_extensions: Severity = "information",
    ) -> None:
        """``unknown_extensions``: how an extension without known definition is told."""
        self.library = library if library is not None else Library()
        self.terminology = terminology
        self.forms: Forms | None = None
        self._overlay = Overlay(self.library)
        self._extensions = Extensions(self._overlay, unknown_extensions)

    def over(self, terminology: Terminology | None = None, forms: Forms | None = None) -> "Validator":
        """Return this validator asking another terminology, or finding Questionnaires elsewhere; what was compiled serves both."""
        other = copy(self)
        other.terminology = terminology or self.terminology
        other.forms = forms or self.forms
        return other

    def validate(
        self,
        resource: Resource,
        profiles: Iterable[str] = (),
        *,
        path: str = "",
        declared: bool = True,
        quiet: bool = False,
    ) -> list[Issue]:
        """Return all the faults of a resource, with their places.

        ``profiles`` are canonicals (``url|version``) to follow beside those of ``meta.profile``, which count unless
        ``declared`` is False. A profile that is not known is told as an information. ``quiet``: as a write tells it.
        """
        report = self._report(resource, declared, quiet)
        place = path or str(resource.get("resourceType", "Resource"))
        check_resource(resource, report, place)
        report.resource = report.root = resource
        for canonical in profiles:
            self._profile(resource, canonical, place, report)
        return _distinct(report.issues)

    def base(self, resource: Resource, *, path: str = "", quiet: bool = False) -> list[Issue]:
        """Return the faults against R4 alone, the definitions of extensions included, no profile followed."""
        return self.validate(resource, path=path, declared=False, quiet=quiet)

    def profile(self, resource: Resource, canonical: str, *, path: str = "", quiet: bool = False) -> list[Issue]:
        """Return the faults against one profile, R4 left aside."""
        report = self._report(resource, declared=False, quiet=quiet)
        report.resource = report.root = resource
        self._profile(resource, canonical, path or str(resource.get("resourceType", "Resource")), report)
        return _distinct(report.issues)

    def answers(self, resource: Resource, *, path: str = "") -> list[Issue]:
        """Return the faults of a QuestionnaireResponse against its Questionnaire alone; none of another resource."""
        report = self._report(resource, declared=False)
        report.resource = report.root = resource
        self._answers(resource, path or str(resource.get("resourceType", "Resource")), report)
        return _distinct(report.issues)

    def _answers(self, value: dict[str, Any], path: Path, report: Report) -> None:
        canonical = value.get("questionnaire") if value.get("resourceType") == "QuestionnaireResponse" else None
        if not isinstance(canonical, str):
            return
        form = self._form(value, canonical)
        if form is not None:
            check_response(value, form, report, path)
        else:
            report.questionnaire_unknown(canonical, path)

    def _form(self, response: dict[str, Any], canonical: str) -> Form | None:
        if canonical.startswith("#"):
            held = contained_in(response, canonical)
            return None if held is None or held.get("resourceType") != "Questionnaire" else form_of(held)
        return None if self.forms is None else self.forms(canonical)

    def _report(self, resource: Resource, declared: bool, quiet: bool = False) -> Report:
        report = Report(terminology=self.terminology, quiet=quiet)
        report.extension = self._extensions.check
        report.profiles = self._of_resource if declared else self._bundle_only
        stack = _Bundles(report)
        stack.enter(resource)
        report.resolve = stack.resolve
        report.conforms = lambda n, url: self._overlay.conforms(Item(n.value, n.type, n.extra, "Resource"), url, report)
        report.member = lambda n, url: _member(n, url, report)
        return report

    def _bundle_only(self, value: dict[str, Any], path: Path, report: Report) -> None:
        if value.get("resourceType") == "Bundle":
            check_bundle(value, Entries(value), report, path)

    def _of_resource(self, value: dict[str, Any], path: Path, report: Report) -> None:
        """The profiles that a resource says it follows, and the form it answers."""
        self._bundle_only(value, path, report)
        self._answers(value, path, report)
        meta = value.get("meta")
        declared = meta.get("profile") if isinstance(meta, dict) else None
        for canonical in declared if isinstance(declared, list) else ():
            if isinstance(canonical, str):
                self._profile(value, canonical, path, report)

    def _profile(self, value: dict[str, Any], canonical: str, path: Path, report: Report) -> None:
        type = value.get("resourceType")
        if self.library.is_base(canonical):
            if self.library.type_of(canonical) not in (type, "Resource", "DomainResource"):
                report.profile_type(str(type), [str(self.library.type_of(canonical))], path)
            return
        check = self._overlay.profile(canonical)
        if check is None:
            report.profile_unknown(canonical, path)
        elif self.library.type_of(canonical) != type:
            report.profile_type(str(type), [str(self.library.type_of(canonical))], path)
        else:
            check(Item(value, str(type), None, path), report)


class _Bundles:
    """Follows references inside the outermost Bundle, and to contained resources."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._entries: Entries | None = None

    def enter(self, resource: Resource) -> None:
        if resource.get("resourceType") == "Bundle":
            self._entries = Entries(resource)

    def resolve(self, reference: str) -> Node | None:
        if reference.startswith("#"):
            return node(contained_in(self._report.root, reference))
        return None if self._entries is None else node(self._entries.find(reference, self._report.root))


def _member(found: Node, value_set: str, report: Report) -> bool | None:
    value = found.value
    codings = value.get("coding", [value]) if isinstance(value, dict) else [{"code": value}]
    told = [
        verdict(report, value_set, c.get("system"), c["code"])
        for c in codings
        if isinstance(c, dict) and isinstance(c.get("code"), str)
    ]
    if "valid" in told:
        return True
    return None if "unknown" in told else False


def _distinct(issues: list[Issue]) -> list[Issue]:
    """Two profiles that say the same find the same fault: once is enough."""
    return list(dict.fromkeys(issues))

"""Codes against the value sets they are bound to. Source: FHIR R4, terminologies.html#binding.

Three outcomes: the code is in the value set, it is not, or that cannot be told here — which is said as an information.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias

from dui_fhir.definitions import source
from dui_fhir.validation.faults import Path, Report

Verdict = Literal["valid", "invalid", "unknown"]
Binding: TypeAlias = Callable[[Any, Path, Report], None]

_MIME = "http://hl7.org/fhir/ValueSet/mimetypes"
_GRAMMARS = {
    _MIME: re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;.*)?|json|xml|ttl|[a-z0-9.+-]+"),
    "http://hl7.org/fhir/ValueSet/all-languages": re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*"),
    "http://hl7.org/fhir/ValueSet/currencies": re.compile(r"[A-Z]{3}"),
}


class Terminology(Protocol):
    """What validation asks of a terminology service."""

    def validate(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Verdict:
        """Tell whether a code is in a value set (canonical, perhaps with ``|version``); ``system`` None: the implied one."""


@cache
def _required() -> Mapping[str, Mapping[str, list[str]]]:
    return source.read("r4", "required-codes.json")  # type: ignore[no-any-return]


@cache
def _codes(value_set: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]] | None:
    """Return the codes alone, and with their system, of a value set that R4 enumerates."""
    systems = _required().get(value_set)
    if systems is None:
        return None
    pairs = frozenset((system, code) for system, codes in systems.items() for code in codes)
    return frozenset(code for _, code in pairs), pairs


def enumerated(value_set: str) -> frozenset[str] | None:
    """Return the codes of a value set that R4 enumerates; None for another."""
    known = _codes(value_set.split("|", 1)[0])
    return None if known is None else known[0]


def built_in(value_set: str, system: str | None, code: str) -> Verdict:
    """Tell what the tables of R4 alone allow to tell."""
    bare = value_set.split("|", 1)[0]
    grammar = _GRAMMARS.get(bare)
    if grammar is not None:
        return "invalid" if grammar.fullmatch(code) is None else "valid"
    codes = _codes(bare)
    if codes is None:
        return "unknown"
    return "valid" if (code in codes[0] if system is None else (system, code) in codes[1]) else "invalid"


def verdict(report: Report, value_set: str, system: str | None, code: str, display: str | None = None) -> Verdict:
    """Ask the tables of R4, then the terminology service where there is one."""
    told = built_in(value_set, system, code)
    if told == "unknown" and report.terminology is not None:
        told = report.terminology.validate(value_set, system, code, display)
    return told


@cache
def binding(type: str, value_set: str, strength: str) -> Binding | None:
    """Return the check of one bound element; None for a binding that allows anything, or a type without code."""
    if strength not in ("required", "extensible"):
        return None
    if type in ("code", "string", "uri", "id"):
        return _of_code(value_set, strength)
    if type == "Coding":
        return _of_coding(value_set, strength)
    if type == "CodeableConcept":
        return _of_concept(value_set, strength)
    return _of_quantity(value_set, strength) if type == "Quantity" else None


def _of_code(value_set: str, strength: str) -> Binding:
    known = _codes(value_set.split("|", 1)[0]) if strength == "required" else None
    codes = known[0] if known is not None else frozenset()

    def check(value: Any, path: Path, report: Report) -> None:
        if value.__class__ is str and value not in codes:
            _report(verdict(report, value_set, None, value), value_set, strength, path, report)

    return check


def _of_coding(value_set: str, strength: str) -> Binding:
    def check(value: Any, path: Path, report: Report) -> None:
        told = _coding(value, value_set, report)
        if told is not None:
            _report(told, value_set, strength, path, report)

    return check


def _coding(value: Any, value_set: str, report: Report) -> Verdict | None:
    if value.__class__ is not dict or not isinstance(value.get("code"), str):
        return None
    system = value.get("system")
    if not isinstance(system, str):
        return "invalid"
    return verdict(report, value_set, system, value["code"], value.get("display"))


def _of_concept(value_set: str, strength: str) -> Binding:
    def check(value: Any, path: Path, report: Report) -> None:
        codings = value.get("coding") if value.__class__ is dict else None
        if not isinstance(codings, list):
            return
        told = [v for c in codings if (v := _coding(c, value_set, report)) is not None]
        if told and "valid" not in told:
            _report("unknown" if "unknown" in told else "invalid", value_set, strength, path, report)
        elif not told and strength == "required" and not value.get("extension"):
            _report("invalid", value_set, strength, path, report)

    return check


def _of_quantity(value_set: str, strength: str) -> Binding:
    def check(value: Any, path: Path, report: Report) -> None:
        told = _coding(value, value_set, report)
        if told is not None:
            _report(told, value_set, strength, path, report)

    return check


def _report(told: Verdict, value_set: str, strength: str, path: Path, report: Report) -> None:
    if told == "invalid" and strength == "required":
        report.add(
            "validation-code",
            "code-invalid",
            "Ce code n'appartient pas à la liste de valeurs prévue.",
            f"not in {value_set} ({strength})",
            path,
        )
    elif told == "invalid":  # admitted where no code of the list says it, which nobody can tell here
        report.add(
            "validation-code-extensible",
            "code-invalid",
            "Ce code n'est pas de la liste de valeurs ; il est admis si aucun code de la liste ne convient.",
            f"not in {value_set} ({strength})",
            path,
            "warning",
        )
    elif told == "unknown":
        report.add(
            "validation-code-not-checked",
            "not-found",
            "Ce code n'a pas pu être vérifié : la liste de valeurs n'est pas disponible ici.",
            f"{value_set} ({strength}) is not available",
            path,
            "information",
        )

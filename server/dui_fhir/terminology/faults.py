"""Why a terminology operation cannot answer: errors of the tree, with both languages."""

from typing import Any, TypeVar

from dui_fhir.domain.errors import BadRequest, DuiError, NotFound, Unprocessable
from dui_fhir.domain.issues import Issue
from dui_fhir.terminology.messages import text

_E = TypeVar("_E", bound=DuiError)


def _error(kind: type[_E], id: str, message: str, issue_code: str, **args: Any) -> _E:
    said, diagnostics = text(message, "fr", **args), text(message, "en", **args)
    issue = Issue(severity="error", code=issue_code, id=id, text=said, diagnostics=diagnostics)
    return kind([issue])


class ValueSetUnknown(NotFound):
    """``terminology-valueset-unknown``: a value set that is neither built in nor stored."""


class Unusable(Unprocessable):
    """A value set that cannot be evaluated: unknown system, circular, filter not understood."""


class TooCostly(Unprocessable):
    """``terminology-too-costly``: an expansion over the limit."""


def value_set_unknown(canonical: str) -> ValueSetUnknown:
    """Return the error of a value set not known here."""
    return _error(
        ValueSetUnknown, "terminology-valueset-unknown", "Unable_to_resolve_value_Set_", "not-found", vs=canonical
    )


def supplement_unknown(canonical: str) -> Unusable:
    """Return the error of a supplement asked for and not known here."""
    return _error(
        Unusable, "terminology-supplement-unknown", "VALUESET_SUPPLEMENT_MISSING", "not-found", system=canonical
    )


def system_unknown(system: str, version: str | None, known: list[str]) -> Unusable:
    """Return the error of an expansion that needs a system not known here."""
    if version and known:
        return _error(
            Unusable,
            "terminology-system-unknown",
            "UNKNOWN_CODESYSTEM_VERSION_EXP",
            "not-found",
            system=system,
            version=version,
            known=" or ".join(known),
        )
    return _error(Unusable, "terminology-system-unknown", "UNKNOWN_CODESYSTEM_EXP", "not-found", system=system)


def filter_without_value(system: str, property: str, op: str) -> Unusable:
    """Return the error of a filter that lacks its value."""
    message = "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE"
    return _error(Unusable, "terminology-filter", message, "invalid", system=system, code=property, status=op)


def filter_unknown(value_set: str, system: str, property: str, op: str, value: str) -> Unusable:
    """Return the error of a filter that this server does not understand."""
    args = {"vs": value_set, "system": system, "code": property, "status": op, "given": value}
    return _error(Unusable, "terminology-filter", "FILTER_NOT_UNDERSTOOD", "not-supported", **args)


def circular(value_set: str, through: list[str]) -> Unusable:
    """Return the error of value sets that include one another."""
    message = "VALUESET_CIRCULAR_REFERENCE"
    return _error(Unusable, "terminology-circular", message, "processing", vs=value_set, known=", ".join(through))


def too_costly(value_set: str, limit: int) -> TooCostly:
    """Return the error of an expansion over the limit."""
    return _error(TooCostly, "terminology-too-costly", "VALUESET_TOO_COSTLY", "too-costly", vs=value_set, given=limit)


def version_refused(system: str, version: str, wanted: str) -> Unusable:
    """Return the error of ``check-system-version``."""
    args = {"system": system, "version": version, "known": wanted}
    return _error(Unusable, "terminology-version", "VALUESET_VERSION_CHECK", "exception", **args)


def language(given: str) -> BadRequest:
    """Return the error of a ``displayLanguage`` that cannot be read."""
    return _error(BadRequest, "terminology-language", "INVALID_DISPLAY_LANGUAGE", "processing", given=given)


def no_code() -> BadRequest:
    """Return the error of a validation without anything to validate."""
    return _error(BadRequest, "terminology-no-code", "NO_CODE", "invalid")

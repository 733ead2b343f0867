"""Is a display one of those of its concept? Source: FHIR R4, valueset-operation-validate-code.html, parameter ``display``."""

from collections.abc import Sequence
from typing import Any

from dui_fhir.terminology.concepts import STATUS_EXTENSION, extension
from dui_fhir.terminology.languages import Languages, Wording
from dui_fhir.terminology.membership import Given
from dui_fhir.terminology.messages import Remark, Severity, remark

_GONE = frozenset({"withdrawn", "deprecated"})


def check(given: Given, found: Sequence[Wording], languages: Languages, fault: Severity) -> Remark | None:
    """Return what is to be said of a display; None where it is right. ``fault``: severity of a wrong one."""
    display = given.display
    if not display or not found:
        return None
    current = [w for w in found if not _gone(w)]
    wanted = [w for w in current if _answers(w, languages)]
    if any(_same(w.value, display) for w in wanted):
        return None
    if languages and not any(w.displayable for w in wanted):
        return _other_language(given, current, languages, fault)
    gone = next((w for w in found if _gone(w) and _same(w.value, display)), None)
    if gone is not None:
        return _withdrawn(given, current)
    return _wrong(given, [w for w in wanted if w.displayable], languages, fault)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _gone(wording: Wording) -> bool:
    return extension(wording.element or {}, STATUS_EXTENSION) in _GONE


def _answers(wording: Wording, languages: Languages) -> bool:
    """A display of a system that does not say its language answers any."""
    return not languages or languages.accepts(wording.language) or (wording.base and wording.language is None)


def _name(given: Given) -> str:
    return f"{given.system}#{given.code}"


def _wrong(given: Given, wanted: Sequence[Wording], languages: Languages, fault: Severity) -> Remark:
    choices = list(dict.fromkeys(f"'{w.value}'" + (f" ({w.language})" if w.language else "") for w in wanted))
    known = choices[0] if len(choices) == 1 else f"one of {len(choices)} choices: {_either(choices)}"
    spaced = any(w.value.split() == (given.display or "").split() for w in wanted)
    id = (
        "Display_Name_WS_for__should_be_one_of__instead_of"
        if spaced
        else "Display_Name_for__should_be_one_of__instead_of"
    )
    return _remark(id, given, fault, known=known, languages=languages.text or "--")


def _either(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _other_language(given: Given, found: Sequence[Wording], languages: Languages, fault: Severity) -> Remark:
    default = next((w.value for w in found if w.base), "")
    if any(
        _same(w.value, given.display or "")
        for w in found
        if w.base or not w.language or w.language == found[0].language
    ):
        return _remark("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK", given, "information", languages=languages.text)
    return _remark("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR", given, fault, languages=languages.text, known=default)


def _withdrawn(given: Given, current: Sequence[Wording]) -> Remark:
    known = _either([f'"{w.value}"' for w in current]) if len(current) > 1 else f'"{current[0].value}"'
    args: dict[str, Any] = {"display": given.display, "code": given.code, "status": "deprecated", "known": known}
    return remark(
        "INACTIVE_DISPLAY_FOUND", "warning", "invalid", "display-comment", given.at("display"), said=False, **args
    )


def _remark(id: str, given: Given, severity: Severity, **args: str) -> Remark:
    more: dict[str, Any] = {"display": given.display, "code": _name(given), **args}
    return remark(id, severity, "invalid", "invalid-display", given.at("display"), **more)

"""``$validate-code`` for a code, a Coding or a CodeableConcept, in a value set or in a code system.

Source: FHIR R4, valueset-operation-validate-code.html, codesystem-operation-validate-code.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dui_fhir.terminology import displays
from dui_fhir.terminology.compose import Member, members
from dui_fhir.terminology.concepts import Resource, extension
from dui_fhir.terminology.faults import ValueSetUnknown
from dui_fhir.terminology.grammars import system_of
from dui_fhir.terminology.languages import Languages, best, set_languages, wordings
from dui_fhir.terminology.membership import Given, Hit, Search
from dui_fhir.terminology.messages import Remark, Severity, Text, remark
from dui_fhir.terminology.scope import STANDARDS_STATUS, Scope, canonical
from dui_fhir.terminology.versions import order, split

_DEPRECATED = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be validated, and how strictly. ``value_set`` None: against the code system only.

    ``lenient``: a wrong display is a warning. ``membership_only``: nothing but the value set matters. ``concept``: the
    CodeableConcept that the codings come from.
    """

    codings: Sequence[Given]
    value_set: Resource | None = None
    concept: Resource | None = None
    infer: bool = False
    abstract_ok: bool = True
    active_only: bool = False
    lenient: bool = False
    membership_only: bool = False
    languages: Languages = Languages()


@dataclass(kw_only=True)
class Verdict:
    """What one coding amounts to. ``unknown``: its system is not known; ``causes``: missing systems that decide."""

    given: Given
    remarks: list[Remark] = field(default_factory=list)
    hit: Hit | None = None
    shown: Member | None = None
    unknown: bool = False
    causes: tuple[str, ...] = ()
    undecided: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether the coding is valid."""
        return self.hit is not None and all(r.severity != "error" for r in self.remarks)


def validate(scope: Scope, asked: Asked, text: Text = "fr") -> dict[str, Any]:
    """Return the Parameters of the answer. Raises: Unusable for a value set that cannot be evaluated."""
    scope.require_supplements(asked.value_set)
    verdicts = [judge(scope, asked, given) for given in asked.codings]
    remarks = list(dict.fromkeys(r for v in verdicts for r in v.remarks))
    if asked.concept is not None:
        remarks = _of_concept(asked, verdicts, remarks)
    if not asked.membership_only:
        remarks.extend(_states(scope, asked, verdicts))
    return _answer(asked, verdicts, remarks, text)


def _of_concept(asked: Asked, verdicts: Sequence[Verdict], remarks: list[Remark]) -> list[Remark]:
    """Each coding out of the value set is an information; none in it is the fault."""
    softened = [
        replace(r, severity="information", kind="this-code-not-in-vs") if r.kind == "not-in-vs" else r for r in remarks
    ]
    softened = [replace(r, said=False) if r.kind == "this-code-not-in-vs" else r for r in softened]
    decided = not any(v.hit or v.undecided for v in verdicts) and asked.value_set is not None
    if decided:
        vs = canonical(asked.value_set or {})
        softened.insert(0, remark("TX_GENERAL_CC_ERROR_MESSAGE", "error", "code-invalid", "not-in-vs", vs=vs))
    return softened


def _states(scope: Scope, asked: Asked, verdicts: Sequence[Verdict]) -> list[Remark]:
    """Return what is to be told of the resources that a valid code relies on."""
    if not any(v.hit for v in verdicts):
        return []
    found: list[Remark] = []
    for name, canonicals in scope.used.items():
        if not name.startswith("warning-"):
            continue
        for one in canonicals:
            url, version = split(one)
            kind = "ValueSet" if scope.registry.versions("ValueSet", url) else "CodeSystem"
            id = f"MSG_{name.removeprefix('warning-').upper()}"
            said = f"{kind} {one}"
            found.append(remark(id, "information", "business-rule", "status-check", said=False, system=said))
    return found


def judge(scope: Scope, asked: Asked, given: Given) -> Verdict:
    """Return what one coding amounts to."""
    verdict = Verdict(given=given)
    if given.system is None and not _infer(scope, asked, verdict):
        return verdict
    given = verdict.given
    search = Search(scope=scope, given=given)
    try:
        hits = _hits(search, asked)
    except ValueSetUnknown as error:
        verdict.remarks.append(_missing(error))
        verdict.undecided = True
        verdict.shown = _anywhere(scope, given)
        return verdict
    if hits:
        _found(scope, asked, verdict, _best(asked, given, hits))
        verdict.causes = tuple(search.causes)
    else:
        _not_found(scope, asked, verdict, search)
    return verdict


def _hits(search: Search, asked: Asked) -> list[Hit]:
    found = search.in_system() if asked.value_set is None else search.hits(asked.value_set)
    if search.exact:
        found = [h for h in found if h.member.system.version == search.given.version]
        search.blocked.clear()
    if asked.active_only:
        found = search.active(found)
    return found if asked.abstract_ok else search.selectable(found)


def _missing(error: ValueSetUnknown) -> Remark:
    name = error.issues[0].diagnostics.split("'")[1]
    return remark("Unable_to_resolve_value_Set_", "error", "not-found", "not-found", vs=name)


def _best(asked: Asked, given: Given, hits: Sequence[Hit]) -> Hit:
    """Among several versions: one that nothing speaks against, whose display is the one given, the newest."""

    def rank(hit: Hit) -> tuple[bool, bool, list[tuple[int, int, str]]]:
        texts = wordings(hit.member.system, hit.member.concept, hit.member.listed)
        named = given.display is None or any(w.value == given.display for w in texts)
        return hit.clean, named, order(hit.member.system.version)

    return max(hits, key=rank)


def _infer(scope: Scope, asked: Asked, verdict: Verdict) -> bool:
    """Find the system of a code that comes without; False, with the remarks, where that is not possible."""
    given = verdict.given
    vs = canonical(asked.value_set or {})
    if asked.infer and asked.value_set is not None:
        found = members(scope, asked.value_set).values()
        known = list(dict.fromkeys(m.system.url for m in found))
        systems = list(dict.fromkeys(m.system.url for m in found if m.system.find(given.code) is m.concept))
        if len(systems) == 1:
            verdict.given = replace(given, system=systems[0])
            return True
        many = "Unable_to_resolve_system__value_set_has_multiple_matches"
        id = many if systems else "UNABLE_TO_INFER_CODESYSTEM"
        args: dict[str, Any] = {"code": given.code, "vs": vs, "known": ", ".join(systems or known)}
        verdict.remarks.append(remark(id, "error", "not-found", "cannot-infer", given.at("code"), **args))
    else:
        id = "Coding_has_no_system__cannot_validate"
        verdict.remarks.append(remark(id, "warning", "invalid", "invalid-data", given.whole))
    if asked.value_set is not None:
        verdict.remarks.append(_outside(asked, given))
    return False


def _outside(asked: Asked, given: Given) -> Remark:
    id = "None_of_the_provided_codes_are_in_the_value_set_one"
    args: dict[str, Any] = {"code": str(given), "vs": canonical(asked.value_set or {})}
    return remark(id, "error", "code-invalid", "not-in-vs", given.at("code"), **args)


# a code of the value set


def _found(scope: Scope, asked: Asked, verdict: Verdict, hit: Hit) -> None:
    given, member = verdict.given, hit.member
    verdict.hit, verdict.shown = hit, member
    verdict.remarks.extend(hit.remarks)
    if asked.membership_only:
        return
    verdict.remarks.extend(_usage(asked, given, member))
    texts = wordings(member.system, member.concept, member.listed, _set_language(asked))
    fault: Severity = "warning" if asked.lenient else "error"
    said = displays.check(given, texts, _languages(asked), fault)
    if said is not None:
        verdict.remarks.append(said)


def _set_language(asked: Asked) -> str | None:
    return (asked.value_set or {}).get("language")


def _languages(asked: Asked) -> Languages:
    """The languages of the request, else those that the value set asks for."""
    return asked.languages or set_languages(asked.value_set)


def _usage(asked: Asked, given: Given, member: Member) -> list[Remark]:
    """Return what is to be said of a concept that exists: case, abstract, inactive, deprecated."""
    system, concept = member.system, member.concept
    found: list[Remark] = []
    if concept.code != given.code:
        args: dict[str, Any] = {"code": given.code, "given": concept.code, "system": canonical(system.header)}
        at = given.at("code")
        found.append(
            remark("CODE_CASE_DIFFERENCE", "information", "business-rule", "code-rule", at, said=False, **args)
        )
    found.extend(review(given, member))
    status = _listed_status(member)
    if status is not None:
        owner = canonical(member.owner or {})
        args = {"code": concept.code, "system": system.url, "vs": owner, "status": status}
        id = "CONCEPT_DEPRECATED_IN_VALUESET"
        found.append(remark(id, "warning", "business-rule", "code-comment", given.at("code"), said=False, **args))
    return found


def review(given: Given, member: Member) -> list[Remark]:
    """Return the warning on a concept that is no longer to be chosen."""
    system, concept = member.system, member.concept
    if system.inactive(concept):
        status = system.status(concept)
        both = "inactive" if status in (None, "inactive") else f"{status} and inactive"
        id = "INACTIVE_CONCEPT_FOUND"
        return [remark(id, "warning", "business-rule", "code-comment", given.whole, code=concept.code, status=both)]
    if system.deprecated(concept):
        return [
            remark(
                "DEPRECATED_CONCEPT_FOUND", "warning", "business-rule", "code-comment", given.whole, code=concept.code
            )
        ]
    return []


def _listed_status(member: Member) -> str | None:
    listed = member.listed or {}
    if extension(listed, _DEPRECATED) in (True, "true"):
        return "deprecated"
    status = extension(listed, STANDARDS_STATUS)
    return status if status in ("deprecated", "withdrawn") else None


# a code that is not of the value set


def _anywhere(scope: Scope, given: Given) -> Member | None:
    """Return the concept in its system, as far as it is known, whatever the value set says."""
    url = given.system or ""
    pinned = scope.pins.system(url, None)
    for version in dict.fromkeys((pinned or given.version, given.version, None)):
        system = scope.system(url, version)
        if system is not None:
            concept = system.find(given.code)
            return Member(system, concept) if concept is not None else None
    return None


def _not_found(scope: Scope, asked: Asked, verdict: Verdict, search: Search) -> None:
    given = verdict.given
    verdict.shown = _anywhere(scope, given)
    if search.blocked:
        verdict.remarks.extend(search.blocked)
        verdict.causes, verdict.undecided = tuple(search.causes), True
        return
    verdict.remarks.extend(_left_out(verdict, search))
    if asked.value_set is not None:
        verdict.remarks.append(_outside(asked, given))
    if not asked.membership_only:
        verdict.remarks.extend(_reasons(scope, verdict, search))


def _left_out(verdict: Verdict, search: Search) -> list[Remark]:
    """Return why a member does not count: no longer active, or only there to group others."""
    given, at = verdict.given, verdict.given.at("code")
    found: list[Remark] = []
    if search.dropped:
        member = search.dropped[0].member
        verdict.shown = member
        code = member.concept.code
        found.append(remark("STATUS_CODE_WARNING_CODE", "error", "business-rule", "code-rule", at, code=code))
        found.extend(review(given, member))
    if search.abstract:
        member = search.abstract[0].member
        verdict.shown = member
        name = f"{member.system.url}#{member.concept.code}"
        found.append(remark("ABSTRACT_CODE_NOT_ALLOWED", "error", "business-rule", "code-rule", at, code=name))
    return found


def _reasons(scope: Scope, verdict: Verdict, search: Search) -> list[Remark]:
    """Return why a code is not found: its system, or the code in it."""
    given, url = verdict.given, verdict.given.system or ""
    at = given.at("system")
    found: list[Remark] = []
    if ":" not in url:
        found.append(remark("Terminology_TX_System_Relative", "error", "invalid", "invalid-data", at))
    resource = scope.registry.resource("CodeSystem", url)
    if resource is None and scope.registry.versions("ValueSet", url):
        return [remark("Terminology_TX_System_ValueSet2", "error", "invalid", "invalid-data", at, system=url)]
    system = scope.system(url, given.version) or system_of(url, given.code)
    if system is None:
        verdict.unknown = resource is None
        return [*found, search.unknown(given.version)]
    if system.find(given.code) is None:
        found.append(_no_such(given, system.version, fragment=system.partial))
    return found


def _no_such(given: Given, version: str, *, fragment: bool) -> Remark:
    id = "Unknown_Code_in_Version" if version else "Unknown_Code_in"
    if fragment:
        id = "UNKNOWN_CODE_IN_FRAGMENT"
    args: dict[str, Any] = {"code": given.code, "system": given.system, "version": version}
    severity: Severity = "warning" if fragment else "error"
    return remark(id, severity, "code-invalid", "invalid-code", given.at("code"), **args)


# the answer


def _answer(asked: Asked, verdicts: Sequence[Verdict], remarks: Sequence[Remark], text: Text) -> dict[str, Any]:
    good = [v for v in verdicts if v.hit is not None]
    result = bool(good) and all(r.severity != "error" for r in remarks)
    told = (good or verdicts)[0] if verdicts else None
    rows: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if asked.concept is not None:
        rows.append({"name": "codeableConcept", "valueCodeableConcept": dict(asked.concept)})
    if told is not None and (asked.concept is None or good):
        rows.extend(_of_coding(asked, told))
    rows.extend(_missing_systems(verdicts))
    said = sorted(dict.fromkeys(r.text(text) for r in remarks if r.said))
    if said:
        rows.append({"name": "message", "valueString": "; ".join(said)})
    if remarks:
        outcome = {"resourceType": "OperationOutcome", "issue": [r.as_fhir(text) for r in remarks]}
        rows.append({"name": "issues", "resource": outcome})
    return {"resourceType": "Parameters", "parameter": rows}


def _of_coding(asked: Asked, verdict: Verdict) -> list[dict[str, Any]]:
    given, shown = verdict.given, verdict.shown
    rows: list[dict[str, Any]] = [{"name": "code", "valueCode": given.code}]
    if given.system is not None:
        rows.append({"name": "system", "valueUri": given.system})
    if shown is None:
        return rows
    system, concept = shown.system, shown.concept
    if concept.code != given.code:
        rows.append({"name": "normalized-code", "valueCode": concept.code})
    if system.version:
        rows.append({"name": "version", "valueString": system.version})
    texts = wordings(system, concept, shown.listed, _set_language(asked))
    display = best(texts, _languages(asked))
    if display is not None:
        rows.append({"name": "display", "valueString": display.value})
    if system.inactive(concept):
        rows.append({"name": "inactive", "valueBoolean": True})
    status = system.status(concept) or ("deprecated" if concept.standards_status == "deprecated" else None)
    if status in ("retired", "deprecated"):
        rows.append({"name": "status", "valueCode": status})
    return rows


def _missing_systems(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], None] = {}
    for verdict in verdicts:
        if verdict.unknown:
            rows["x-unknown-system", verdict.given.system or ""] = None
        else:
            for cause in verdict.causes:
                rows["x-caused-by-unknown-system", cause] = None
    return [{"name": name, "valueCanonical": cause} for name, cause in rows]

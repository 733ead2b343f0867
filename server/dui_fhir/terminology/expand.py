"""``$expand``: the codes of a value set, as a tree or page by page. Source: FHIR R4, valueset-operation-expand.html."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dui_fhir.terminology import faults
from dui_fhir.terminology.compose import Key, Member, members
from dui_fhir.terminology.concepts import STANDARD, STATUS_EXTENSION, Resource, extension, fold, value_of
from dui_fhir.terminology.languages import Languages, Wording, best, set_languages, wordings
from dui_fhir.terminology.scope import Scope
from dui_fhir.terminology.versions import split

CODES_MAX = 10_000
_UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_DEFINITION = STANDARD + "definition"
_KEPT = (
    "url",
    "version",
    "name",
    "title",
    "status",
    "experimental",
    "date",
    "publisher",
    "language",
    "identifier",
    "extension",
    "contained",
)
_CARRIED = frozenset({
    "http://hl7.org/fhir/StructureDefinition/rendering-style",
    "http://hl7.org/fhir/StructureDefinition/rendering-xhtml",
    "http://hl7.org/fhir/StructureDefinition/valueset-deprecated",
    "http://hl7.org/fhir/StructureDefinition/valueset-concept-definition",
    STATUS_EXTENSION,
})  # fmt: skip
_AS_PROPERTY = {
    "http://hl7.org/fhir/StructureDefinition/codesystem-conceptOrder": ("order", "valueDecimal"),
    "http://hl7.org/fhir/StructureDefinition/valueset-conceptOrder": ("order", "valueDecimal"),
    "http://hl7.org/fhir/StructureDefinition/codesystem-label": ("label", "valueString"),
    "http://hl7.org/fhir/StructureDefinition/valueset-label": ("label", "valueString"),
    "http://hl7.org/fhir/StructureDefinition/itemWeight": ("weight", "valueDecimal"),
}
_URIS = {"weight": STANDARD + "itemWeight"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the expansion is to be made. ``said``: parameters of the request to repeat in the answer, as FHIR elements."""

    filter: str = ""
    offset: int | None = None
    count: int | None = None
    active_only: bool = False
    nested: bool = True
    designations: bool = False
    designation_of: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    definition: bool = False
    languages: Languages = Languages()
    codes_max: int = CODES_MAX
    said: Sequence[Resource] = ()

    @property
    def paged(self) -> bool:
        """True where only a part is wanted."""
        return self.count is not None or bool(self.offset)


def expand(scope: Scope, value_set: Resource, wanted: Wanted, now: str) -> dict[str, Any]:
    """Return the ValueSet with its expansion, made at ``now`` (an instant).

    Raises: TooCostly for more codes than the limit without paging; Unusable, ValueSetUnknown.
    """
    scope.require_supplements(value_set)
    chosen = list(choose(scope, value_set, wanted))
    page = chosen[wanted.offset or 0 :][: wanted.count] if wanted.paged else chosen
    if len(page) > wanted.codes_max:
        raise faults.too_costly(value_set.get("url", "(unidentified)"), wanted.codes_max)
    shape = _Shape(scope, value_set, wanted, chosen)
    tree = wanted.nested and not wanted.paged and not wanted.filter and _is_tree(value_set)
    rows = shape.tree(page) if tree else [shape.row(m) for m in page]
    expansion: dict[str, Any] = {
        **_unclosed(scope),
        "identifier": f"urn:uuid:{uuid.uuid4()}",
        "timestamp": now,
        "total": len(chosen),
    }
    if wanted.offset is not None:
        expansion["offset"] = wanted.offset
    expansion["parameter"] = [*_said(wanted, value_set), *_used(scope)]
    if shape.declared:
        expansion["property"] = [{"code": code, "uri": uri} for code, uri in shape.declared.items()]
    if rows:
        expansion["contains"] = rows
    header = {k: value_set[k] for k in _KEPT if k in value_set}
    if scope.used.get("warning-withdrawn") or scope.used.get("warning-deprecated"):
        header.pop("extension", None)
    body = {"compose": value_set["compose"]} if wanted.definition and "compose" in value_set else {}
    return {"resourceType": "ValueSet", **({"status": "unknown"} | header), **body, "expansion": expansion}


def choose(scope: Scope, value_set: Resource, wanted: Wanted) -> Iterable[Member]:
    """Yield the members that the request wants, before paging."""
    words = fold(wanted.filter).split()
    for member in members(scope, value_set).values():
        if wanted.active_only and member.system.inactive(member.concept):
            continue
        if words and not _holds(member, words):
            continue
        yield member


def _holds(member: Member, words: Sequence[str]) -> bool:
    """Tell whether each word is within the code, the display or a designation, accents and case aside."""
    text = member.system.searched(member.concept)
    listed = member.listed or {}
    more = [listed.get("display", ""), *(d.get("value", "") for d in listed.get("designation", ()))]
    folded = fold("\n".join(more)) if any(more) else ""
    return all(word in text or word in folded for word in words)


def _is_tree(value_set: Resource) -> bool:
    """One include and no exclude: an enumeration and a union say an order, and what is left by an exclude no hierarchy."""
    compose = value_set.get("compose", {})
    includes = compose.get("include", ())
    return (
        len(includes) == 1 and not compose.get("exclude") and "concept" not in includes[0] and "system" in includes[0]
    )


def _versioned(value_set: Resource, chosen: Sequence[Member]) -> set[str]:
    """Return the systems that come in several versions, in the definition or in the result."""
    seen: dict[str, set[str]] = {}
    compose = value_set.get("compose", {})
    for row in (*compose.get("include", ()), *compose.get("exclude", ())):
        if "system" in row:
            seen.setdefault(row["system"], set()).add(row.get("version", ""))
    several = {url for url, found in seen.items() if len(found) > 1}
    seen = {}
    for member in chosen:
        seen.setdefault(member.system.url, set()).add(member.system.version)
    return several | {url for url, found in seen.items() if len(found) > 1}


def _unclosed(scope: Scope) -> dict[str, Any]:
    """Say that codes may be missing, where only a part of a code system is known."""
    fragments = [split(c)[0] for c in scope.used.get("used-fragment", ())]
    if not fragments:
        return {}
    reason = f"This extension is based on a fragment of the code system {', '.join(fragments)}"
    return {
        "extension": [
            {"url": f"{_UNCLOSED}", "valueBoolean": True},
            {"url": f"{_UNCLOSED}-reason", "valueString": reason},
        ]
    }


def _said(wanted: Wanted, value_set: Resource) -> list[Resource]:
    """Return the parameters of the request, completed by the language that the value set asks for."""
    asked = set_languages(value_set)
    if wanted.languages or not asked:
        return list(wanted.said)
    return [*wanted.said, {"name": "displayLanguage", "valueCode": str(asked)}]


def _used(scope: Scope) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, found in scope.used.items():
        rows.extend({"name": name, "valueUri": canonical} for canonical in found)
    if scope.merged:
        rows.append({"name": "versionsMatch", "valueBoolean": True})
    return rows


class _Shape:
    """Members → ``contains``. ``declared``: the properties met, by code."""

    def __init__(self, scope: Scope, value_set: Resource, wanted: Wanted, chosen: Sequence[Member]) -> None:
        self._wanted = wanted
        self._languages = wanted.languages or set_languages(value_set)
        self._language = value_set.get("language")
        self._versioned = _versioned(value_set, chosen)
        self.declared: dict[str, str] = {}

    def tree(self, page: Sequence[Member]) -> list[dict[str, Any]]:
        """Return the rows, each under its nearest parent where that one is there too."""
        rows: dict[Key, dict[str, Any]] = {m.key: self.row(m) for m in page}
        top: list[dict[str, Any]] = []
        for member in page:
            row = rows[member.key]
            above = self._above(member, rows)
            if above is None:
                top.append(row)
            else:
                above.setdefault("contains", []).append(row)
        return top

    @staticmethod
    def _above(member: Member, rows: dict[Key, dict[str, Any]]) -> dict[str, Any] | None:
        for parent in member.concept.parents:
            found = rows.get((member.system.url, member.system.version, parent))
            if found is not None:
                return found
        return None

    def row(self, member: Member) -> dict[str, Any]:
        """Return one ``contains``."""
        system, concept = member.system, member.concept
        row: dict[str, Any] = {"system": system.url, "code": concept.code}
        if system.url in self._versioned and system.version:
            row["version"] = system.version
        if system.abstract(concept):
            row["abstract"] = True
        if system.inactive(concept):
            row["inactive"] = True
        self._words(member, row)
        self._marks(member, row)
        return row

    def _words(self, member: Member, row: dict[str, Any]) -> None:
        found = wordings(member.system, member.concept, member.listed, self._language)
        shown = best(found, self._languages)
        if shown is not None:
            row["display"] = shown.value
        if self._wanted.designations or self._wanted.designation_of:
            others = [w for w in found if w is not shown and self._designated(w)]
            if others:
                row["designation"] = [_designation(w) for w in others]

    def _designated(self, wording: Wording) -> bool:
        if not self._wanted.designation_of:
            return wording.element is not None or wording.language is not None
        return any(_named(wording, one) for one in self._wanted.designation_of)

    def _marks(self, member: Member, row: dict[str, Any]) -> None:
        own = [e for e in member.concept.extensions if e.get("url") != STATUS_EXTENSION]
        extensions = [*(member.listed or {}).get("extension", ()), *own]
        carried: dict[str, Resource] = {}
        properties: dict[str, dict[str, Any]] = {}
        for found in extensions:
            url = found.get("url", "")
            if url in _CARRIED:
                carried.setdefault(url, found)
            elif url in _AS_PROPERTY:
                code, name = _AS_PROPERTY[url]
                properties.setdefault(code, {"code": code, name: value_of(found)[1]})
                self.declared.setdefault(code, _URIS.get(code, STANDARD + code))
        if carried:
            row["extension"] = list(carried.values())
        rows = [*properties.values(), *self._properties(member)]
        if rows:
            row["property"] = rows

    def _properties(self, member: Member) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        names = dict.fromkeys([*self._wanted.properties, "status"])
        for name in names:
            if name == "definition":
                rows.extend(self._definition(member))
                continue
            if name == "status" and member.concept.standards_status is not None:
                self.declared.setdefault(name, STANDARD + name)
                rows.append({"code": name, "valueCode": member.concept.standards_status})
            for found in member.concept.properties:
                if found["code"] == name and (name != "status" or value_of(found)[1] != "active"):
                    self.declared.setdefault(name, _uri(member, name))
                    rows.append(dict(found))
        return rows

    def _definition(self, member: Member) -> list[dict[str, Any]]:
        listed = extension(member.listed or {}, "http://hl7.org/fhir/StructureDefinition/valueset-concept-definition")
        text = listed or member.concept.definition
        if text is None:
            return []
        self.declared.setdefault("definition", _DEFINITION)
        return [{"code": "definition", "valueString": text}]


def _uri(member: Member, name: str) -> str:
    headers = (member.system.header, *member.system.supplements)
    for row in (row for header in headers for row in header.get("property", ())):
        if row["code"] == name and "uri" in row:
            return str(row["uri"])
    return STANDARD + name


def _named(wording: Wording, wanted: str) -> bool:
    """Tell whether a designation is the one that ``system|code`` of a use or of a language names."""
    system, _, code = wanted.rpartition("|")
    if system == "urn:ietf:bcp:47":
        return code == wording.language
    use = wording.use or {}
    return use.get("code") == code and (not system or use.get("system") == system)


def _designation(wording: Wording) -> dict[str, Any]:
    if wording.element is not None:
        return dict(wording.element)
    return {"language": wording.language, "value": wording.value}

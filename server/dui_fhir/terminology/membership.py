"""Where one code stands in a value set, and with which version of its system.

Contrary to an expansion, only the concept in question is looked for, and what stands in the way is told rather than raised.
Source: FHIR R4, valueset-operation-validate-code.html; versions as in R5, valueset.html#versions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dui_fhir.terminology import compose, faults, grammars, versions
from dui_fhir.terminology.compose import Member
from dui_fhir.terminology.concepts import CodeSystem, Concept, Resource
from dui_fhir.terminology.filters import compile_filter
from dui_fhir.terminology.messages import Remark, listing, remark
from dui_fhir.terminology.scope import Scope, canonical


@dataclass(frozen=True, kw_only=True)
class Given:
    """A code to be checked, and the paths of its parts: ``whole`` (``Coding``, or ``code`` for a code alone)."""

    code: str
    system: str | None = None
    version: str | None = None
    display: str | None = None
    path: str = ""

    def at(self, part: str) -> str:
        """Return the path of ``code``, ``system``, ``version`` or ``display``."""
        return f"{self.path}.{part}" if self.path else part

    @property
    def whole(self) -> str:
        """Return the path of the coding."""
        return self.path or "code"

    def __str__(self) -> str:
        version = f"|{self.version}" if self.version else ""
        display = f" ('{self.display}')" if self.display else ""
        return f"{self.system or ''}{version}#{self.code}{display}"


@dataclass(frozen=True, kw_only=True)
class Hit:
    """The code found through one ``include``, with what is to be said of it."""

    member: Member
    remarks: tuple[Remark, ...] = ()

    @property
    def clean(self) -> bool:
        """Tell whether nothing speaks against it."""
        return all(r.severity != "error" for r in self.remarks)

    @property
    def sure(self) -> bool:
        """Tell whether the code was really seen: not in a system known in part, where it only may be."""
        return all(r.id != "UNKNOWN_CODE_IN_FRAGMENT" for r in self.remarks)

    @property
    def pair(self) -> tuple[str, str]:
        """Return system and code."""
        return self.member.system.url, self.member.concept.code


@dataclass(kw_only=True)
class Search:
    """The search of one code. ``blocked``: includes that could not be read; ``causes``: canonicals of the systems missing;
    ``dropped``: inactive members that are left out; ``abstract``: those that only group others;
    ``exact``: an include was read in the very version of the code."""

    scope: Scope
    given: Given
    blocked: list[Remark] = field(default_factory=list)
    causes: dict[str, None] = field(default_factory=dict)
    dropped: list[Hit] = field(default_factory=list)
    abstract: list[Hit] = field(default_factory=list)
    exact: bool = False

    def hits(self, value_set: Resource, through: tuple[str, ...] = ()) -> list[Hit]:
        """Return the ways in which the code belongs to a value set. Raises: Unusable, ValueSetUnknown."""
        self.scope.note_value_set(value_set, imported=bool(through))
        name = canonical(value_set)
        if (name in through and name != "(unidentified)") or len(through) > compose.IMPORT_DEPTH_MAX:
            raise faults.circular(value_set.get("url", name), list(through))
        definition = value_set.get("compose")
        if definition is None:
            return list(self._stored(value_set))
        within = (*through, name)
        found = [h for include in definition.get("include", ()) for h in self._include(value_set, include, within)]
        for exclude in definition.get("exclude", ()):
            found = _without(found, self._include(value_set, exclude, within), compose.exactness(value_set, exclude))
        if definition.get("inactive") is False:
            found = self.active(found)
        return found

    def in_system(self) -> list[Hit]:
        """Return the code in its system, no value set being given."""
        return self._own({"resourceType": "ValueSet"}, {"system": self.given.system})

    def active(self, found: list[Hit]) -> list[Hit]:
        """Return the hits that are active, and remember the others."""
        kept = [h for h in found if not h.member.system.inactive(h.member.concept)]
        self.dropped.extend(h for h in found if h not in kept)
        return kept

    def selectable(self, found: list[Hit]) -> list[Hit]:
        """Return the hits that may be chosen, and remember the others."""
        kept = [h for h in found if not h.member.system.abstract(h.member.concept)]
        self.abstract.extend(h for h in found if h not in kept)
        return kept

    def _stored(self, value_set: Resource) -> Iterator[Hit]:
        for member in compose.members(self.scope, value_set).values():
            if (member.system.url, member.concept.code) == (self.given.system, self.given.code):
                yield Hit(member=member)

    def _include(self, value_set: Resource, include: Resource, through: tuple[str, ...]) -> list[Hit]:
        imports = [
            self.hits(self.scope.value_set(url, within=value_set), through) for url in include.get("valueSet", ())
        ]
        if "system" not in include:
            own, imports = (imports[0], imports[1:]) if imports else ([], [])
        else:
            own = self._own(value_set, include) if include["system"] == self.given.system else []
        pairs = [{h.pair for h in found} for found in imports]
        return [h for h in own if all(h.pair in p for p in pairs)]

    def _own(self, value_set: Resource, include: Resource) -> list[Hit]:
        system, remarks = self.read(include.get("version"), include)
        if system is None:
            self.blocked.extend(remarks)
            return []
        self.exact = self.exact or (bool(self.given.version) and system.version == self.given.version)
        tests = [compile_filter(system, row, canonical(value_set)) for row in include.get("filter", ())]
        concept = system.find(self.given.code)
        listed = _listed(include, self.given.code, system, concept)
        if "concept" in include and listed is None:
            return []
        if concept is None and listed is not None and system.partial:
            concept = Concept(listed)
        if concept is None:
            return self._fragment(system, remarks)
        if not all(test(concept) for test in tests):
            return self._fragment(system, remarks) if tests else []
        return [Hit(member=Member(system, concept, listed, value_set), remarks=tuple(remarks))]

    def _fragment(self, system: CodeSystem, remarks: list[Remark]) -> list[Hit]:
        """A code that a fragment does not hold may be right all the same."""
        if not system.partial:
            return []
        unsure = remark(
            "UNKNOWN_CODE_IN_FRAGMENT",
            "warning",
            "code-invalid",
            "invalid-code",
            self.given.at("code"),
            said=False,
            code=self.given.code,
            system=system.url,
            version=system.version,
        )
        return [Hit(member=Member(system, Concept({"code": self.given.code})), remarks=(*remarks, unsure))]

    # versions

    def read(self, listed: str | None, include: Resource) -> tuple[CodeSystem | None, list[Remark]]:
        """Return the system to look the code up in, for an include that lists a version or not, and what is to be said."""
        url, scope = self.given.system or "", self.scope
        version = scope.pins.system(url, listed)
        if scope.open(url):
            known = scope.system(url, version)
            absent = known is None or known.content == "not-present"
            unlisted = self._unlisted(url, include) if absent else None
            if unlisted is not None:
                return unlisted, []
        system, remarks = self._pinned(url, version, listed) if version else self._free(url)
        if system is not None:
            scope.note_system(system)
            wanted = scope.pins.check.get(url)
            if wanted is not None and not versions.matches(wanted, system.version):
                remarks.append(self._refused(system, wanted))
        return system, remarks

    def _unlisted(self, url: str, include: Resource) -> CodeSystem | None:
        """Return what stands for a system that is not here: its grammar, or what the ``include`` enumerates of it."""
        return grammars.system_of(url, self.given.code) or grammars.listed_system(include)

    def _free(self, url: str) -> tuple[CodeSystem | None, list[Remark]]:
        given = self.given.version
        system = self.scope.system(url, given)
        if system is not None:
            return system, []
        latest = self.scope.system(url, None) if given else None
        if latest is None or given is None:
            return None, [self.unknown(given)]
        mismatch = self._mismatch("VALUESET_VALUE_MISMATCH_DEFAULT", latest.version, "warning")
        return latest, [mismatch, self.unknown(given)]

    def _pinned(self, url: str, version: str, listed: str | None) -> tuple[CodeSystem | None, list[Remark]]:
        given = self.given.version
        remarks: list[Remark] = []
        system = self.scope.system(url, version)
        if given and not versions.matches(version, given):
            id = "VALUESET_VALUE_MISMATCH" if version == listed else "VALUESET_VALUE_MISMATCH_CHANGED"
            remarks.append(self._mismatch(id, version, "error", listed or ""))
            if self.scope.system(url, given) is None:
                remarks.append(self.unknown(given))
        elif given and system is not None:
            system = self.scope.system(url, given) or system
        if system is None:
            remarks.append(self.unknown(version))
        return system, remarks

    def unknown(self, version: str | None) -> Remark:
        """Return the remark on a system, or a version of it, that is not known here; it becomes a cause."""
        url = self.given.system or ""
        supplement = self.scope.registry.supplement(url)
        if supplement is not None:
            at, name = self.given.at("system"), canonical(supplement)
            return remark("CODESYSTEM_CS_NO_SUPPLEMENT", "error", "invalid", "invalid-data", at, system=name)
        self.causes[f"{url}|{version}" if version else url] = None
        known = self.scope.registry.versions("CodeSystem", url)
        id = "UNKNOWN_CODESYSTEM"
        if version:
            id = "UNKNOWN_CODESYSTEM_VERSION" if known else "UNKNOWN_CODESYSTEM_VERSION_NONE"
        args: dict[str, Any] = {"system": url, "version": version, "known": listing(known) if known else ""}
        return remark(id, "error", "not-found", "not-found", self.given.at("system"), **args)

    def _mismatch(self, id: str, version: str, severity: str, listed: str = "") -> Remark:
        args: dict[str, Any] = {
            "system": self.given.system,
            "version": version,
            "given": self.given.version,
            "listed": listed,
        }
        at = self.given.at("version")
        if severity == "error":
            return remark(id, "error", "invalid", "vs-invalid", at, **args)
        return remark(id, "warning", "invalid", "vs-invalid", at, said=False, **args)

    def _refused(self, system: CodeSystem, wanted: str) -> Remark:
        args: dict[str, Any] = {"system": system.url, "version": system.version, "known": wanted}
        return remark("VALUESET_VERSION_CHECK", "error", "exception", "version-error", self.given.at("version"), **args)


def _listed(include: Resource, code: str, system: CodeSystem, concept: Concept | None) -> Resource | None:
    for row in include.get("concept", ()):
        if row["code"] == code or (concept is not None and system.find(row["code"]) is concept):
            return row  # type: ignore[no-any-return]
    return None


def _without(found: list[Hit], refused: list[Hit], exact: compose.Exact) -> list[Hit]:
    """Return the hits that an ``exclude`` leaves (the versions it removes: see ``compose.exactness``)."""
    refused = [h for h in refused if h.sure]
    keys, pairs = {h.member.key for h in refused}, {h.pair for h in refused}
    present = any(h.member.key in keys for h in found)
    if exact == "always" or (exact == "where present" and present):
        return [h for h in found if h.member.key not in keys]
    return [h for h in found if h.pair not in pairs]

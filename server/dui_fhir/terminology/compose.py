"""The members of a value set: includes, filters, imports, excludes. Source: FHIR R4, valueset.html#compositions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dui_fhir.terminology import faults
from dui_fhir.terminology.concepts import CodeSystem, Concept, Resource, extension
from dui_fhir.terminology.filters import compile_filter
from dui_fhir.terminology.scope import Scope, canonical

Key: TypeAlias = tuple[str, str, str]
"""System, version, code."""
Exact: TypeAlias = Literal["always", "where present", "never"]
IMPORT_DEPTH_MAX = 20


@dataclass(frozen=True, slots=True)
class Member:
    """A code of a value set. ``listed``: its entry in an enumeration. ``owner``: the value set that lists it."""

    system: CodeSystem
    concept: Concept
    listed: Resource | None = None
    owner: Resource | None = None

    @property
    def key(self) -> Key:
        """Identify the member."""
        return self.system.url, self.system.version, self.concept.code


Members: TypeAlias = dict[Key, Member]


def members(scope: Scope, value_set: Resource, through: tuple[str, ...] = ()) -> Members:
    """Return the members in the order of the value set. Raises: Unusable, ValueSetUnknown."""
    scope.note_value_set(value_set, imported=bool(through))
    name = canonical(value_set)
    if name in through and name != "(unidentified)" or len(through) > IMPORT_DEPTH_MAX:
        raise faults.circular(value_set.get("url", name), list(through))
    compose = value_set.get("compose")
    if compose is None:
        return {m.key: m for m in _stored(value_set)}
    found: Members = {}
    for include in compose.get("include", ()):
        for member in included(scope, value_set, include, (*through, name)):
            found.setdefault(member.key, member)
    for exclude in compose.get("exclude", ()) if found else ():
        refused = list(included(scope, value_set, exclude, (*through, name)))
        scope.merged = _subtract(found, refused, exactness(value_set, exclude)) or scope.merged
    if compose.get("inactive") is False:
        found = {key: m for key, m in found.items() if not m.system.inactive(m.concept)}
    return found


def merged(value_set: Resource) -> bool | None:
    """Tell whether a code counts as the same in all versions of its system; None where the value set does not say."""
    for row in (*value_set.get("extension", ()), *value_set.get("compose", {}).get("extension", ())):
        if (
            str(row.get("url", "")).endswith("/valueset-expansion-parameter")
            and extension(row, "name") == "versionsMatch"
        ):
            return bool(extension(row, "value") == "true")
    return None


def _subtract(found: Members, refused: Sequence[Member], exact: Exact) -> bool:
    """Remove members; True where one went that was refused in a version that the value set does not include."""
    crossed = False
    for member in refused:
        if exact == "always" or (exact == "where present" and member.key in found):
            found.pop(member.key, None)
            continue
        for key in [k for k in found if k[0] == member.system.url and k[2] == member.concept.code]:
            crossed = crossed or key != member.key
            del found[key]
    return crossed


def exactness(value_set: Resource, exclude: Resource) -> Exact:
    """Tell how an ``exclude`` takes the version of its system: a code refused in a version that is not included is refused
    in the others, unless the value set says otherwise."""
    if merged(value_set) is False:
        return "always"
    return "where present" if "version" in exclude else "never"


def included(scope: Scope, value_set: Resource, include: Resource, through: tuple[str, ...]) -> Iterator[Member]:
    """Yield the members of one ``include`` or ``exclude``."""
    imports = [members(scope, scope.value_set(url, within=value_set), through) for url in include.get("valueSet", ())]
    own = _own(scope, value_set, include) if "system" in include else None
    if own is None:
        own, imports = iter(imports[0].values() if imports else ()), imports[1:]
    codes = [{(m.system.url, m.concept.code) for m in found.values()} for found in imports]
    for member in own:
        if all((member.system.url, member.concept.code) in c for c in codes):
            yield member


def _own(scope: Scope, value_set: Resource, include: Resource) -> Iterator[Member]:
    system = scope.read(include["system"], include.get("version"), include)
    tests = [compile_filter(system, row, canonical(value_set)) for row in include.get("filter", ())]
    for concept, listed in candidates(system, include):
        if all(test(concept) for test in tests):
            yield Member(system, concept, listed, value_set)


def candidates(system: CodeSystem, include: Resource) -> Iterator[tuple[Concept, Resource | None]]:
    """Yield the concepts that an ``include`` lists, or all.

    Those that it lists and the system does not have are left out, unless the system is known in part only.
    """
    if "concept" not in include:
        yield from ((concept, None) for concept in system.concepts.values())
        return
    for listed in include["concept"]:
        concept = system.find(listed["code"])
        if concept is not None or system.partial:
            yield concept or Concept(listed), listed


def _stored(value_set: Resource) -> Iterator[Member]:
    """Yield the members of a value set that has an expansion and no definition."""
    rows = list(_flat(value_set.get("expansion", {}).get("contains", ())))
    systems: dict[tuple[str, str], list[Resource]] = {}
    for row in rows:
        systems.setdefault((row["system"], row.get("version", "")), []).append(row)
    for (url, version), own in systems.items():
        concepts = [{k: v for k, v in row.items() if k in ("code", "display", "designation")} for row in own]
        header = {
            "resourceType": "CodeSystem",
            "url": url,
            "version": version,
            "content": "fragment",
            "concept": concepts,
        }
        system = CodeSystem(header)
        for row in own:
            yield Member(system, system.concepts[row["code"]], row, value_set)


def _flat(rows: Sequence[Mapping[str, object]]) -> Iterator[Resource]:
    for row in rows:
        if "code" in row and "system" in row and row.get("abstract") is not True:
            yield row
        inside = row.get("contains")
        if isinstance(inside, list):
            yield from _flat(inside)

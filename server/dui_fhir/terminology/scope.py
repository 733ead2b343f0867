"""What one terminology request is evaluated with, and what it turned out to use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dui_fhir.terminology import faults, versions
from dui_fhir.terminology.concepts import PARTIAL, CodeSystem, Resource, extension
from dui_fhir.terminology.grammars import listed_system
from dui_fhir.terminology.languages import Languages
from dui_fhir.terminology.registry import Registry

SUPPLEMENT = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
_STATUSES = {"withdrawn": "withdrawn", "deprecated": "deprecated"}


def by_url(canonicals: Iterable[str]) -> dict[str, str]:
    """Return ``url → version`` of canonicals that carry one."""
    found = (versions.split(c) for c in canonicals)
    return {url: version for url, version in found if version is not None}


@dataclass(frozen=True, kw_only=True)
class Pins:
    """The versions that a request chooses, by canonical URL.

    ``default`` where nothing else says (``system-version``), ``check`` to be satisfied, ``force`` in place of what the value
    set says, ``value_sets`` for imports without version.
    """

    default: Mapping[str, str] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)
    value_sets: Mapping[str, str] = field(default_factory=dict)

    def system(self, url: str, listed: str | None) -> str | None:
        """Return the version of a system to read, given the one that the value set lists."""
        return self.force.get(url) or listed or self.default.get(url) or self.check.get(url)

    def used(self, url: str, listed: str | None) -> str | None:
        """Return the name of the parameter that decided of the version, None where none did."""
        if url in self.force:
            return "force-system-version"
        if listed:
            return None
        return "system-version" if url in self.default else "check-system-version" if url in self.check else None


@dataclass(kw_only=True)
class Scope:
    """A request under evaluation. ``used``: canonicals of what was read, in order, by kind of expansion parameter.

    ``merged``: codes were taken as the same across versions.
    """

    registry: Registry
    pins: Pins = field(default_factory=Pins)
    languages: Languages = field(default_factory=Languages)
    supplements: tuple[str, ...] = ()
    used: dict[str, dict[str, None]] = field(default_factory=dict)
    merged: bool = False

    def note(self, name: str, canonical: str) -> None:
        """Remember what was used."""
        self.used.setdefault(name, {})[canonical] = None

    def system(self, url: str, version: str | None) -> CodeSystem | None:
        """Return a code system with the supplements in force, None where not known."""
        offered = (
            self.registry.supplements_in(url, [r.split("-")[0] for r in self.languages.ranges])
            if self.languages
            else []
        )
        found = self.registry.code_system(url, version, list(dict.fromkeys([*self.supplements, *offered])))
        return None if found is None or found.content == "supplement" else found

    def read(self, url: str, listed: str | None, include: Resource | None = None) -> CodeSystem:
        """Return the code system of an ``include``. Raises: Unusable where it is not known or its version refused.

        A system that is not known at all is what ``include`` enumerates of it.
        """
        version = self.pins.system(url, listed)
        decided = self.pins.used(url, listed)
        if decided is not None:
            self.note(decided, f"{url}|{version}")
        found = self.system(url, version)
        listed_only = listed_system(include) if include is not None and self.open(url) else None
        if listed_only is not None and (found is None or found.content == "not-present"):
            return listed_only
        if found is None or found.content == "not-present":
            raise faults.system_unknown(url, version, self.registry.versions("CodeSystem", url))
        wanted = self.pins.check.get(url)
        if wanted is not None and not versions.matches(wanted, found.version):
            raise faults.version_refused(url, found.version, wanted)
        self.note_system(found)
        return found

    def open(self, url: str) -> bool:
        """Tell whether a code system is unknown here, or known in part only."""
        found = self.registry.resource("CodeSystem", url)
        return found is None or found.get("content") in PARTIAL

    def note_system(self, system: CodeSystem) -> None:
        """Remember that a code system was used, with what its status deserves."""
        self.note("used-codesystem", canonical(system.header))
        self._warn(system.header)
        if system.content == "fragment":
            self.note("used-fragment", canonical(system.header))
        for supplement in system.supplements:
            self.note("used-supplement", canonical(supplement))

    def note_value_set(self, resource: Resource, *, imported: bool) -> None:
        """Remember that a value set was used."""
        if imported and self.registry.versions("ValueSet", resource.get("url", "")):
            self.note("used-valueset", canonical(resource))
        self._warn(resource)

    def _warn(self, resource: Resource) -> None:
        for status in statuses(resource):
            if status in ("withdrawn", "deprecated", "experimental") or resource["resourceType"] == "CodeSystem":
                self.note(f"warning-{status}", canonical(resource))

    def value_set(self, url: str, version: str | None = None, within: Resource | None = None) -> Resource:
        """Return a value set by canonical, or by ``#id`` among those contained in another. Raises: ValueSetUnknown."""
        for contained in (within or {}).get("contained", ()) if url.startswith("#") else ():
            if contained.get("id") == url[1:] and contained.get("resourceType") == "ValueSet":
                return contained  # type: ignore[no-any-return]
        bare, inside = versions.split(url)
        wanted = version or inside or self.pins.value_sets.get(bare)
        found = self.registry.value_set(bare, wanted)
        if found is None:
            raise faults.value_set_unknown(f"{bare}|{wanted}" if wanted else bare)
        return found

    def require_supplements(self, resource: Resource | None = None) -> None:
        """Put in force the supplements that a value set asks for. Raises: Unusable where one, or one asked, is not known."""
        asked = list(self.supplements)
        for found in (resource or {}).get("extension", ()):
            if found.get("url") == SUPPLEMENT:
                asked.append(extension({"extension": [found]}, SUPPLEMENT))
        for one in asked:
            if self.registry.supplement(one) is None:
                raise faults.supplement_unknown(one)
        self.supplements = tuple(dict.fromkeys(asked))


def canonical(resource: Resource) -> str:
    """Return ``url|version``, or the URL alone; ``(unidentified)`` stands for a resource without URL."""
    url = resource.get("url")
    if url is None:
        return "(unidentified)"
    return f"{url}|{resource['version']}" if resource.get("version") else str(url)


STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"


def statuses(resource: Resource) -> Sequence[str]:
    """Return what is to be told of the state of a resource: deprecated, withdrawn, draft, experimental."""
    marked = extension(resource, STANDARDS_STATUS)
    if marked in _STATUSES:
        return (marked,)
    if resource.get("status") == "retired":
        return ("deprecated",) if resource["resourceType"] == "CodeSystem" else ("withdrawn",)
    if resource.get("experimental") is True:
        return ("experimental",)
    return ("draft",) if resource.get("status") == "draft" else ()

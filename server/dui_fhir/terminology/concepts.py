"""A CodeSystem indexed for lookups: concepts by code, hierarchy both ways. Source: FHIR R4, codesystem.html."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Resource: TypeAlias = Mapping[str, Any]

STANDARD = "http://hl7.org/fhir/concept-properties#"
STATUS_EXTENSION = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
PARTIAL = frozenset({"fragment", "example", "not-present"})
_INACTIVE = frozenset({"retired", "inactive"})


def fold(text: str) -> str:
    """Return a text without case, accents or ligatures, for comparisons by people (``Éducateur`` → ``educateur``)."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return _MARKS.sub("", spread)


def value_of(element: Resource) -> tuple[str, Any]:
    """Return the name and the content of a ``value[x]``; ``("", None)`` where there is none."""
    for name, content in element.items():
        if name.startswith("value"):
            return name, content
    return "", None


def extension(element: Resource, url: str) -> Any:
    """Return the value of the first extension of this URL, None without."""
    for found in element.get("extension", ()):
        if found.get("url") == url:
            return value_of(found)[1]
    return None


class Concept:
    """One concept. ``properties``, ``designations`` and ``extensions`` are FHIR elements, to be read only."""

    __slots__ = ("children", "code", "definition", "designations", "display", "extensions", "parents", "properties")

    def __init__(self, element: Resource) -> None:
        self.code: str = element["code"]
        self.display: str | None = element.get("display")
        self.definition: str | None = element.get("definition")
        self.designations: Sequence[Resource] = element.get("designation", ())
        self.properties: Sequence[Resource] = element.get("property", ())
        self.extensions: Sequence[Resource] = element.get("extension", ())
        self.parents: list[str] = []
        self.children: list[str] = []

    @property
    def standards_status(self) -> str | None:
        """Return ``deprecated``, ``withdrawn``… as its extension says."""
        return extension({"extension": self.extensions}, STATUS_EXTENSION)  # type: ignore[no-any-return]


class CodeSystem:
    """A CodeSystem with its supplements. ``header``: the resource, without need for its concepts."""

    def __init__(self, resource: Resource, supplements: Sequence[Resource] = ()) -> None:
        self.header = resource
        self.url: str = resource["url"]
        self.version: str = resource.get("version", "")
        self.language: str | None = resource.get("language")
        self.content: str = resource.get("content", "complete")
        self.case_sensitive: bool = resource.get("caseSensitive", True)
        self.supplements = tuple(supplements)
        self.concepts: dict[str, Concept] = {}
        self.origins: dict[int, str] = {}
        """Canonical of the supplement that a designation comes from, by the identity of the designation."""
        self._names = {p["uri"]: p["code"] for p in resource.get("property", ()) if "uri" in p}
        self._add(resource.get("concept", ()), None)
        for supplement in supplements:
            self._supplement(supplement.get("concept", ()), supplement)
        self._link()
        self._searched: dict[str, str] = {}
        self._folded = None if self.case_sensitive else {c.casefold(): c for c in self.concepts}

    def _add(self, elements: Iterable[Resource], parent: Concept | None) -> None:
        for element in elements:
            concept = self.concepts.setdefault(element["code"], Concept(element))
            if parent is not None:
                concept.parents.append(parent.code)
                parent.children.append(concept.code)
            self._add(element.get("concept", ()), concept)

    def _supplement(self, elements: Iterable[Resource], supplement: Resource) -> None:
        for element in elements:
            concept = self.concepts.get(element["code"])
            if concept is not None:
                added = [self._said(d, supplement.get("language")) for d in element.get("designation", ())]
                self.origins |= {id(d): _canonical(supplement) for d in added}
                concept.designations = [*concept.designations, *added]
                concept.properties = [*concept.properties, *element.get("property", ())]
                concept.extensions = [*concept.extensions, *element.get("extension", ())]
            self._supplement(element.get("concept", ()), supplement)

    @staticmethod
    def _said(designation: Resource, language: str | None) -> Resource:
        return designation if "language" in designation or not language else {"language": language, **designation}

    def _link(self) -> None:
        """Follow the ``parent`` and ``child`` properties of systems that do not nest their concepts."""
        for concept in self.concepts.values():
            for other in self._linked(concept, "parent"):
                _edge(other, concept)
            for other in self._linked(concept, "child"):
                _edge(concept, other)

    def _linked(self, concept: Concept, kind: str) -> Iterator[Concept]:
        for value in self.values(concept, kind) if concept.properties else ():
            other = self.concepts.get(value) if isinstance(value, str) else None
            if other is not None and other is not concept:
                yield other

    @property
    def partial(self) -> bool:
        """Tell whether codes that are not here may exist all the same."""
        return self.content in PARTIAL

    def find(self, code: str) -> Concept | None:
        """Return the concept of a code, case put aside where the system says so."""
        found = self.concepts.get(code)
        if found is None and self._folded is not None:
            return self.concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def searched(self, concept: Concept) -> str:
        """Return the code, display and designations of a concept, folded, one a line: what a text filter looks into."""
        found = self._searched.get(concept.code)
        if found is None:
            texts = [concept.code, concept.display or "", *(d.get("value", "") for d in concept.designations)]
            found = self._searched[concept.code] = fold("\n".join(texts))
        return found

    def values(self, concept: Concept, name: str) -> list[Any]:
        """Return the values of a property, by its code or by the code that stands for it in this system."""
        codes = {name, self._names.get(STANDARD + name, name)}
        return [value_of(p)[1] for p in concept.properties if p["code"] in codes]

    def abstract(self, concept: Concept) -> bool:
        """Tell whether the concept only groups others."""
        return any(v is True for v in self.values(concept, "notSelectable")) or (
            "abstract" in self._names.values() and True in self.values(concept, "abstract")
        )

    def status(self, concept: Concept) -> str | None:
        """Return the ``status`` of the concept."""
        found = self.values(concept, "status")
        return str(found[0]) if found else None

    def inactive(self, concept: Concept) -> bool:
        """Tell whether the concept must no longer be chosen."""
        return any(v in (True, "true") for v in self.values(concept, "inactive")) or self.status(concept) in _INACTIVE

    def deprecated(self, concept: Concept) -> bool:
        """Tell whether the concept is on its way out."""
        return "deprecated" in (self.status(concept), concept.standards_status)

    def descendants(self, code: str) -> list[str]:
        """Return the codes below, nearest first, each once, without the code itself."""
        return self._walk(code, down=True)

    def ancestors(self, code: str) -> list[str]:
        """Return the codes above, nearest first, each once, without the code itself."""
        return self._walk(code, down=False)

    def _walk(self, code: str, *, down: bool) -> list[str]:
        found: dict[str, None] = {code: None}
        queue = [code]
        for current in queue:
            concept = self.concepts.get(current)
            if concept is None:
                continue
            for other in concept.children if down else concept.parents:
                if other not in found:
                    found[other] = None
                    queue.append(other)
        return [c for c in found if c != code]


def _canonical(resource: Resource) -> str:
    return f"{resource['url']}|{resource['version']}" if resource.get("version") else str(resource["url"])


def _edge(parent: Concept, child: Concept) -> None:
    if parent.code not in child.parents:
        child.parents.append(parent.code)
    if child.code not in parent.children:
        parent.children.append(child.code)

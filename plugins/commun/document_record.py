"""A person's file as a document reads it: what may be printed, and nothing else.

Left out of every gathered section, whoever asks: what is labelled very restricted or of a category that no liaison document
shows (harm reduction, child protection reports, psychologist's notes, money, judicial pieces), and what is about another
person. A document made from such a resource itself (a DIPM, a report) still shows that resource: its own stance keeps it in.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from html import unescape
from re import sub as replaced
from typing import Any, Final

from dui_fhir.api import Context, DocumentKind, LegalMeasure, Resource

from .document_head import is_anonymous, is_protected, may_be_printed
from .document_text import human_name, items, part, text
from .gatherer import Gatherer, reference_of
from .lenient import codes

SILENT_MEASURES: Final = ("injonction-therapeutique",)
ABSENT: Final = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
MANY: Final = frozenset({"DocumentReference", "Encounter", "Observation", "QuestionnaireResponse"})
"""Types of which a file may hold more than an internal search returns at once: a home service writes an Encounter per visit."""
_STAYING: Final = ("active", "in-progress", "arrived", "onleave", "onhold")


class Record:
    """What the sections read: ``target`` is the resource the document is made from, ``given`` the inputs of the request."""

    def __init__(
        self, target: Resource, patient: Resource, context: Context, kind: DocumentKind, given: Mapping[str, str]
    ) -> None:
        self.target, self.patient, self.context = target, patient, context
        self.kind, self.given = kind, given
        self.gather = Gatherer(context.reader)
        self.sources: dict[str, Resource] = {}
        self.entries: dict[str, list[str]] = {}
        self._shown: list[str] = []
        self._held: dict[str, list[Resource]] = {}

    @property
    def person(self) -> str:
        """``Patient/id``."""
        return reference_of(self.patient)

    @property
    def anonymous(self) -> bool:
        """True for a person received anonymously."""
        return is_anonymous(self.patient)

    @property
    def protected(self) -> bool:
        """True where the person's address is protected."""
        return is_protected(self.patient)

    def of(self, type: str, *params: tuple[str, str]) -> list[Resource]:
        """Return what may be printed of the person's resources of a type; each is noted as a source of the document."""
        key = f"{type}{params}"
        if key not in self._held:
            look = self.gather.every if type in MANY else self.gather.search
            found = look(type, ("patient", self.person), *params)
            self._held[key] = [r for r in found if may_be_printed(r, self.context)]
        return self._held[key]

    def use(self, resources: Iterable[Resource]) -> Iterator[Resource]:
        """Yield resources, noting them as what the document shows."""
        for resource in resources:
            self.sources[reference_of(resource)] = resource
            self._shown.append(reference_of(resource))
            yield resource

    def close_section(self, id: str) -> None:
        """Note what was used since the last call as what this section shows."""
        self.entries[id] = list(dict.fromkeys(self._shown))
        self._shown = []

    @cached_property
    def stay(self) -> Resource | None:
        """The current stay of the person: the newest EpisodeOfCare or Encounter that runs."""
        found = [*self.of("EpisodeOfCare"), *self.of("Encounter", ("status", "arrived,in-progress,onleave"))]
        running = [s for s in found if text(s.get("status")) in _STAYING and not s.get("partOf")]
        return max(running, key=lambda s: text(part(s, "period", "start")), default=None)

    @cached_property
    def measures(self) -> list[LegalMeasure]:
        """The legal measures that a document may name."""
        silent = self.context.parameters.get("commun.documents_mesures_tues", SILENT_MEASURES)
        found = [LegalMeasure.of(b) for b in self.of("Basic", ("code", "urn:dui-fhir:objet|mesure"))]
        today = self.context.now.date()
        return [m for m in found if m and m.type not in silent and (m.ended is None or m.ended >= today)]

    def since(self, days: int) -> str:
        """Return the criterion of dates not older than that."""
        return f"ge{(self.context.now.date() - timedelta(days=days)).isoformat()}"

    @cached_property
    def composition(self) -> Resource:
        """The Composition that gives the words of the sections: the target, else the person's newest of the kind's type."""
        if self.target.get("resourceType") == "Composition":
            return self.target
        wanted = self.kind.type.get("code", "")
        found = [
            c
            for c in self.of("Composition", ("type", f"{self.kind.type.get('system')}|{wanted}"))
            if self._same_nature(c)
        ]
        return max(found, key=lambda c: text(c.get("date")), default={})

    def _same_nature(self, composition: Resource) -> bool:
        return self.kind.category is None or self.kind.category["code"] in codes(composition.get("category"))

    def section_words(self, *wanted: str) -> str:
        """Return the narrative of the section of the composition that has one of these codes."""
        for section in items(self.composition.get("section")):
            if codes(section.get("code")) & set(wanted):
                return narrative(section)
        return ""


def narrative(section: Mapping[str, Any]) -> str:
    """Return the text of a section without its markup, else why it is empty, else the displays of its entries."""
    said = plain_text(text(part(section, "text", "div")))
    why = _empty_reason(section)
    if why:
        return why
    if said and said.casefold() != "non renseigné":
        return said
    return "\n".join(text(e.get("display")) for e in items(section.get("entry")) if e.get("display"))


_REASONS: Final = {
    "nilknown": "Aucun connu à ce jour", "notasked": "Question non posée", "withheld": "Non communiqué",
    "unavailable": "Information indisponible", "notstarted": "Recueil non commencé", "closed": "Clos",
}  # fmt: skip


def _empty_reason(section: Mapping[str, Any]) -> str:
    reason = section.get("emptyReason")
    words = text(part(reason, "text"))
    return words or next((_REASONS[c] for c in sorted(codes(reason)) if c in _REASONS), "")


def plain_text(div: str) -> str:
    """Return the words of an XHTML narrative, a line for each block."""
    lines = replaced(r"</?(p|div|br|tr|h[1-6]|ul|ol|table|tbody)\b[^>]*>", "\n", div)
    lines = replaced(r"<li\b[^>]*>", "\n- ", lines)
    lines = replaced(r"</t[dh]>", "  ", lines)
    bare = unescape(replaced(r"<[^>]+>", "", lines))
    kept = [" ".join(line.split()) for line in bare.split("\n")]
    return "\n".join(line for line in kept if line and line != "-")


def phone_of(resource: Mapping[str, Any]) -> str:
    """Return the phone numbers of a person, the preferred first."""
    found = [t for t in items(resource.get("telecom")) if t.get("system") in ("phone", "sms")]
    ranked = sorted(found, key=lambda t: t["rank"] if isinstance(t.get("rank"), int) else 99)
    return ", ".join(dict.fromkeys(text(t.get("value")) for t in ranked if t.get("value")))


def name_of(resource: Mapping[str, Any] | None, display: Any = "") -> str:
    """Return the name of a person or organisation, else the ``display`` of the reference that led there."""
    names = part(resource, "name")
    found = next((w for n in items(names) if (w := human_name(n))), "") or text(names)
    return found or text(part(display, "display"))

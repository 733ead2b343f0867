"""ebRIM 3.0 objects of a submission, read without interpretation.

Sources: OASIS ebXML RegRep 3.0 (rim.xsd, lcm.xsd), IHE ITI TF-3 §4.2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dui_fhir.simulators.soap import Element

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"

DOCUMENT_TYPE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
SUBMISSION_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One ``rs:RegistryError``. ``location`` is an ebXML object id or a path."""

    code: str
    text: str
    location: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification:
    """One ``rim:Classification``."""

    id: str
    owner: str
    scheme: str
    node: str
    code: str
    display: str
    slots: Mapping[str, tuple[str, ...]]

    @property
    def pair(self) -> tuple[str, str]:
        """Return (code, coding scheme)."""
        return self.code, "".join(self.slots.get("codingScheme", ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalId:
    """One ``rim:ExternalIdentifier``."""

    id: str
    owner: str
    scheme: str
    name: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryObject:
    """An ExtrinsicObject, RegistryPackage or Association."""

    id: str
    kind: str  # local name of the element
    attributes: Mapping[str, str]
    slots: Mapping[str, tuple[str, ...]]
    repeated_slots: tuple[str, ...]
    title: str
    comments: str
    classifications: tuple[Classification, ...]
    external_ids: tuple[ExternalId, ...]
    element: Element = field(compare=False, repr=False)

    def parts(self) -> Iterator[Classification | ExternalId]:
        """Yield what is attached to the object."""
        yield from self.classifications
        yield from self.external_ids

    def one(self, slot: str) -> str:
        """Return the first value of a slot, or an empty text."""
        return next(iter(self.slots.get(slot, ())), "")

    def classified(self, scheme: str) -> list[Classification]:
        """Return the classifications of one scheme."""
        return [c for c in self.classifications if c.scheme == scheme]

    def external(self, scheme: str) -> str:
        """Return the value of the first external identifier of one scheme, or an empty text."""
        return next((e.value for e in self.external_ids if e.scheme == scheme), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What ``lcm:SubmitObjectsRequest`` holds."""

    packages: tuple[RegistryObject, ...]
    entries: tuple[RegistryObject, ...]
    associations: tuple[RegistryObject, ...]
    others: tuple[str, ...]  # tags that have no place in a DMP submission

    def objects(self) -> Iterator[RegistryObject]:
        """Yield every object."""
        yield from (*self.packages, *self.entries, *self.associations)


def submission(request: Element) -> Submission:
    """Read a ``lcm:SubmitObjectsRequest`` element."""
    found: dict[str, list[RegistryObject]] = {"RegistryPackage": [], "ExtrinsicObject": [], "Association": []}
    others: list[str] = []
    for child in request.iterfind(f"{{{RIM}}}RegistryObjectList/*"):
        local = str(child.tag).removeprefix(f"{{{RIM}}}") if isinstance(child.tag, str) else ""
        if local in found:
            found[local].append(_object(child, local))
        elif local and not (local == "Classification" and child.get("classificationNode") == SUBMISSION_SET_NODE):
            others.append(str(child.tag))
    _adopt_markers(request, found["RegistryPackage"])
    return Submission(
        packages=tuple(found["RegistryPackage"]),
        entries=tuple(found["ExtrinsicObject"]),
        associations=tuple(found["Association"]),
        others=tuple(others),
    )


def _adopt_markers(request: Element, packages: list[RegistryObject]) -> None:
    """The marker of a submission set may stand inside its package or beside it: both are valid ebRIM."""
    loose = [_classification(c) for c in request.iterfind(f"{{{RIM}}}RegistryObjectList/{{{RIM}}}Classification")]
    for index, package in enumerate(packages):
        mine = tuple(c for c in loose if c.owner == package.id)
        if mine:
            fields = {name: getattr(package, name) for name in package.__slots__}
            packages[index] = RegistryObject(**{**fields, "classifications": (*package.classifications, *mine)})


def _object(element: Element, kind: str) -> RegistryObject:
    names = [str(s.get("name", "")) for s in element.iterfind(f"{{{RIM}}}Slot")]
    return RegistryObject(
        id=element.get("id", ""),
        kind=kind,
        attributes={str(name): str(value) for name, value in element.attrib.items()},
        slots=_slots(element),
        repeated_slots=tuple(sorted({name for name in names if names.count(name) > 1})),
        title=_localized(element, "Name"),
        comments=_localized(element, "Description"),
        classifications=tuple(_classification(c) for c in element.iterfind(f"{{{RIM}}}Classification")),
        external_ids=tuple(_external_id(e) for e in element.iterfind(f"{{{RIM}}}ExternalIdentifier")),
        element=element,
    )


def _slots(element: Element) -> dict[str, tuple[str, ...]]:
    return {
        str(slot.get("name", "")): tuple(
            (value.text or "").strip() for value in slot.iterfind(f"{{{RIM}}}ValueList/{{{RIM}}}Value")
        )
        for slot in element.iterfind(f"{{{RIM}}}Slot")
    }


def _localized(element: Element, name: str) -> str:
    found = element.find(f"{{{RIM}}}{name}/{{{RIM}}}LocalizedString")
    return "" if found is None else str(found.get("value", ""))


def _classification(element: Element) -> Classification:
    return Classification(
        id=element.get("id", ""),
        owner=element.get("classifiedObject", ""),
        scheme=element.get("classificationScheme", ""),
        node=element.get("classificationNode", ""),
        code=element.get("nodeRepresentation", ""),
        display=_localized(element, "Name"),
        slots=_slots(element),
    )


def _external_id(element: Element) -> ExternalId:
    return ExternalId(
        id=element.get("id", ""),
        owner=element.get("registryObject", ""),
        scheme=element.get("identificationScheme", ""),
        name=_localized(element, "Name"),
        value=element.get("value", ""),
    )

"""A part of a resource: ``_elements`` and ``_summary``. Source: FHIR R4, search.html#summary and #elements."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from dui_fhir.definitions import element_table, summary_elements
from dui_fhir.definitions.children import keys
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.version import Version
from dui_fhir.service.message import Params

Summary = Literal["true", "false", "text", "data", "count"]
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The part asked for; the whole where nothing is set."""

    summary: Summary | None = None
    elements: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """True where stored bytes may be served as they are."""
        return not self.elements and self.summary in (None, "false")


def wanted(params: Params) -> Wanted:
    """Return the part that ``_summary`` and ``_elements`` ask for. Raises: BadRequest (``core-summary-invalid``)."""
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    for name, value in params:
        if name == "_summary":
            summary = _summary(value)
        elif name == "_elements":
            elements += tuple(e.strip() for e in value.split(",") if e.strip())
    return Wanted(summary=summary, elements=elements)


def _summary(value: str) -> Summary:
    match value:
        case "true" | "false" | "text" | "data" | "count":
            return value
    raise BadRequest.of(
        "core-summary-invalid", "_summary vaut true, false, text, data ou count.", "_summary has an unknown value"
    )


def of_version(version: Version, part: Wanted) -> Resource | bytes | None:
    """Return the stored bytes, or the part of the resource."""
    return version.body if part.whole else of_resource(version.resource(), part)


def of_resource(resource: Resource, part: Wanted) -> Resource:
    """Return a copy holding only the part, marked SUBSETTED."""
    if part.whole:
        return resource
    type = resource["resourceType"]
    if part.summary == "data":
        return _marked({k: v for k, v in resource.items() if k != "text"})
    if part.elements:
        return _kept(resource, {e.removeprefix(f"{type}.").split(".")[0] for e in part.elements} | _mandatory(type))
    if part.summary == "text":
        return _kept(resource, {"text"} | _mandatory(type))
    return _kept(resource, summary_elements(type))


def _kept(resource: Resource, names: Collection[str]) -> Resource:
    wanted = {name.removesuffix("[x]") for name in names} | {"resourceType", "id", "meta"}
    elements = keys(resource["resourceType"])

    def name_of(key: str) -> str:
        # valueString is of the element value, _birthDate of birthDate
        known = elements.get(key.removeprefix("_"))
        return known[0].name if known else key

    return _marked({key: value for key, value in resource.items() if name_of(key) in wanted})


def _mandatory(type: str) -> frozenset[str]:
    return frozenset(element.name for element in element_table(type).children(type) if element.min)


def _marked(resource: Resource) -> Resource:
    meta = dict(resource.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), _SUBSETTED]
    return {**resource, "meta": meta}

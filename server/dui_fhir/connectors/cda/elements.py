"""The parts of a CDA header that come back in several places: codes, times, people, structures.

Source: CI-SIS, volet Structuration minimale V1.16.8, §author, custodian, legalAuthenticator, documentationOf.
"""

from datetime import datetime

from dui_fhir.connectors.cda.values import Device, Moment, Organization, PersonName, Professional
from dui_fhir.connectors.markup import Element, maker
from dui_fhir.connectors.nomenclature import Code

HL7 = "urn:hl7-org:v3"
PEOPLE = "1.2.250.1.71.4.2.1"
STRUCTURES = "1.2.250.1.71.4.2.2"
_NAMES = {"2.16.840.1.113883.6.1": "LOINC"}

el = maker(HL7)


def time_text(moment: Moment) -> str:
    """Return a CDA time: to the second with its offset (``20260615143000+0200``), or a day (``20260615``)."""
    if isinstance(moment, datetime):
        return moment.strftime("%Y%m%d%H%M%S%z")[:19]
    return moment.strftime("%Y%m%d")


def time(tag: str, moment: Moment | None) -> Element:
    """Return a time element, ``nullFlavor="UNK"`` where unknown."""
    return el(tag, value=time_text(moment)) if moment is not None else el(tag, nullFlavor="UNK")


def interval(start: Moment | None, stop: Moment | None) -> Element:
    """Return an ``effectiveTime`` with what is known of its bounds."""
    if start is None and stop is None:
        return el("effectiveTime", nullFlavor="UNK")
    return el("effectiveTime", time("low", start), time("high", stop) if stop is not None else None)


def coded(tag: str, code: Code | None) -> Element | None:
    """Return a coded element; None where there is no code."""
    if code is None:
        return None
    return el(
        tag,
        code=code.code,
        codeSystem=code.system,
        codeSystemName=_NAMES.get(code.system),
        displayName=code.display,
    )


def identifier(root: str, extension: str | None = None) -> Element:
    """Return an ``id``."""
    return el("id", root=root, extension=extension)


def name(person: PersonName) -> Element:
    """Return the name of someone who is not the patient."""
    return el(
        "name",
        el("prefix", person.prefix) if person.prefix else None,
        el("given", person.given) if person.given else None,
        el("family", person.family),
        el("suffix", person.suffix) if person.suffix else None,
    )


def organization(tag: str, of: Organization, practice: Code | None = None) -> Element:
    """Return a structure; ``practice`` only for the main performer's."""
    return el(tag, identifier(STRUCTURES, of.id), el("name", of.name), coded("standardIndustryClassCode", practice))


def entity(tag: str, who: Professional | Device, of: Organization, practice: Code | None = None) -> Element:
    """Return an ``assignedAuthor`` or ``assignedEntity``: the professional's coordinates are not asked for."""
    if isinstance(who, Device):
        actor = el("assignedAuthoringDevice", el("manufacturerModelName", who.model), el("softwareName", who.software))
    else:
        actor = el("assignedPerson", name(who.name))
    return el(
        tag,
        identifier(PEOPLE, who.id),
        coded("code", who.code),
        el("addr", nullFlavor="NASK"),
        el("telecom", nullFlavor="NASK"),
        actor,
        organization("representedOrganization", of, practice),
    )

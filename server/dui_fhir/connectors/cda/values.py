"""All that a document says of itself, already in the national codes: what CDA and XDS metadata are both built from."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from dui_fhir.connectors.nomenclature import Code

Moment: TypeAlias = datetime | date
"""An aware datetime, or a day where the hour is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonName:
    """``prefix`` is a civility (``M``, ``MME``), ``suffix`` a title (``DR``)."""

    family: str
    given: str = ""
    prefix: str | None = None
    suffix: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Organization:
    """``id`` is a Struct_IdNat (``1<FINESS>``, ten characters)."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Professional:
    """``id`` is a PS_IdNat: ``8<RPPS>``, or without RPPS ``3<FINESS>/<id in the structure>``; ``code`` of JDV_J01."""

    id: str
    name: PersonName
    code: Code


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The software of a structure as author: ``id`` is ``3<FINESS>/<id of the system>``."""

    id: str
    model: str
    software: str
    code: Code


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who wrote, for which structure, when."""

    who: Professional | Device
    organization: Organization
    time: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Signatory:
    """Who signed; ``time`` is that of the signature."""

    who: Professional
    organization: Organization
    time: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """A person with a qualified identity: ``ins`` has 15 characters, ``ins_oid`` tells its kind.

    ``given`` is the list of birth given names separated by spaces, ``first_given`` the first; ``sex`` is ``M``, ``F`` or
    ``UN``; ``birthplace`` the INSEE code; ``local_id`` an ``(oid, value)`` of the structure; ``address`` up to seven lines;
    ``telecom`` values with their prefix (``tel:``, ``mailto:``).
    """

    ins: str
    ins_oid: str
    family: str
    given: str
    first_given: str
    birth_date: date
    sex: str
    birthplace: str
    used_family: str | None = None
    used_given: str | None = None
    local_id: tuple[str, str] | None = None
    address: tuple[str, ...] = ()
    telecom: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """The main act: ``performer`` for ``organization``; ``practice`` is its setting (JDV_J04)."""

    start: Moment
    stop: Moment | None
    performer: Professional
    organization: Organization
    practice: Code
    code: Code | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """The stay: ``facility`` is the sector of activity (JDV_J02); ``id`` an ``(oid, value)``; unknown bounds are None."""

    facility: Code
    start: Moment | None = None
    stop: Moment | None = None
    id: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Relative:
    """Who gave information: ``kind`` is ``ECON`` (emergency contact), ``NOK`` (personne de confiance) or ``CAREGIVER``."""

    kind: str
    name: PersonName
    relationship: Code | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CdaInput:
    """One version of one document.

    ``unique_id`` and ``set_id`` are OIDs of at most 64 characters; ``version`` counts from 1; ``replaces`` is the unique id of
    the version replaced; ``content`` the bytes of a PDF/A-1.
    """

    unique_id: str
    set_id: str
    version: int
    title: str
    type: Code
    created: datetime
    confidentiality: Code
    patient: Patient
    authors: tuple[Author, ...]
    custodian: Organization
    legal_authenticator: Signatory
    act: Act
    stay: Stay
    content: bytes
    media_type: str = "application/pdf"
    replaces: str | None = None
    authenticators: tuple[Signatory, ...] = ()
    informants: tuple[Relative, ...] = ()

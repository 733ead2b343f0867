"""What enters and leaves an interaction: plain records, whatever carries them (HTTP, an entry of a Bundle, a command)."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal, TypeAlias

from dui_fhir.domain.actor import SYSTEM, Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.value import dataclass

Params: TypeAlias = tuple[tuple[str, str], ...]
"""Decoded query parameters, in the order given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The conditional headers, as sent; None = absent. Source: FHIR R4, http.html#concurrency and #ccreate."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: str | None = None
    if_modified_since: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefer:
    """The ``Prefer`` header. ``answer`` "" = not said. Source: FHIR R4, http.html#ops and search.html#errors."""

    answer: Literal["", "minimal", "representation", "OperationOutcome"] = ""
    handling: Literal["", "strict", "lenient"] = ""
    respond_async: bool = False


UNCONDITIONAL = Conditions()
NO_PREFERENCE = Prefer()


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceRequest:
    """One interaction asked for.

    ``path`` is below the FHIR base of the tenant, without slashes at its ends (``Patient/1``); ``base_url`` is that base. The
    content is either ``resource`` (already parsed) or ``body`` bytes of type ``media``. ``accept``: the media types of a client
    that wants a Binary in its own type, else empty. ``request_key``: a caller's own idempotency key, at most 200 characters.
    ``security_context``: what decides who may see a Binary sent in its own type (``Type/id``). ``reprise``: decision D7.
    """

    tenant: str
    method: str
    path: str
    base_url: str
    params: Params = ()
    body: bytes = b""
    media: str = ""
    resource: Resource | None = None
    accept: str = ""
    conditions: Conditions = UNCONDITIONAL
    prefer: Prefer = NO_PREFERENCE
    security_context: str = ""
    actor: Actor = SYSTEM
    request_key: str | None = None
    reprise: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceResponse:
    """What came of it. ``body``: a resource, its JSON bytes, native bytes (then ``media``), or nothing; ``file``: instead of a
    body, a file of type ``media`` to be streamed.

    ``version`` and ``instant_ms`` give ETag and Last-Modified; ``location`` is relative to the FHIR base. ``issues`` are
    the remarks of a success.
    """

    status: int
    body: Resource | bytes | None = None
    media: str = "application/fhir+json"
    file: Path | None = None
    version: int | None = None
    instant_ms: int | None = None
    location: str | None = None
    issues: tuple[Issue, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

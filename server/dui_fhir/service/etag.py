"""Versions as entity tags: ``W/"3"``. Source: FHIR R4, http.html#concurrency; RFC 9110, section 8.8.3."""

import re

from dui_fhir.domain.errors import BadRequest, PreconditionFailed, PreconditionRequired
from dui_fhir.domain.version import Version

_TAG = re.compile(r'\s*(?:W/)?"?([0-9]{1,18})"?\s*')


def render(version: int) -> str:
    """Return the entity tag of a version."""
    return f'W/"{version}"'


def parse(text: str) -> int:
    """Return the version of an entity tag; quotes and ``W/`` may be missing, as some clients send it.

    Raises: BadRequest (``core-if-match-invalid``).
    """
    match = _TAG.fullmatch(text)
    if match is None:
        raise BadRequest.of(
            "core-if-match-invalid",
            'La version attendue s\'écrit W/"3" (ETag rendu par une lecture).',
            "entity tag is not a version",
        )
    return int(match[1])


def listed(text: str, version: int) -> bool:
    """Return whether an ``If-None-Match`` list names the version (``*`` names any); a foreign tag matches nothing."""
    if text.strip() == "*":
        return True
    return any((m := _TAG.fullmatch(tag)) is not None and int(m[1]) == version for tag in text.split(","))


def check_given(text: str | None, current: Version | None, *, required: bool) -> None:
    """Check that a change of what is there, named by its id, says of which version (RFC 6585, section 3).

    ``required``: the setting ``if_match_required``. Raises: PreconditionRequired (``core-if-match-required``).
    """
    if required and text is None and current is not None and not current.deleted:
        raise PreconditionRequired.of(
            "core-if-match-required",
            "Dites quelle version vous modifiez : en-tête If-Match, avec l'ETag rendu par une lecture.",
            "setting if_match_required",
        )


def check_match(text: str | None, current: Version | None) -> None:
    """Check ``If-Match`` against what is there. Raises: PreconditionFailed (``core-if-match-stale``), BadRequest."""
    if text is None or (text.strip() == "*" and current is not None and not current.deleted):
        return
    wanted = -1 if text.strip() == "*" else parse(text)
    if current is None or current.deleted or current.version != wanted:
        found = "no current version" if current is None or current.deleted else f"current version {current.version}"
        raise PreconditionFailed.of(
            "core-if-match-stale",
            "La ressource a changé depuis votre lecture : relisez-la avant de la modifier.",
            f"If-Match does not hold: {found}",
        )

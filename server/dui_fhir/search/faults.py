"""What may be wrong with a search, said to the user in French and to the developer in English."""

from collections.abc import Iterable
from difflib import get_close_matches

from dui_fhir.domain.errors import BadRequest

__all__ = ["BadRequest", "UnknownParameter", "UnsupportedParameter"]


class UnknownParameter(BadRequest):
    """No such parameter for this type: ignored where the client asked for lenient handling."""


class UnsupportedParameter(BadRequest):
    """A parameter of R4 that this server does not have: ignored where the client asked for lenient handling."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_parameter(name: str, type: str | None, known: Iterable[str]) -> UnknownParameter:
    """``search-unknown-parameter``: with the nearest valid name."""
    near = nearest(name, known)
    hint = f" Vouliez-vous dire « {near} » ?" if near else ""
    where = f" pour {type}" if type else " à ce niveau"
    suggestion = f"; did you mean {near!r}?" if near else ""
    error = BadRequest.of(
        "search-unknown-parameter",
        f"Paramètre de recherche inconnu{where} : « {shown(name)} ».{hint}",
        f"unknown search parameter {shown(name)!r} for {type or 'all types'}{suggestion}",
        code="not-supported",
    )
    return UnknownParameter(error.issues)


def unknown_type(name: str, known: Iterable[str]) -> BadRequest:
    """``search-unknown-type``: with the nearest valid type."""
    near = nearest(name, known)
    hint = f" Vouliez-vous dire « {near} » ?" if near else ""
    return BadRequest.of(
        "search-unknown-type",
        f"Type de ressource inconnu dans la recherche : « {shown(name)} ».{hint}",
        f"unknown resource type {shown(name)!r}",
    )


def unsupported_parameter(name: str, reason: str = "not supported") -> UnsupportedParameter:
    """``search-unsupported-parameter``."""
    error = BadRequest.of(
        "search-unsupported-parameter",
        f"Ce serveur ne propose pas le paramètre de recherche « {shown(name)} ».",
        f"{shown(name)}: {reason}",
        code="not-supported",
    )
    return UnsupportedParameter(error.issues)


def modifier(name: str, given: str, allowed: Iterable[str]) -> BadRequest:
    """``search-modifier``: with the modifiers that the parameter takes."""
    listed = ", ".join(f":{m}" for m in sorted(allowed))
    return BadRequest.of(
        "search-modifier",
        f"Le paramètre « {shown(name)} » n'accepte pas « :{shown(given)} » ; possibles : {listed}.",
        f"{shown(name)}: modifier :{shown(given)} is not one of {listed}",
        code="not-supported",
    )


def value(name: str, expected: str, diagnostics: str) -> BadRequest:
    """``search-value``: the value itself is not repeated, it may be personal."""
    return BadRequest.of(
        "search-value",
        f"Valeur illisible pour le paramètre « {shown(name)} » : {expected}.",
        f"{shown(name)}: {diagnostics}",
        code="value",
    )


def empty(name: str) -> BadRequest:
    """``search-empty-value``: an empty criterion would find everything."""
    return BadRequest.of(
        "search-empty-value",
        f"Le paramètre « {shown(name)} » n'a pas de valeur.",
        f"{shown(name)}: empty value",
        code="value",
    )


def too_many_values(name: str, limit: int) -> BadRequest:
    """``search-too-many-values``."""
    return BadRequest.of(
        "search-too-many-values",
        f"Le paramètre « {shown(name)} » porte plus de {limit} valeurs.",
        f"{shown(name)}: more than {limit} values",
        code="too-costly",
    )


def too_deep(name: str, limit: int) -> BadRequest:
    """``search-chain-too-deep``."""
    return BadRequest.of(
        "search-chain-too-deep",
        f"Le paramètre « {shown(name)} » enchaîne plus de {limit} références.",
        f"{shown(name)}: more than {limit} links",
        code="too-costly",
    )


def too_wide(name: str) -> BadRequest:
    """``search-chain-too-wide``."""
    return BadRequest.of(
        "search-chain-too-wide",
        f"Le paramètre « {shown(name)} » peut se lire de trop de façons : précisez les types (subject:Patient.name).",
        f"{shown(name)}: too many types to follow, name them",
        code="too-costly",
    )


def repeated(name: str) -> BadRequest:
    """``search-repeated-parameter``."""
    return BadRequest.of(
        "search-repeated-parameter",
        f"Le paramètre « {shown(name)} » ne peut être donné qu'une fois.",
        f"{shown(name)}: given more than once",
    )


def no_terminology(name: str) -> BadRequest:
    """``search-terminology-unavailable``."""
    return BadRequest.of(
        "search-terminology-unavailable",
        f"Le critère « {shown(name)} » demande un service de terminologie, absent ici.",
        f"{shown(name)}: no terminology at hand",
        code="not-supported",
    )


def shown(name: str) -> str:
    """Return a parameter's name as it may be repeated in a message."""
    return "".join(c if c.isprintable() else "?" for c in name[:80])

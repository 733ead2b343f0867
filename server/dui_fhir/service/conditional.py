"""Criteria instead of an id. Source: FHIR R4, http.html#ccreate, #cond-update, #3.1.0.7.1 (conditional delete)."""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from dui_fhir.domain.errors import PreconditionFailed
from dui_fhir.domain.plan import MatchesAre
from dui_fhir.domain.version import Version
from dui_fhir.service.engine import Call
from dui_fhir.service.incomplete import relied_on
from dui_fhir.service.message import Params


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The one match, or None; and the precondition by which the writer checks that it is still so."""

    version: Version | None
    precondition: MatchesAre


def find(call: Call, type: str, criteria: str, path: str = "") -> Found:
    """Return what a conditional interaction on ``type`` speaks of. ``criteria``: a query string, ``Type?`` before it or not.

    Raises: PreconditionFailed (``core-multiple-matches``, ``core-criteria-empty``), BadRequest (``search-…``).
    """
    return find_params(call, type, query_params(criteria), path)


def query_params(criteria: str) -> Params:
    """Return the decoded parameters of ``a=b&c=d`` or ``Type?a=b&c=d``."""
    text = criteria.split("?", 1)[1] if "?" in criteria else criteria
    return tuple(parse_qsl(text, keep_blank_values=True))


def find_all(call: Call, type: str, params: Params, most: int) -> tuple[Version, ...]:
    """Return all that the criteria designate, at most ``most``.

    Raises: PreconditionFailed (``core-criteria-empty``, ``core-multiple-matches`` over ``most``), BadRequest (``search-…``).
    """
    wanted = _criteria(params, [])
    query = replace(relied_on(call, type, wanted).query, limit=most, sort=())
    page = call.store.search(query)
    if page.next is not None:
        raise PreconditionFailed.of(
            "core-multiple-matches",
            f"Les critères désignent plus de {most} ressources {type} : précisez-les, ou procédez par lots.",
            "more matches than conditional_delete_max",
            code="multiple-matches",
        )
    return page.matches


def find_params(call: Call, type: str, params: Params, path: str = "") -> Found:
    """Same, with decoded parameters."""
    where = [path] if path else []
    wanted = _criteria(params, where)
    query = replace(relied_on(call, type, wanted).query, limit=2, sort=())
    matches = call.store.search(query).matches
    if len(matches) > 1:
        raise PreconditionFailed.of(
            "core-multiple-matches",
            f"Les critères désignent plusieurs ressources {type} : précisez-les.",
            "conditional criteria match several resources",
            where,
            code="multiple-matches",
        )
    version = matches[0] if matches else None
    return Found(version=version, precondition=MatchesAre(query=query, ids=tuple(m.id for m in matches)))


def _criteria(params: Params, where: list[str]) -> Params:
    wanted = tuple((name, value) for name, value in params if value and name not in ("_format", "_pretty"))
    if not wanted:
        raise PreconditionFailed.of(
            "core-criteria-empty",
            "Une opération conditionnelle demande au moins un critère.",
            "conditional interaction without criteria",
            where,
        )
    return wanted

"""Criteria instead of an id. Source: FHIR R4, http.html#ccreate, #cond-update, #3.1.0.7.1 (conditional delete)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import PreconditionFailed
from dui_fhir.domain.plan import MatchesAre
from dui_fhir.domain.version import Version
from dui_fhir.search import match
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


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundAfter:
    """The id of the one match, or None; and the precondition on what is there before."""

    id: str | None
    precondition: MatchesAre


def find_after(
    call: Call, type: str, criteria: str, *, gone: Sequence[str], made: Callable[[], Iterable[match.Entry]], path: str
) -> FoundAfter:
    """Return what criteria designate once some resources of ``type`` are gone or replaced (``gone``, ids) and others ``made``.

    Criteria that pass through other resources are judged on what is stored alone. Raises: as :func:`find`.
    """
    parsed = relied_on(call, type, _criteria(query_params(criteria), [path]))
    query = replace(parsed.query, limit=2 + len(gone), sort=())
    stored = [version.id for version in call.store.search(query).matches]
    matching = [id for id in stored if id not in gone]
    if match.alone(parsed.query.where):
        matching += [one.id for one in made() if match.matches(parsed.query.where, one, lambda *_: None, lambda *_: ())]
    if len(matching) > 1:
        raise _several(type, [path])
    precondition = MatchesAre(query=replace(query, limit=2), ids=tuple(stored[:2]))
    return FoundAfter(id=matching[0] if matching else None, precondition=precondition)


def candidate(call: Call, resource: Resource) -> match.Entry:
    """Return a resource about to be stored as criteria judge it."""
    index = call.tuned.extractor.extract(resource, bases=(call.request.base_url,))
    return match.Entry(
        type=resource["resourceType"], id=resource["id"], instant_ms=call.engine.clock.now_ms(), index=index
    )


def find_params(call: Call, type: str, params: Params, path: str = "") -> Found:
    """Same, with decoded parameters."""
    where = [path] if path else []
    wanted = _criteria(params, where)
    query = replace(relied_on(call, type, wanted).query, limit=2, sort=())
    matches = call.store.search(query).matches
    if len(matches) > 1:
        raise _several(type, where)
    version = matches[0] if matches else None
    return Found(version=version, precondition=MatchesAre(query=query, ids=tuple(m.id for m in matches)))


def _several(type: str, where: list[str]) -> PreconditionFailed:
    return PreconditionFailed.of(
        "core-multiple-matches",
        f"Les critères désignent plusieurs ressources {type} : précisez-les.",
        "conditional criteria match several resources",
        where,
        code="multiple-matches",
    )


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

"""transaction: all entries or none. Source: FHIR R4, http.html#trules.

Order of effect: DELETE, POST, PUT and PATCH, then GET; references by criteria are resolved on what the writes leave. The answer
keeps the order of the request. GET entries read what the transaction left; a failed one tells so in its own entry, because the
rest is durable by then.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, DuiError, PreconditionFailed, Unprocessable
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.plan import Precondition
from dui_fhir.domain.version import Version
from dui_fhir.search.match import Entry as Candidate
from dui_fhir.service import answers, conditional, content, delete, etag, patch, read, update
from dui_fhir.service.bundle import batch
from dui_fhir.service.bundle.entry import Entry, read_all
from dui_fhir.service.bundle.responses import failed, succeeded
from dui_fhir.service.bundle.rewriting import Names, conditional_references
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.write import Stored, commit

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}


@dataclass(kw_only=True)
class _Step:
    """One writing entry: where it goes (``type``, ``id``), what is there (``before``), whether it writes at all.

    ``new_id`` is kept from one attempt to the next.
    """

    entry: Entry
    type: str
    named_id: str | None
    new_id: str = field(default_factory=new_id)
    before: Version | None = None
    id: str = ""
    draft: Draft | None = None

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def writes(self) -> bool:
        """False for a conditional create that found its resource."""
        return self.entry.method != "POST" or self.before is None


def transaction(call: Call, bundle: Resource) -> list[bytes]:
    """Write all entries in one store transaction and return the response entries, in order of the request."""
    entries = read_all(call, bundle)
    steps = _gather(_step(call, e) for e in entries if e.method not in ("GET", "HEAD"))
    _check_names(steps)
    stored = commit(call, lambda: _build(call, steps))
    written = [s for s in _in_order(steps) if s.draft is not None]
    by_index = {step.entry.index: one for step, one in zip(written, stored, strict=True)}
    by_step = {step.entry.index: step for step in steps}
    return [_response(call, e, by_step.get(e.index), by_index.get(e.index)) for e in entries]


def _gather(made: Iterable["_Step | DuiError"]) -> list[_Step]:
    steps: list[_Step] = []
    faults: list[DuiError] = []
    for one in made:
        if isinstance(one, DuiError):
            faults.append(one)
        else:
            steps.append(one)
    if faults:
        raise type(faults[0])([issue for fault in faults for issue in fault.issues])
    return steps


def _step(call: Call, entry: Entry) -> "_Step | DuiError":
    try:
        return _read_step(entry)
    except DuiError as error:
        return error


def _read_step(entry: Entry) -> _Step:
    type, _, id = entry.path.partition("/")
    where = f"{entry.where}.request.url"
    if entry.method in ("POST", "PUT", "PATCH") and entry.resource is None:
        raise BadRequest.of(
            "core-entry-resource", "Cette entrée n'a pas de ressource.", "entry.resource missing", [entry.where]
        )
    if (
        "$" in entry.path
        or "/" in id
        or (entry.method == "POST" and id)
        or (entry.method != "POST" and not (id or entry.params))
    ):
        raise BadRequest.of(
            "core-entry-url",
            "Dans une transaction, « request.url » est Type (POST), Type/id ou Type?critères (PUT, PATCH, DELETE).",
            "request.url does not fit the method",
            [where],
        )
    _check_type(entry, type, where)
    if id:
        content.check_id(id, entry.where)
        if entry.method == "PUT" and entry.resource is not None:
            update.check_same_id(entry.resource, id, entry.at)
    return _Step(entry=entry, type=type, named_id=id or None)


def _check_type(entry: Entry, type: str, where: str) -> None:
    try:
        content.stored_type(type)
    except DuiError as error:
        raise BadRequest([replace(issue, expression=(where,)) for issue in error.issues]) from None
    if entry.method in ("POST", "PUT"):
        content.checked(entry.resource, type, entry.at)


def _check_names(steps: list[_Step]) -> None:
    """Refuse two entries that speak of one resource: the specification makes the whole transaction fail."""
    seen: dict[tuple[str, ...], Entry] = {}
    issues: list[Issue] = []
    for step in steps:
        for name in _names(step):
            first = seen.setdefault(name, step.entry)
            if first is not step.entry:
                issues.append(_duplicate(first, step.entry))
    if issues:
        raise Unprocessable(list(dict.fromkeys(issues)))


def _names(step: _Step) -> list[tuple[str, ...]]:
    entry = step.entry
    names: list[tuple[str, ...]] = []
    if entry.full_url and entry.method != "DELETE":
        names.append(("fullUrl", entry.full_url))
    if step.named_id:
        names.append(("id", step.type, step.named_id))
    elif entry.params:
        names.append(("criteria", step.type, repr(sorted(entry.params))))
    if entry.method == "POST" and entry.conditions.if_none_exist is not None:
        names.append(("criteria", step.type, repr(sorted(conditional.query_params(entry.conditions.if_none_exist)))))
    return names


def _duplicate(first: Entry, second: Entry) -> Issue:
    return Issue(
        severity="error",
        code="duplicate",
        id="core-duplicate-entry",
        text=f"Les entrées {first.index} et {second.index} désignent la même ressource : rien n'a été enregistré.",
        diagnostics="two entries of the transaction have the same identity",
        expression=(first.where, second.where),
    )


def _build(call: Call, steps: list[_Step]) -> Drafts:
    """Judge conditions on the present state, name everything, rewrite references, and return the drafts in order."""
    preconditions: list[Precondition] = []
    for step in steps:
        preconditions += _locate(call, step)
    _check_located(steps)
    names, more = _name_all(call, steps)
    for step in steps:
        step.draft = _told(call, step, names)
    drafts = [s.draft for s in _in_order(steps) if s.draft is not None]
    return Drafts(drafts=drafts, preconditions=[*preconditions, *more])


def _in_order(steps: list[_Step]) -> list[_Step]:
    return sorted(steps, key=lambda s: _ORDER[s.entry.method])


def _locate(call: Call, step: _Step) -> list[Precondition]:
    """Find what the entry speaks of, by id or by criteria."""
    entry = step.entry
    if step.named_id:
        step.id, step.before = step.named_id, call.store.read(step.type, step.named_id)
        return []
    criteria = entry.conditions.if_none_exist if entry.method == "POST" else None
    params = conditional.query_params(criteria) if criteria is not None else entry.params
    if entry.method == "POST" and criteria is None:
        step.id, step.before = step.new_id, None
        return []
    found = conditional.find_params(call, step.type, params, entry.where)
    step.before = found.version
    own = (entry.resource or {}).get("id") if entry.method == "PUT" else None
    step.id = found.version.id if found.version else own or step.new_id
    if found.version is None and own:
        step.before = call.store.read(step.type, own)
    return [found.precondition]


def _check_located(steps: list[_Step]) -> None:
    seen: dict[str, Entry] = {}
    for step in steps:
        if not step.writes:
            continue
        first = seen.setdefault(step.reference, step.entry)
        if first is not step.entry:
            raise Unprocessable([_duplicate(first, step.entry)])


def _name_all(call: Call, steps: list[_Step]) -> tuple[Names, list[Precondition]]:
    base = call.request.base_url
    targets: dict[str, str] = {}
    for step in steps:
        if step.entry.method == "DELETE":
            continue
        own = (step.entry.resource or {}).get("id") if step.entry.method == "POST" else step.id
        full_url = step.entry.full_url or (f"{base}/{step.type}/{own}" if own else None)
        if full_url:
            targets[full_url] = step.reference
    criteria: dict[str, str] = {}
    preconditions: list[Precondition] = []
    after = _After(call, steps)
    for step in steps:
        for text in sorted(conditional_references(step.entry.resource) - set(criteria)):
            criteria[text], precondition = _referenced(call, text, step.entry, after)
            preconditions.append(precondition)
    return Names(targets=targets, criteria=criteria, base_url=base), preconditions


class _After:
    """What the entries leave, by type: what is no longer as stored, and what is there instead (http.html#trules, step 5)."""

    def __init__(self, call: Call, steps: list[_Step]) -> None:
        self._call, self._steps = call, steps
        self._made: dict[str, list[Candidate]] = {}

    def gone(self, type: str) -> list[str]:
        """Return the ids that the entries delete or replace."""
        return [s.id for s in self._steps if s.type == type and s.entry.method in ("PUT", "DELETE")]

    def made(self, type: str) -> list[Candidate]:
        """Return what the entries create or replace; patches are not looked into."""
        if type not in self._made:
            made = [s for s in self._steps if s.type == type and s.entry.method in ("POST", "PUT") and s.writes]
            self._made[type] = [
                conditional.candidate(self._call, {**(s.entry.resource or {}), "id": s.id}) for s in made
            ]
        return self._made[type]


def _referenced(call: Call, text: str, entry: Entry, after: _After) -> tuple[str, Precondition]:
    type = text.partition("?")[0]
    _check_reference_type(type, entry)
    found = conditional.find_after(
        call, type, text, gone=after.gone(type), made=lambda: after.made(type), path=entry.at
    )
    if found.id is None:
        raise PreconditionFailed.of(
            "core-conditional-reference",
            f"Une référence par critères ne désigne aucune ressource {type}.",
            "conditional reference without match",
            [entry.at],
        )
    return f"{type}/{found.id}", found.precondition


def _check_reference_type(type: str, entry: Entry) -> None:
    try:
        content.known_type(type)
    except DuiError as error:
        raise BadRequest([replace(issue, expression=(entry.at,)) for issue in error.issues]) from None


def _told(call: Call, step: _Step, names: Names) -> Draft | None:
    """Return the draft of an entry; what refuses it names the entry."""
    try:
        return _draft(call, step, names)
    except DuiError as error:
        where = (step.entry.where,)
        raise type(error)([replace(issue, expression=issue.expression or where) for issue in error.issues]) from None


def _draft(call: Call, step: _Step, names: Names) -> Draft | None:
    entry = step.entry
    if step.named_id:
        required = call.engine.settings.if_match_required
        etag.check_given(entry.conditions.if_match, step.before, required=required)
    if entry.method == "DELETE":
        return _placed(delete.draft(step.before, entry.conditions, entry.at), entry)
    if not step.writes:
        return None
    if entry.method == "PATCH":
        document = patch.of_entry(call, entry.resource or {}, entry.at)
        before = read.present(step.before, step.type)
        return _placed(patch.draft(call, before, document, entry.conditions, entry.at), entry)
    assert entry.resource is not None
    if entry.method == "PUT":
        update.check_conditions(entry.conditions, step.before)
        if entry.resource.get("id") is not None:
            update.check_same_id(entry.resource, step.id, entry.at)
    elif entry.conditions.if_none_match is not None:
        update.check_conditions(replace(entry.conditions, if_match=None), step.before)
    resource = names.rewrite({**entry.resource, "id": step.id}, entry.full_url, entry.method == "POST")
    return Draft(
        type=step.type,
        id=step.id,
        resource=resource,
        before=step.before,
        method="POST" if entry.method == "POST" else "PUT",
        path=entry.at,
        issues=entry.issues,
        left_base=names.foreign_base(entry.full_url),
    )


def _placed(draft: Draft | None, entry: Entry) -> Draft | None:
    return replace(draft, issues=entry.issues) if draft is not None else None


def _response(call: Call, entry: Entry, step: _Step | None, stored: Stored | None) -> bytes:
    if step is None:
        return _read(call, entry)
    if entry.method == "DELETE":
        return succeeded(call, answers.deleted(call, stored))
    if stored is None:
        assert step.before is not None
        return succeeded(call, answers.existing(call, step.before))
    return succeeded(call, answers.written(call, stored, entry=True))


def _read(call: Call, entry: Entry) -> bytes:
    try:
        response: ServiceResponse = batch.serve(call, entry)
        return succeeded(call, response)
    except DuiError as error:
        return failed(error.status, outcome(error.issues))

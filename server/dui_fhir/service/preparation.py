"""From drafts to a plan: references, owner, structure, rules, additions of plugins, index values."""

import time
from dataclasses import replace
from functools import cached_property

from dui_fhir.domain.body import Body, same
from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.index import IndexValues, ReferenceValue
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.plan import Delete, Operation, Plan, Precondition, Put, Written
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host import Additions
from dui_fhir.service import dangling, notices, owner, structures
from dui_fhir.service.contexts import Contexts
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.identity import unique_keys
from dui_fhir.service.lookup import Lookup
from dui_fhir.service.notices import CONFIGURING
from dui_fhir.service.reader import TrackingReader, read_set
from dui_fhir.service.standards import TERMINOLOGY_TYPES


class Preparation:
    """One attempt at a write. :attr:`issues` has one tuple per draft.

    Raises, when made: Unprocessable with all issues of all drafts, where one of them refuses; the failure of a plugin.
    """

    def __init__(self, call: Call, wanted: Drafts) -> None:
        self._call, self._wanted = call, wanted
        self.validity = _validity(call, wanted)
        siblings = {d.reference: d.resource for d in wanted.drafts if d.resource is not None}
        self._lookup = Lookup(call.store, siblings, gone=[d.reference for d in wanted.drafts if d.resource is None])
        self._lookup.prefetch_all()
        self._contexts = Contexts(call, TrackingReader(call.store, call.options))
        self._found = [_Found(self, draft) for draft in wanted.drafts]
        self.issues = tuple(found.issues() for found in self._found)
        if any(issue.blocking for issues in self.issues for issue in issues):
            raise Unprocessable([issue for issues in self.issues for issue in issues])

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """One operation per draft, in order."""
        return tuple(found.operation() for found in self._found)

    def plan(self) -> Plan:
        """Return the transaction: the drafts in order, then what plugins add."""
        added = [self._add(group) for group in self._groups()]
        more = [written for some, _, _ in added for written in some]
        preconditions: list[Precondition] = [*self._wanted.preconditions]
        preconditions += [precondition for _, some, _ in added for precondition in some]
        jobs = [job for _, _, addition in added for job in addition.jobs]
        told = notices.notices(self._call, [*zip(self._wanted.drafts, self.operations, strict=True), *more])
        return Plan(
            operations=(*self.operations, *(operation for _, operation in more), *told.operations),
            preconditions=(*preconditions, *told.preconditions),
            jobs=(*self._wanted.jobs, *jobs, *told.jobs),
            # known to the writer: a plan whose answer was lost with the writer is asked again, and applied once
            request_key=self._call.request.request_key or new_id(),
        )

    def committed(self) -> None:
        """Tell plugins what was written."""
        for context, changes in self._groups():
            self._call.engine.host.committed(changes, context)
        if any(d.type == "Organization" for d in self._wanted.drafts):
            self._call.engine.structures.forget(self._call.request.tenant)
        if any(d.type in TERMINOLOGY_TYPES for d in self._wanted.drafts):
            self._call.engine.standards.forget(self._call.request.tenant)
        if any(d.type in CONFIGURING for d in self._wanted.drafts):
            self._call.engine.subscriptions.forget(self._call.request.tenant)
            self._call.engine.tunings.forget(self._call.request.tenant)

    def _groups(self) -> list[tuple[Context, list[Change]]]:
        groups: dict[str | None, tuple[Context, list[Change]]] = {}
        for found in self._found:
            key = found.structure.finess if found.structure else None
            groups.setdefault(key, (self._contexts.of(found.structure), []))[1].append(found.change)
        return list(groups.values())

    def _add(
        self, group: tuple[Context, list[Change]]
    ) -> tuple[list[tuple[Draft, Operation]], tuple[Precondition, ...], Additions]:
        context, changes = group
        references = [draft.reference for draft in self._wanted.drafts]
        addition = self._call.engine.host.add(changes, context, dict(zip(references, self.issues, strict=True)))
        operations = [self._added(resource) for resource in addition.resources]
        return operations, read_set(addition.reads), addition

    def _added(self, resource: Resource) -> tuple[Draft, Operation]:
        resource = {**resource, "id": resource.get("id") or new_id()}
        before = self._call.store.read(resource["resourceType"], resource["id"])
        draft = Draft(type=resource["resourceType"], id=resource["id"], resource=resource, before=before, method="PUT")
        return draft, _Found(self, draft).operation()


def operation_of(call: Call, draft: Draft) -> Operation:
    """Return the operation of a draft of the server's own, with owner and structure in its index; no rule judges it."""
    return _Found(Preparation(call, Drafts()), draft).operation()


class _Found:
    """What is found out about one draft."""

    def __init__(self, preparation: Preparation, draft: Draft) -> None:
        self._call, self._draft = preparation._call, draft
        self._by_server = preparation._wanted.by_server
        self._lookup, self._contexts = preparation._lookup, preparation._contexts
        self._validity = preparation.validity.get(draft.reference, ())
        self.change = draft.change(self._lookup.siblings)
        resource = self.change.after or self.change.before
        self._owner: str | None = None
        self.structure: Structure | None = None
        self._remarks: tuple[Issue, ...] = ()
        if resource is not None:
            self._belongs_to(resource)

    def _belongs_to(self, resource: Resource) -> None:
        call = self._call
        plans = None if self._draft.method == "POST" else call.store
        self._owner, about_owner = owner.find(resource, self._lookup, plans)
        self.structure, about_structure = structures.resolve(
            resource, call.request.actor, self._contexts.structures, self._lookup
        )
        if self.change.after is not None:
            self._remarks = tuple(_placed(issue, self._draft.path) for issue in (*about_owner, *about_structure))

    def issues(self) -> tuple[Issue, ...]:
        """Return all remarks and faults: of the request, of references, of rules."""
        call, change = self._call, self.change
        context = self._contexts.of(self.structure)
        references: tuple[Issue, ...] = ()
        chosen: tuple[Issue, ...] = ()
        if change.after is not None:
            chosen = self._chosen(change.after, context)
            references = dangling.dangling(
                change.after, change.path, self._lookup, call.request.base_url, self._draft.left_base
            )
        ours = notices.issues(call, change, by_server=self._by_server)
        return (
            *self._draft.issues,
            *self._validity,
            *chosen,
            *references,
            *self._remarks,
            *ours,
            *call.engine.host.check(change, context),
        )

    def _chosen(self, resource: Resource, context: Context) -> tuple[Issue, ...]:
        """Return the faults against the profiles that the corridors choose: they are given a resource that is R4."""
        profiles = self._call.engine.host.choose_profiles(resource, context)
        if not profiles:
            return ()
        validation = self._call.engine.standards.of(self._call.request.tenant).validation
        return validation.follow(resource, profiles, self._call.request, path=self._draft.path)

    def operation(self) -> Operation:
        """Return the operation of the plan."""
        draft = self._draft
        if draft.resource is None:
            return Delete(type=draft.type, id=draft.id, expect=draft.expect)
        return Put(
            type=draft.type,
            id=draft.id,
            body=self._body(draft.resource),
            index=self._index(draft.resource),
            method=draft.method,
            expect=draft.expect,
            unique=unique_keys(draft.resource),
        )

    def _body(self, resource: Resource) -> Body:
        """Return what is to be stored: the bytes already there where only the order of properties is another."""
        body, before = Body.of(resource), self._draft.before
        if (
            before is None
            or before.body is None
            or self.change.before is None
            or not same(resource, self.change.before)
        ):
            return body
        return Body.stored(before.body, before.version, before.instant_ms) or body

    def _index(self, resource: Resource) -> IndexValues:
        ours: list[ReferenceValue] = [*owner.links(resource)]
        if self._owner:
            ours.append(ReferenceValue("_dui_patient", "Patient", self._owner.removeprefix("Patient/")))
        if self.structure:
            ours.append(structures.index_value(self.structure))
        return self._call.tuned.extractor.extract(resource, bases=(self._call.request.base_url,), links=ours)


def _validity(call: Call, wanted: Drafts) -> dict[str, tuple[Issue, ...]]:
    """Validate before anything reads a resource as one: rules may trust the shape of a change and of its siblings.

    Returns the remarks on each draft, by ``Type/id``. Raises: Unprocessable with the faults of all drafts.
    """
    standards, request, found = call.engine.standards, call.request, {}
    asked_s = time.monotonic()
    for draft in wanted.drafts:
        resource, issues = draft.resource, tuple[Issue, ...]()
        if resource is not None:
            issues = standards.issues(request.tenant, resource, request, draft.path, asked_s=asked_s)
        found[draft.reference] = issues
    if any(issue.blocking for issues in found.values() for issue in issues):
        raise Unprocessable([i for d in wanted.drafts for i in (*d.issues, *found[d.reference])])
    return found


def _placed(issue: Issue, path: str) -> Issue:
    return replace(issue, expression=(path,)) if path else issue


def stored_body(operation: Operation, written: Written) -> bytes | None:
    """Return what a read now returns; None after a delete."""
    return operation.body.join(written.version, written.instant_ms) if isinstance(operation, Put) else None

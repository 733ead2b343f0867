"""The port over one tenant's database."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pymongo
from bson import Binary
from pymongo import ASCENDING, DESCENDING, ReadPreference, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.plan import Committed, Erase, Plan, Put, Refused, Reindex, Result, Written
from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.ports import Clock, HistoryPage, SearchPage, Statement
from dui_fhir.store.decision import Current, Decision, Key, Lease, Write, check, decide
from dui_fhir.store.mongo.compile import Compiler, after, order, position
from dui_fhir.store.mongo.documents import (
    INDEX_FIELDS,
    PART_BYTES,
    Document,
    index_document,
    job_document,
    job_of,
    reindexed,
    version_of,
)
from dui_fhir.store.mongo.faults import translated, unavailable

REQUEST_KEYS_KEPT_S = 30 * 86_400
MAJORITY = WriteConcern("majority")

INDEXES: Mapping[str, Sequence[tuple[Sequence[tuple[str, int]], Mapping[str, Any]]]] = {
    "resources": (
        ([("t", 1), ("id", 1)], {"unique": True}),
        ([("t", 1), ("i", 1), ("id", 1)], {}),
        ([("t", 1), ("tk.p", 1), ("tk.c", 1), ("tk.s", 1)], {}),
        ([("t", 1), ("st.p", 1), ("st.f", 1)], {}),
        ([("t", 1), ("dt.p", 1), ("dt.l", 1), ("dt.h", 1)], {}),
        ([("t", 1), ("nb.p", 1), ("nb.l", 1)], {}),
        ([("t", 1), ("qt.p", 1), ("qt.l", 1)], {}),
        ([("t", 1), ("rf.p", 1), ("rf.i", 1), ("rf.t", 1)], {}),
        ([("t", 1), ("ur.p", 1), ("ur.v", 1)], {}),
        ([("t", 1), ("w", 1)], {}),
        ([("t", 1), ("cw", 1)], {}),
    ),
    "history": (([("t", 1), ("id", 1), ("v", 1)], {"unique": True}), ([("i", 1)], {})),
    "parts": (),
    "keys": (([("r", 1)], {}),),
    "requests": (([("made", 1)], {"expireAfterSeconds": REQUEST_KEYS_KEPT_S}),),
    "jobs": (
        ([("key", 1)], {"unique": True}),
        ([("state", 1), ("kind", 1), ("n", 1)], {}),
        ([("stream", 1), ("number", 1)], {}),
    ),
    "counters": (),
}
COUNTER = "plan"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Longest durations, in seconds."""

    read_s: float
    write_s: float


def prepare(database: Database[Document]) -> None:
    """Make the collections and indexes of a tenant; done before, because a transaction may not."""
    for name, indexes in INDEXES.items():
        for keys, options in indexes:
            database[name].create_index(list(keys), **options)
    database["counters"].update_one({"_id": COUNTER}, {"$setOnInsert": {"n": 0, "i": 0, "j": 0}}, upsert=True)


class MongoStore:
    """One tenant.

    Each transaction begins by changing the counter: two of them conflict, and so are serial, whatever they read.
    """

    def __init__(self, database: Database[Document], clock: Clock, limits: Limits) -> None:
        options: Any = {"read_concern": ReadConcern("majority"), "write_concern": MAJORITY}
        self._database = database.with_options(read_preference=ReadPreference.PRIMARY, **options)
        self._clock = clock
        self._limits = limits
        # threads of one process wait here rather than in conflicts
        self._turn = threading.Lock()

    # writing

    def submit(self, plan: Plan) -> Result:
        """See :class:`dui_fhir.ports.Store`."""
        check(plan)
        try:
            with self._turn, pymongo.timeout(self._limits.write_s), self._database.client.start_session() as session:
                result: Result = session.with_transaction(
                    lambda s: _Transaction(self._database, s, self._clock, self._limits).run(plan),
                    read_concern=ReadConcern("snapshot"),
                    write_concern=MAJORITY,
                    read_preference=ReadPreference.PRIMARY,
                )
                return result
        except PyMongoError as error:
            raise unavailable(error) from error

    def claim_jobs(self, *, kinds: Sequence[str], limit: int, lease_s: float) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        now_ms = self._clock.now_ms()
        due = {"$or": [{"state": "waiting", "due": {"$lte": now_ms}}, {"state": "leased", "until": {"$lte": now_ms}}]}
        claimed: list[Job] = []
        with translated():
            while len(claimed) < limit:
                taken = {"state": "leased", "lease": str(uuid4()), "until": now_ms + int(lease_s * 1000)}
                found = self._database["jobs"].find_one_and_update(
                    {"kind": {"$in": list(kinds)}, "turn": True, "_id": {"$nin": [job.id for job in claimed]}, **due},
                    {"$set": taken, "$inc": {"attempts": 1}},
                    sort=[("n", ASCENDING)],
                    return_document=ReturnDocument.AFTER,
                )
                if found is None:
                    break
                claimed.append(job_of(found))
        return tuple(claimed)

    # reading

    def read(self, type: str, id: str) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        return self.read_many([(type, id)]).get((type, id))

    def read_many(self, keys: Iterable[Key]) -> dict[Key, Version]:
        """See :class:`dui_fhir.ports.Store`."""
        wanted = [f"{type}/{id}" for type, id in dict.fromkeys(keys)]
        with translated():
            found = list(self._resources({"_id": {"$in": wanted}}, VERSION_FIELDS))
            return {(d["t"], d["id"]): self.version(d) for d in found}

    def read_version(self, type: str, id: str, version: int) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        with translated():
            found = self._database["history"].find_one({"t": type, "id": id, "v": version})
            return None if found is None else self.version(found)

    def history(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        since_ms: int | None = None,
        at: tuple[int, int] | None = None,
        before: int | None = None,
        limit: int = 50,
        total: bool = False,
    ) -> HistoryPage:
        """See :class:`dui_fhir.ports.Store`."""
        parts: list[Document] = [{} if type is None else {"t": type}, {} if id is None else {"id": id}]
        parts.append({} if since_ms is None else {"i": {"$gte": since_ms}})
        if at is not None:
            parts += [{"i": {"$lte": at[1]}}, {"$or": [{"e": None}, {"e": {"$gt": at[0]}}]}]
        filter = {"$and": [part for part in parts if part]} if any(parts) else {}
        older: Document = {} if before is None else {"_id": {"$lt": before}}
        with translated():
            counted = self._database["history"].count_documents(filter) if total else None
            page = {"$and": [filter, older]} if filter and older else filter or older
            cursor = self._database["history"].find(page).sort("_id", DESCENDING).limit(limit + 1)
            found = list(cursor.max_time_ms(self._read_ms))
            versions = tuple(self.version(document) for document in found[:limit])
        following = versions[-1].sequence if versions and len(found) > limit else None
        return HistoryPage(versions=versions, next=following, total=counted)

    def search(self, query: Query) -> SearchPage:
        """See :class:`dui_fhir.ports.Store`."""
        with translated():
            return search(self, query, None)

    def count(self, query: Query) -> int:
        """See :class:`dui_fhir.ports.Store`."""
        with translated():
            return self._database["resources"].count_documents(Compiler(self.finder(None)).filter(query))

    def explain(self, query: Query) -> tuple[Statement, ...]:
        """See :class:`dui_fhir.ports.Store`: the filter and the order; inner searches of chains run as they are compiled."""
        with translated():
            filter = Compiler(self.finder(None)).filter(query)
        text = f"resources.find({_shape(filter)}).sort({order(query.sort)}).limit({query.limit + 1})"
        return (Statement(text=text),)

    def types(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with translated():
            return tuple(sorted(self._database["resources"].distinct("t", {"live": True})))

    def targets(self, sources: Sequence[Key], param: str | None, types: Sequence[str] = ()) -> tuple[Key, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        wanted = [f"{type}/{id}" for type, id in sources]
        with translated():
            documents = list(self._resources({"_id": {"$in": wanted}}, {"rf": 1}))
        found = {
            (r["t"], r["i"])
            for document in documents
            for r in document.get("rf", ())
            if r["u"] is None and r["t"] is not None and r["i"] is not None
            if (r["p"] == param or (param is None and not r["p"].startswith("_dui_")))
            if not types or r["t"] in types
        }
        return tuple(sorted(found))

    def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        stream: str | None = None,
        numbers: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        named = (("kind", kind), ("state", state), ("stream", stream))
        filter: Document = {name: value for name, value in named if value is not None}
        if numbers is not None:
            filter["number"] = {"$gte": numbers[0], "$lte": numbers[1]}
        with translated():
            found = list(self._database["jobs"].find(filter).sort("n", DESCENDING).limit(limit)) if limit else []
        return tuple(job_of(document) for document in found)

    def job(self, key: str) -> Job | None:
        """See :class:`dui_fhir.ports.Store`."""
        with translated():
            found = self._database["jobs"].find_one({"key": key})
        return None if found is None else job_of(found)

    # pieces

    @property
    def _read_ms(self) -> int:
        return max(1, int(self._limits.read_s * 1000))

    def finder(self, session: "ClientSession | None") -> Any:
        """Return the function that runs the inner searches of chains."""
        return lambda filter, projection, limit: list(self._resources(filter, projection, session).limit(limit))

    def _resources(self, filter: Document, projection: Document, session: "ClientSession | None" = None) -> Any:
        cursor = self._database["resources"].find(filter, projection, session=session)
        return cursor if session is not None else cursor.max_time_ms(self._read_ms)

    def page(self, query: Query, session: "ClientSession | None") -> list[Document]:
        """Return the documents of a page, and one more where there is one."""
        where = Compiler(self.finder(session)).filter(query)
        beyond = after(query.sort, query.after)
        filter = {"$and": [where, beyond]} if beyond else where
        fields = VERSION_FIELDS | {"o": 1} if query.sort else VERSION_FIELDS
        return list(self._resources(filter, fields, session).sort(order(query.sort)).limit(query.limit + 1))

    def version(self, document: Document) -> Version:
        """Return the version that a document holds."""
        return version_of(document, self._body(document))

    def _body(self, document: Document) -> bytes | None:
        parts = document.get("parts", 0)
        if not parts:
            body = document.get("b")
            return None if body is None else str(body).encode()
        keys = [f"{document['n']}-{n}" for n in range(parts)]
        found = {d["_id"]: bytes(d["b"]) for d in self._database["parts"].find({"_id": {"$in": keys}})}
        return b"".join(found[key] for key in keys)


VERSION_FIELDS: Document = {"t": 1, "id": 1, "v": 1, "i": 1, "n": 1, "m": 1, "b": 1, "parts": 1}


def search(store: MongoStore, query: Query, session: "ClientSession | None") -> SearchPage:
    """Return one page of matches."""
    found = store.page(query, session)
    matches = _fitting((store.version(d) for d in found[: query.limit]), query.bytes_max)
    following = position(found[len(matches) - 1], query.sort) if matches and len(found) > len(matches) else None
    total = None if query.total == "none" else store.count(query)
    return SearchPage(matches=matches, next=following, total=total)


def _fitting(versions: Iterable[Version], bytes_max: int | None) -> tuple[Version, ...]:
    """Return those that a page of that size holds: at least one."""
    kept: list[Version] = []
    size = 0
    for version in versions:
        size += len(version.body or b"")
        if bytes_max is not None and size > bytes_max and kept:
            break
        kept.append(version)
    return tuple(kept)


def _shape(value: Any, name: str = "") -> Any:
    """Return a filter without its values; names of types and parameters stay."""
    if isinstance(value, dict):
        return {key: _shape(child, key) for key, child in value.items()}
    if isinstance(value, list):
        return [_shape(child, name) for child in value]
    return value if name.rpartition(".")[2] in ("t", "p", "live") or isinstance(value, bool) else "?"


class _Transaction:
    """One plan inside one transaction; a :class:`dui_fhir.store.decision.State`."""

    def __init__(self, database: Database[Document], session: ClientSession, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._session = session
        self._clock = clock
        self._limits = limits

    def run(self, plan: Plan) -> Result:
        """Decide and apply; a refusal ends the transaction without trace."""
        counter = self._database["counters"].find_one_and_update(
            {"_id": COUNTER}, {"$inc": {"plans": 1}}, session=self._session, return_document=ReturnDocument.AFTER
        )
        if counter is None:
            raise LookupError("the tenant's counter is missing")
        known = self._answered(plan.request_key)
        if known is not None:
            self._session.abort_transaction()
            return known
        decision = decide(plan, self, max(self._clock.now_ms(), counter["i"]))
        if isinstance(decision, Refused):
            self._session.abort_transaction()
            return decision
        self._apply(plan, decision, counter)
        return decision.committed

    def _apply(self, plan: Plan, decision: Decision, counter: Document) -> None:
        number = counter["n"]
        for write in decision.writes:
            self._database["keys"].delete_many({"r": _key(write)}, session=self._session)
            if isinstance(write.operation, Erase):
                self._erase(write.operation)
        self._add_versions(decision, number)
        self._take_keys(decision.writes)
        for operation in decision.reindexes:
            self._reindex(operation)
        for settlement in plan.settlements:
            self._settle(settlement)
        jobs = self._enqueue(plan.jobs, counter["j"])
        if plan.request_key is not None:
            self._remember(plan.request_key, decision.committed)
        self._database["counters"].update_one(
            {"_id": COUNTER},
            {"$set": {"n": number + len(decision.writes), "i": decision.instant_ms, "j": jobs}},
            session=self._session,
        )

    def _reindex(self, operation: Reindex) -> None:
        """Replace some index values of a resource."""
        mine = {"_id": f"{operation.type}/{operation.id}"}
        held = self._database["resources"].find_one(mine, dict.fromkeys(INDEX_FIELDS, 1), session=self._session)
        if held is None:
            raise LookupError("a resource to index again is not there")
        fields = reindexed(held, operation.params, operation.index)
        self._database["resources"].update_one(
            mine,
            {
                "$set": fields,
                "$unset": dict.fromkeys(set(INDEX_FIELDS) - set(fields), ""),
            },
            session=self._session,
        )

    def _erase(self, operation: Erase) -> None:
        """Remove every version; the document of the resource is replaced afterwards by that of the mark."""
        mine = {"t": operation.type, "id": operation.id}
        cut = self._database["history"].find(mine | {"parts": {"$gt": 0}}, {"parts": 1}, session=self._session)
        parts = [f"{version['_id']}-{n}" for version in cut for n in range(version["parts"])]
        if parts:
            self._database["parts"].delete_many({"_id": {"$in": parts}}, session=self._session)
        self._database["history"].delete_many(mine, session=self._session)

    def _add_versions(self, decision: Decision, number: int) -> None:
        if not decision.writes:
            return
        versions, resources, ends, parts = [], [], [], []
        for n, write in enumerate(decision.writes, number + 1):
            version, pieces = _version_document(write, n, decision.instant_ms)
            versions.append(version | {"_id": n})
            parts += pieces
            document = _resource_document(write, version)
            resources.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
            if write.version > 1:
                previous = {"t": write.operation.type, "id": write.operation.id, "v": write.version - 1}
                ends.append(UpdateOne(previous, {"$set": {"e": decision.instant_ms}}))
        if ends:
            self._database["history"].bulk_write(ends, session=self._session)
        if parts:
            self._database["parts"].insert_many(parts, session=self._session)
        self._database["history"].insert_many(versions, session=self._session)
        self._database["resources"].bulk_write(resources, session=self._session)

    def _take_keys(self, writes: Sequence[Write]) -> None:
        taken = [
            {"_id": key, "r": _key(w), "t": w.operation.type, "id": w.operation.id}
            for w in writes
            if isinstance(w.operation, Put)
            for key in dict.fromkeys(w.operation.unique)
        ]
        if taken:
            self._database["keys"].insert_many(taken, session=self._session)

    def _settle(self, settlement: JobSettlement) -> None:
        change: Document = {"state": settlement.state, "error": settlement.error, "lease": None, "until": 0}
        if settlement.state == "waiting":
            change["due"] = settlement.due_ms
        jobs = self._database["jobs"]
        settled = jobs.find_one_and_update({"_id": settlement.job}, {"$set": change}, session=self._session)
        if settled is not None and settled["stream"]:
            self._pass_turn(settled["stream"])

    def _pass_turn(self, stream: str) -> None:
        """Let the first open job of a stream be claimed, and no other."""
        jobs = self._database["jobs"]
        open_states = {"$in": ["waiting", "leased"]}
        first = jobs.find_one(
            {"stream": stream, "state": open_states}, sort=[("number", ASCENDING)], session=self._session
        )
        others = {"stream": stream, "turn": True, "_id": {"$ne": first["_id"] if first else None}}
        jobs.update_many(others, {"$set": {"turn": False}}, session=self._session)
        if first is not None:
            jobs.update_one({"_id": first["_id"]}, {"$set": {"turn": True}}, session=self._session)

    def _last_of_stream(self, stream: str) -> int:
        filter, newest = {"stream": stream}, [("number", DESCENDING)]
        found = self._database["jobs"].find_one(filter, sort=newest, session=self._session)
        return found["number"] if found else 0

    def _enqueue(self, jobs: Sequence[Job], number: int) -> int:
        """Add those whose key is new; return the number of the last job."""
        if not jobs:
            return number
        same = {"$or": [{"key": {"$in": [j.key for j in jobs]}}, {"_id": {"$in": [j.id for j in jobs]}}]}
        known = list(self._database["jobs"].find(same, {"key": 1}, session=self._session))
        keys, ids = {d["key"] for d in known}, {d["_id"] for d in known}
        last = {stream: self._last_of_stream(stream) for stream in {job.stream for job in jobs if job.stream}}
        added = []
        for job in jobs:
            if job.key in keys or job.id in ids:
                continue
            keys.add(job.key)
            ids.add(job.id)
            number += 1
            if job.stream:
                last[job.stream] += 1
            added.append(job_document(job, number, number=last.get(job.stream, 0), turn=not job.stream))
        if added:
            self._database["jobs"].insert_many(added, session=self._session)
        for stream in last:
            self._pass_turn(stream)
        return number

    def _answered(self, request_key: str | None) -> Committed | None:
        if request_key is None:
            return None
        found = self._database["requests"].find_one({"_id": request_key}, session=self._session)
        if found is None:
            return None
        written = tuple(
            Written(type=t, id=id, version=version, instant_ms=instant_ms, changed=changed, created=created)
            for t, id, version, instant_ms, changed, created in found["written"]
        )
        return Committed(instant_ms=found["i"], written=written, replayed=True)

    def _remember(self, request_key: str, committed: Committed) -> None:
        written = [[w.type, w.id, w.version, w.instant_ms, w.changed, w.created] for w in committed.written]
        made = _datetime(committed.instant_ms)
        document = {"_id": request_key, "i": committed.instant_ms, "written": written, "made": made}
        self._database["requests"].insert_one(document, session=self._session)

    # what decisions need

    def currents(self, keys: Iterable[Key]) -> Mapping[Key, Current]:
        """See :class:`dui_fhir.store.decision.State`."""
        wanted = {"_id": {"$in": [f"{type}/{id}" for type, id in keys]}}
        fields = {"t": 1, "id": 1, "v": 1, "i": 1, "live": 1, "dg": 1}
        found = self._database["resources"].find(wanted, fields, session=self._session)
        return {(d["t"], d["id"]): Current(d["v"], not d["live"], bytes.fromhex(d["dg"]), d["i"]) for d in found}

    def holders(self, keys: Iterable[str]) -> Mapping[str, Key]:
        """See :class:`dui_fhir.store.decision.State`."""
        found = self._database["keys"].find({"_id": {"$in": sorted(set(keys))}}, session=self._session)
        return {d["_id"]: (d["t"], d["id"]) for d in found}

    def matching_ids(self, query: Query) -> tuple[str, ...]:
        """See :class:`dui_fhir.store.decision.State`."""
        store = MongoStore(self._database, self._clock, self._limits)
        return tuple(d["id"] for d in store.page(query, self._session)[: query.limit])

    def leases(self, jobs: Iterable[str]) -> Mapping[str, Lease]:
        """See :class:`dui_fhir.store.decision.State`."""
        found = self._database["jobs"].find({"_id": {"$in": sorted(set(jobs))}}, session=self._session)
        return {d["_id"]: Lease(d["state"], d["lease"] or "") for d in found}


def _key(write: Write) -> str:
    return f"{write.operation.type}/{write.operation.id}"


def _version_document(write: Write, number: int, instant_ms: int) -> tuple[Document, list[Document]]:
    """Return the fields that a version has in ``history`` and in ``resources``, and the parts of a large body."""
    operation = write.operation
    document: Document = {
        "t": operation.type, "id": operation.id, "v": write.version, "i": instant_ms, "n": number, "m": "DELETE",
    }  # fmt: skip
    if not isinstance(operation, Put):
        return document, []
    body = operation.body.join(write.version, instant_ms)
    document["m"] = operation.method
    if len(body) <= PART_BYTES:
        return document | {"b": body.decode()}, []
    cut = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
    parts: list[Document] = [{"_id": f"{number}-{n}", "b": Binary(piece)} for n, piece in enumerate(cut)]
    return document | {"parts": len(parts)}, parts


def _resource_document(write: Write, version: Document) -> Document:
    put = write.operation if isinstance(write.operation, Put) else None
    fields = index_document(put.index) if put is not None else {}
    return version | {"_id": _key(write), "live": put is not None, "dg": write.digest.hex()} | fields


def _datetime(instant_ms: int) -> datetime:
    return datetime.fromtimestamp(instant_ms / 1000, UTC)

"""Shapes of the documents.

``resources`` (``_id`` = ``Type/id``): the last version of a resource and its index values, one embedded array per kind:
``tk`` tokens, ``st`` strings, ``dt`` dates, ``nb`` numbers, ``qt`` quantities, ``rf`` references, ``ur`` uris; ``cp`` the
components of composites, one element per group; ``w`` and ``cw`` the words of narrative and content; ``o`` the values to
sort by. ``history`` (``_id`` = sequence): every version; ``e`` is the instant at which the next one replaced it.
Bodies (``b``) are JSON text; those over :data:`PART_BYTES` bytes are cut into ``parts``, because a document holds 16 MiB at most.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from dui_fhir.domain import json
from dui_fhir.domain.index import IndexValues, stem
from dui_fhir.domain.job import Job
from dui_fhir.domain.query import Kind
from dui_fhir.domain.version import Version

Document: TypeAlias = dict[str, Any]

PART_BYTES = 8 << 20

ARRAYS: Mapping[Kind, str] = {
    "token": "tk",
    "string": "st",
    "date": "dt",
    "number": "nb",
    "quantity": "qt",
    "reference": "rf",
    "uri": "ur",
}


def index_document(index: IndexValues) -> Document:
    """Return the fields of ``resources`` that searches look at."""
    plain = _arrays(index, grouped=False)
    found: Document = {name: [e for _, e in elements] for name, elements in plain.items() if elements}
    found |= {"cp": _components(index), "w": index.text.split(), "cw": index.content.split(), "o": _order(index)}
    return {name: value for name, value in found.items() if value}


INDEX_FIELDS = (*ARRAYS.values(), "cp", "o")
"""The fields that depend on search parameters: all but the words."""


def reindexed(held: Document, params: Collection[str], index: IndexValues) -> Document:
    """Return the fields :data:`INDEX_FIELDS` of a document once the values of some parameters are replaced."""
    kept = {name: [e for e in held.get(name, ()) if stem(e["p"]) not in params] for name in ARRAYS.values()}
    kept["cp"] = [group for one in held.get("cp", ()) if (group := _without(one, params))]
    order = {
        kind: {field: bounds for field, bounds in fields.items() if stem(_param_of(field)) not in params}
        for kind, fields in held.get("o", {}).items()
    }
    new = index_document(index.of(params))
    for kind, fields in new.pop("o", {}).items():
        order[kind] = order.get(kind, {}) | fields
    merged: Document = {name: [*values, *new.get(name, ())] for name, values in kept.items()}
    merged["o"] = {kind: fields for kind, fields in order.items() if fields}
    return {name: value for name, value in merged.items() if value}


def _without(group: Document, params: Collection[str]) -> Document:
    kept = {name: [e for e in elements if stem(e["p"]) not in params] for name, elements in group.items()}
    return {name: elements for name, elements in kept.items() if elements}


def _arrays(index: IndexValues, *, grouped: bool) -> dict[str, list[tuple[int, Document]]]:
    """Return group and element of each value, by array; ``grouped``: those of composites, or the others."""
    arrays: dict[str, list[tuple[int, Document]]] = {
        "tk": [(v.group, {"p": v.param, "c": v.code, "s": v.system or ""}) for v in index.tokens],
        "st": [(v.group, {"p": v.param, "f": v.folded, "e": v.exact}) for v in index.strings],
        "dt": [(v.group, {"p": v.param, "l": v.low, "h": v.high}) for v in index.dates],
        "nb": [(v.group, {"p": v.param, "l": float(v.low), "h": float(v.high)}) for v in index.numbers],
        "qt": [
            (
                v.group,
                {
                    "p": v.param, "l": float(v.low), "h": float(v.high), "s": v.system, "c": v.code, "u": v.unit,
                    "cl": v.canonical_low, "ch": v.canonical_high, "cc": v.canonical_code,
                },
            )
            for v in index.quantities
        ],
        "rf": [(v.group, {"p": v.param, "t": v.type, "i": v.id, "u": v.url, "v": v.version}) for v in index.references],
        "ur": [(v.group, {"p": v.param, "v": v.value}) for v in index.uris],
    }  # fmt: skip
    return {name: [pair for pair in pairs if bool(pair[0]) == grouped] for name, pairs in arrays.items()}


def _components(index: IndexValues) -> list[Document]:
    groups: dict[int, Document] = {}
    for name, pairs in _arrays(index, grouped=True).items():
        for group, element in pairs:
            groups.setdefault(group, {}).setdefault(name, []).append(element)
    return list(groups.values())


def _order(index: IndexValues) -> Document:
    """Return, by ``kind.param``: ``a`` the smallest value, ``d`` the greatest, ``m`` a mark that there is one."""
    bounds: dict[tuple[Kind, str], tuple[Any, Any]] = {}
    for kind, param, low, high in _sortable(index):
        first, last = bounds.get((kind, param), (low, high))
        bounds[kind, param] = (min(first, low), max(last, high))
    found: Document = {}
    for (kind, param), (low, high) in bounds.items():
        found.setdefault(kind, {})[field_name(param)] = {"a": low, "d": high, "m": 1}
    return found


def _sortable(index: IndexValues) -> Iterable[tuple[Kind, str, Any, Any]]:
    yield from (("token", v.param, v.code, v.code) for v in index.tokens if not v.group)
    yield from (("string", v.param, v.folded, v.folded) for v in index.strings if not v.group)
    yield from (("date", v.param, v.low, v.high) for v in index.dates if not v.group)
    yield from (("number", v.param, float(v.low), float(v.high)) for v in index.numbers if not v.group)
    yield from (("uri", v.param, v.value, v.value) for v in index.uris if not v.group)
    for r in index.references:
        if not r.group:
            text = r.url if r.url is not None else f"{r.type}/{r.id}"
            yield "reference", r.param, text, text
    for q in index.quantities:
        canonical = q.canonical_low is not None and q.canonical_high is not None
        low, high = (q.canonical_low, q.canonical_high) if canonical else (q.low, q.high)
        if not q.group and low is not None and high is not None:
            yield "quantity", q.param, float(low), float(high)


def field_name(param: str) -> str:
    """Return a parameter's code as the name of a field, where ``.`` and ``$`` mean something else."""
    return param.replace("%", "%25").replace(".", "%2e").replace("$", "%24")


def _param_of(field: str) -> str:
    return field.replace("%24", "$").replace("%2e", ".").replace("%25", "%")


def version_of(document: Document, body: bytes | None) -> Version:
    """Return the version that a document of ``history`` or ``resources`` holds."""
    return Version(
        type=document["t"],
        id=document["id"],
        version=document["v"],
        instant_ms=document["i"],
        sequence=document["n"],
        method=document["m"],
        body=body,
    )


def job_document(job: Job, n: int, *, number: int, turn: bool) -> Document:
    """Return a job as stored; ``n`` orders jobs by age, ``number`` within the stream; ``turn``: no earlier one is open."""
    return {
        "_id": job.id, "kind": job.kind, "key": job.key, "payload": json.dumps(job.payload), "task": job.task,
        "due": job.due_ms, "attempts": job.attempts, "state": job.state, "lease": job.lease,
        "until": job.lease_until_ms, "error": job.error, "n": n, "stream": job.stream, "number": number, "turn": turn,
    }  # fmt: skip


def job_of(document: Document) -> Job:
    """Return the job that a document holds."""
    return Job(
        id=document["_id"], kind=document["kind"], key=document["key"], payload=json.loads(bytes(document["payload"])),
        task=document["task"], due_ms=document["due"], attempts=document["attempts"], state=document["state"],
        lease=document["lease"], lease_until_ms=document["until"], error=document["error"], stream=document["stream"],
        number=document["number"],
    )  # fmt: skip

"""What passes between a store and its writer process: frames of msgpack, never pickle.

A frame is a length of four bytes, big endian, then one msgpack array. Requests: ``[method, tenant, argument…]``; answers:
``[True, value]`` or ``[False, class, id, text, diagnostics]``.
"""

import struct
from dataclasses import fields, is_dataclass
from typing import Any, cast

import msgpack

from dui_fhir.domain import errors, json, plan, query
from dui_fhir.domain.body import Body
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job, JobSettlement

FRAME_BYTES_MAX = 1 << 30
LENGTH = struct.Struct(">I")

_VALUES = {
    cls.__name__: cls
    for cls in (
        *(getattr(query, name) for name in dir(query)),
        *(getattr(plan, name) for name in dir(plan)),
        Job,
        JobSettlement,
    )
    if isinstance(cls, type) and is_dataclass(cls)
}
_ERRORS = {
    cls.__name__: cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.DuiError)
}


def pack(value: Any) -> bytes:
    """Return one frame."""
    data = msgpack.packb(value, use_bin_type=True)
    return LENGTH.pack(len(data)) + cast(bytes, data)


def unpack(data: bytes) -> Any:
    """Return the value of a frame, its length taken off; arrays are tuples."""
    return msgpack.unpackb(data, use_list=False, raw=False, strict_map_key=False)


def encode_plan(sent: plan.Plan) -> Any:
    """Return a plan as arrays."""
    return (
        [_operation(o) for o in sent.operations],
        [encode(p) for p in sent.preconditions],
        [encode(j) for j in sent.jobs],
        [encode(s) for s in sent.settlements],
        sent.request_key,
    )


def _values(index: IndexValues) -> Any:
    return (
        index.tokens, index.strings, index.dates, index.numbers, index.quantities, index.references, index.uris,
        index.text, index.content,
    )  # fmt: skip


def _operation(operation: plan.Operation) -> Any:
    if isinstance(operation, plan.Reindex):
        return (operation.type, operation.id, operation.expect, operation.params, _values(operation.index))
    if isinstance(operation, plan.Erase):
        return (operation.type, operation.id, operation.expect, "erase")
    if isinstance(operation, plan.Delete):
        return (operation.type, operation.id, operation.expect)
    values = _values(operation.index)
    body, method, expect = operation.body, operation.method, operation.expect
    options = (operation.unique, operation.keep_if_same)
    return (operation.type, operation.id, expect, body.head, body.tail, values, method, *options)


def decode_plan(data: Any) -> plan.Plan:
    """Return the plan that :func:`encode_plan` wrote; its index values are plain tuples, in the order of their fields."""
    operations, preconditions, jobs, settlements, request_key = data
    return plan.Plan(
        operations=tuple(_decode_operation(o) for o in operations),
        preconditions=tuple(decode(p) for p in preconditions),
        jobs=tuple(decode(j) for j in jobs),
        settlements=tuple(decode(s) for s in settlements),
        request_key=request_key,
    )


def _decode_operation(data: Any) -> plan.Operation:
    if len(data) == 3:
        return plan.Delete(type=data[0], id=data[1], expect=data[2])
    if len(data) == 4:
        return plan.Erase(type=data[0], id=data[1], expect=data[2])
    if len(data) == 5:
        return plan.Reindex(type=data[0], id=data[1], expect=data[2], params=data[3], index=_index(data[4]))
    type, id, expect, head, tail, values, method, unique, keep_if_same = data
    return plan.Put(
        type=type, id=id, expect=expect, body=Body(head, tail), index=_index(values), method=method, unique=unique,
        keep_if_same=keep_if_same,
    )  # fmt: skip


def _index(values: Any) -> IndexValues:
    tokens, strings, dates, numbers, quantities, references, uris, text, content = values
    return IndexValues(
        tokens=tokens, strings=strings, dates=dates, numbers=numbers, quantities=quantities, references=references,
        uris=uris, text=text, content=content,
    )  # fmt: skip


def encode_committed(committed: plan.Committed) -> Any:
    """Return the answer to a plan as arrays."""
    written = [(w.type, w.id, w.version, w.instant_ms, w.changed, w.created) for w in committed.written]
    return (committed.instant_ms, written, committed.replayed)


def decode_committed(data: Any) -> plan.Committed:
    """Return the answer that :func:`encode_committed` wrote."""
    instant_ms, listed, replayed = data
    written = tuple(
        plan.Written(type=type, id=id, version=version, instant_ms=at_ms, changed=changed, created=created)
        for type, id, version, at_ms, changed, created in listed
    )
    return plan.Committed(instant_ms=instant_ms, written=written, replayed=replayed)


def encode_result(result: plan.Result) -> Any:
    """Return an answer as arrays: a commit's, or a refusal's after None."""
    return encode_committed(result) if isinstance(result, plan.Committed) else (None, encode(result))


def decode_result(data: Any) -> plan.Result:
    """Return the answer that :func:`encode_result` wrote."""
    if data[0] is not None:
        return decode_committed(data)
    refused: plan.Refused = decode(data[1])
    return refused


def encode(value: Any) -> Any:
    """Return a value of the domain as arrays: a dataclass is its name, then its fields; a dict is JSON."""
    if is_dataclass(value):
        return [type(value).__name__, *(encode(getattr(value, f.name)) for f in fields(value))]
    if isinstance(value, tuple):
        return ["", *(encode(v) for v in value)]
    if isinstance(value, dict):
        return ["{}", json.dumps(value)]
    return value


def decode(data: Any) -> Any:
    """Return the value that :func:`encode` wrote."""
    if not isinstance(data, tuple | list):
        return data
    name, *content = data
    if name == "{}":
        return json.loads(content[0])
    values = [decode(v) for v in content]
    if name == "":
        return tuple(values)
    cls = _VALUES[name]
    return cls(**dict(zip((f.name for f in fields(cls)), values, strict=True)))


def encode_error(error: errors.DuiError) -> Any:
    """Return the first issue of an error as arrays."""
    issue = error.issues[0]
    return (type(error).__name__, issue.code, issue.id, issue.text, issue.diagnostics)


def decode_error(data: Any) -> errors.DuiError:
    """Return the error that :func:`encode_error` wrote."""
    name, code, id, text, diagnostics = data
    return _ERRORS[name]([Issue(severity="error", code=code, id=id, text=text, diagnostics=diagnostics)])

"""Which parameters a parsed search asks the index for, each with the type it is asked on."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from dui_fhir.domain.index import stem
from dui_fhir.domain.query import Chain, Has
from dui_fhir.search.parse import ParsedSearch


def used(search: ParsedSearch) -> frozenset[tuple[str | None, str]]:
    """Return ``(type, code)`` of criteria, sorts and inclusions; type None = of any type."""
    types: tuple[str | None, ...] = search.query.types or (None,)
    found = set(_of_node(search.query.where, types))
    found |= {(type, key.param) for key in search.query.sort for type in types}
    found |= {(i.source, i.param) for i in (*search.includes, *search.revincludes) if i.param is not None}
    return frozenset(found)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _of_node(node: Any, types: Iterable[str | None]) -> Iterator[tuple[str | None, str]]:
    if isinstance(node, Chain):
        yield from ((type, node.param) for type in types)
        yield from _of_node(node.node, node.types)
    elif isinstance(node, Has):
        yield node.type, node.param
        yield from _of_node(node.node, (node.type,))
    else:
        for name in _names(cast(Hashable, type(node))):
            value = getattr(node, name)
            if name == "param":
                yield from ((type, stem(value)) for type in types)
            elif isinstance(value, tuple):
                for one in value:
                    yield from _of_node(one, types)
            else:
                yield from _of_node(value, types)

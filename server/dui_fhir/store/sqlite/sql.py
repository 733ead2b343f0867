"""Pieces of SQL with their bound parameters. Only numbers of the store's own dictionaries are written into the text."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Sql(NamedTuple):
    """Text and the values of its ``?``, in order."""

    text: str
    args: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text)


TRUE, FALSE = Sql("1"), Sql("0")


def concat(*parts: Sql | str) -> Sql:
    """Return the parts one after the other."""
    texts: list[str] = []
    args: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        else:
            texts.append(part[0])
            args += part[1]
    return Sql("".join(texts), tuple(args))


def all_of(parts: Iterable[Sql]) -> Sql:
    """Return the conjunction; empty = true."""
    kept = [part for part in parts if part != TRUE]
    if FALSE in kept:
        return FALSE
    return _joined(" AND ", kept) if kept else TRUE


def any_of(parts: Iterable[Sql]) -> Sql:
    """Return the disjunction; empty = false."""
    kept = [part for part in parts if part != FALSE]
    if TRUE in kept:
        return TRUE
    return _joined(" OR ", kept) if kept else FALSE


def union(parts: Sequence[Sql]) -> Sql:
    """Return ``UNION ALL`` of queries, in halves: SQLite takes at most 500 terms side by side."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) <= 400:
        return Sql(" UNION ALL ".join([p[0] for p in parts]), tuple([arg for p in parts for arg in p[1]]))
    middle = len(parts) // 2
    left, right = union(parts[:middle]), union(parts[middle:])
    return concat("SELECT * FROM (", left, ") UNION ALL SELECT * FROM (", right, ")")


def among(column: str, values: Sequence[Any]) -> Sql:
    """Return ``column IN (…)``, or an equality."""
    if len(values) == 1:
        return Sql(f"{column} = ?", (values[0],))
    return Sql(f"{column} IN ({','.join('?' * len(values))})", tuple(values))


def _joined(operator: str, parts: Sequence[Sql]) -> Sql:
    # a balanced tree: SQLite refuses expressions deeper than 1000
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return concat("(", _joined(operator, parts[:middle]), operator, _joined(operator, parts[middle:]), ")")

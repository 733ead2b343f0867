"""The headers of a request as a mapping whose names are not case sensitive, read where the server put them."""

from collections.abc import Iterator, Mapping
from typing import Any

_WITHOUT_PREFIX = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


class Headers(Mapping[str, str]):
    """Those of a WSGI environment (PEP 3333): nothing is copied, since most requests are asked for two or three names."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        key = name.upper().replace("-", "_")
        value: str = self._environ[key if key in _WITHOUT_PREFIX else f"HTTP_{key}"]
        return value

    def __iter__(self) -> Iterator[str]:
        for key, value in self._environ.items():
            if key.startswith("HTTP_"):
                yield key[5:].replace("_", "-").title()
            elif key in _WITHOUT_PREFIX and value:
                yield key.replace("_", "-").title()

    def __len__(self) -> int:
        return sum(1 for _ in self)

"""The definitions that ship with the project, read at first use."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from dui_fhir.validation.library import Given


@cache
def core_extensions() -> Given:
    """Return the extensions that R4 itself defines."""
    return Given(_read("r4", "extensions.json"))


def _read(*path: str) -> list[Mapping[str, Any]]:
    data = files("dui_fhir_profiles").joinpath(*path).read_bytes()
    return orjson.loads(data)  # type: ignore[no-any-return]

"""Reading the tables of facts that ship as ``dui_fhir_profiles``."""

from importlib.resources import files
from typing import Any

import orjson


def read(*path: str) -> Any:
    """Return the JSON of ``profiles/<path>``. Raises: FileNotFoundError."""
    return orjson.loads(files("dui_fhir_profiles").joinpath(*path).read_bytes())

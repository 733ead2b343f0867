"""The parameters of corridors that a tenant, or one of its structures, sets for itself: delays, thresholds, severities (D7).

Kept with the tenant's settings, one line ``<name> <JSON value>`` each, under ``parameters.*`` for all its structures and
``parameters.<FINESS>`` for one. What a structure says wins over what the tenant says, which wins over the corridor.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from dui_fhir.domain import json
from dui_fhir.domain.calendar import day_of
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.structure import Structure
from dui_fhir.service.tenant_settings import Values

PREFIX: Final = "parameters."
ALL: Final = "*"
SEVERITIES: Final = ("error", "warning", "information")


class OwnParameters:
    """Those of one tenant. Safe to use from several threads: what is merged is kept, and never changed."""

    def __init__(self, values: Values | None = None) -> None:
        self._own = {
            key.removeprefix(PREFIX): _read(lines) for key, lines in (values or {}).items() if key.startswith(PREFIX)
        }
        self._merged: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def over(self, shipped: Mapping[str, Any], structure: Structure | None) -> Mapping[str, Any]:
        """Return the values in force for a structure, None = no structure known; ``shipped`` are those of the corridors."""
        if not self._own:
            return shipped
        finess = structure.finess if structure is not None else ""
        known = self._merged.get(finess)
        if known is None or known[0] is not shipped:
            own = {**self._own.get(ALL, {}), **self._own.get(finess, {})}
            known = self._merged[finess] = (shipped, MappingProxyType({**shipped, **own}))
        return known[1]


def changed(values: Values, place: str, name: str, text: str | None, shipped: Mapping[str, Any]) -> Values:
    """Return the change of settings that sets one parameter, or gives it back to the corridor (``text`` None).

    ``place``: a FINESS or :data:`ALL`. ``text``: JSON, or a bare word. ``shipped``: the values of the corridors, which say what
    there is and of what type. Raises: BadRequest (``tenant-parameter``).
    """
    if name not in shipped:
        raise _refused(f"Paramètre inconnu : « {name[:80]} » (dui-fhir plugin docs les énumère).", "unknown parameter")
    own = dict(_read(values.get(f"{PREFIX}{place}", ())))
    own.pop(name, None)
    if text is not None:
        own[name] = _checked(name, _parsed(text), shipped[name])
    return {f"{PREFIX}{place}": tuple(f"{key} {json.dumps(value).decode()}" for key, value in sorted(own.items()))}


def _read(lines: tuple[str, ...]) -> Mapping[str, Any]:
    pairs = (line.partition(" ") for line in lines)
    return {name: json.loads(value.encode()) for name, _, value in pairs}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text.encode())
    except ValueError:
        return text


def _checked(name: str, value: Any, shipped: Any) -> Any:
    if ".severity." in name and value not in SEVERITIES:
        raise _refused(f"Une gravité vaut {', '.join(SEVERITIES)}.", "not a severity")
    number = isinstance(shipped, int | float) and not isinstance(shipped, bool)
    same = (
        isinstance(value, int | float) and not isinstance(value, bool) if number else isinstance(value, type(shipped))
    )
    if not same:
        example = json.dumps(shipped).decode()[:60]
        raise _refused(
            f"La valeur de {name} n'est pas de la bonne sorte : celle du couloir est {example}.", "other type"
        )
    if name.endswith("_date") and value and day_of(value) is None:
        raise _refused(f"{name} porte un jour, AAAA-MM-JJ, ou rien.", "not a day")
    return value


def _refused(text: str, diagnostics: str) -> BadRequest:
    return BadRequest.of("tenant-parameter", text, diagnostics)

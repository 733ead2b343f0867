"""The settings of one tenant, kept in its own data: saved, versioned and seen by every process as the rest of them.

Values are lists of texts by name. Only the command line writes them; see ``docs/validation.md`` for their meaning.
"""

from collections.abc import Mapping
from typing import Any, Final

from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.plan import Plan, Put, Refused
from dui_fhir.ports import Store
from dui_fhir.search.extract import Extractor

TYPE: Final = "Basic"
ID: Final = "dui-settings"
_SETTING = "urn:dui-fhir:setting"
Values = Mapping[str, tuple[str, ...]]


def is_settings(type: str, id: str) -> bool:
    """Tell whether this is the resource that holds them, which no client writes."""
    return (type, id) == (TYPE, ID)


def version(store: Store) -> int:
    """Return the version of the settings, 0 where none was ever set: one read by key."""
    found = store.read(TYPE, ID)
    return 0 if found is None else found.version


def load(store: Store) -> tuple[int, Values]:
    """Return the version and the values."""
    found = store.read(TYPE, ID)
    if found is None or found.deleted:
        return (0 if found is None else found.version), {}
    return found.version, _values(found.resource())


def _values(resource: Resource) -> Values:
    values: dict[str, tuple[str, ...]] = {}
    for extension in resource.get("extension", ()):
        parts = extension.get("extension", ())
        name = next((p["valueString"] for p in parts if p["url"] == "name"), None)
        if name is not None:
            values[name] = tuple(p["valueString"] for p in parts if p["url"] == "value")
    return values


def save(store: Store, extractor: Extractor, changes: Values) -> bool:
    """Change settings, an empty list going back to the server's; return whether the writer took it.

    False: another command wrote at the same moment, ask again.
    """
    known, values = load(store)
    merged = {name: lines for name, lines in sorted((dict(values) | dict(changes)).items()) if lines}
    resource = _resource(merged)
    body, index = Body.of(resource), extractor.extract(resource)
    put = Put(type=TYPE, id=ID, body=body, index=index, method="PUT", expect=known)
    return not isinstance(store.submit(Plan(operations=(put,))), Refused)


def _resource(values: Values) -> Resource:
    resource: dict[str, Any] = {
        "resourceType": TYPE,
        "id": ID,
        "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "internal"}]},
        "code": {"coding": [{"system": "urn:dui-fhir:basic", "code": "settings"}]},
    }
    if values:
        resource["extension"] = [{"url": _SETTING, "extension": _parts(n, lines)} for n, lines in values.items()]
    return resource


def _parts(name: str, lines: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"url": "name", "valueString": name}, *({"url": "value", "valueString": line} for line in lines)]

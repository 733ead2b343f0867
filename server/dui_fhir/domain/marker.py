"""The marker of a tenant: what a process has read of the tenant's own configuration holds for one version of it.

Subscriptions and search parameters decide what every write must do, and several processes write. Each transaction that
changes them makes a new version of the marker, and every write has the version it knows as precondition: a process that does
not know of the change is refused by the writer, reads again, and writes then.
"""

from typing import Any, Final

from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.plan import ABSENT, Put, VersionIs
from dui_fhir.domain.version import Version

# the first thing it stood for were subscriptions; the id is in the files of tenants
TYPE: Final = "Basic"
ID: Final = "dui-subscriptions"


def is_marker(type: str, id: str) -> bool:
    """Tell whether this is the marker."""
    return (type, id) == (TYPE, ID)


def resource(extensions: list[dict[str, Any]]) -> Resource:
    """Return the marker as a resource."""
    marker: Resource = {
        "resourceType": TYPE,
        "id": ID,
        "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "internal"}]},
        "code": {"coding": [{"system": "urn:dui-fhir:basic", "code": "subscriptions"}]},
    }
    return {**marker, "extension": extensions} if extensions else marker


def put(content: Resource, index: IndexValues) -> Put:
    """Return the operation by which a plan tells that it changes the tenant's configuration."""
    return Put(type=TYPE, id=ID, body=Body.of(content), index=index, keep_if_same=False)


def version_of(found: Version | None) -> int:
    """Return the number that stands for what was read."""
    return ABSENT if found is None or found.deleted else found.version


def precondition(version: int) -> VersionIs:
    """Return what must still be so when a plan judged by that version is applied."""
    return VersionIs(type=TYPE, id=ID, version=version)

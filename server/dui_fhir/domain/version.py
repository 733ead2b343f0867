"""One stored version of one resource."""

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.value import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """Bytes as stored and served; ``body`` None = this version is a deletion. ``sequence`` grows with each version
    written in the tenant and orders its history."""

    type: str
    id: str
    version: int
    instant_ms: int
    sequence: int
    method: str
    body: bytes | None

    @property
    def deleted(self) -> bool:
        """True for the version that a delete made."""
        return self.body is None

    def resource(self) -> Resource:
        """Parse the body: a new dict at each call. Raises: ValueError for a deletion."""
        if self.body is None:
            raise ValueError(f"{self.type}/{self.id} version {self.version} is a deletion")
        resource: Resource = json.loads(self.body)
        return resource

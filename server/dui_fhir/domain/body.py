"""A resource's bytes with a gap where the writer puts its version and instant.

The version of a resource is known only inside the writer; serialising there would make the one writer do everybody's
work. So the service serialises around the gap and the writer joins three byte strings.
"""

from dataclasses import dataclass
from hashlib import blake2b

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant


@dataclass(frozen=True, slots=True)
class Body:
    """JSON text before and after ``"versionId":"…","lastUpdated":"…"`` in ``meta``."""

    head: bytes
    tail: bytes

    @classmethod
    def of(cls, resource: Resource) -> "Body":
        """Serialise a resource; its own ``meta.versionId`` and ``meta.lastUpdated`` are dropped.

        Order: resourceType, id, meta, then the rest as received.
        """
        first = {"resourceType": resource["resourceType"], "id": resource["id"]}
        meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
        rest = {k: v for k, v in resource.items() if k not in ("resourceType", "id", "meta")}
        head = json.dumps(first)[:-1] + b',"meta":{'
        tail = (b"," + json.dumps(meta)[1:] if meta else b"}") + (b"," + json.dumps(rest)[1:] if rest else b"}")
        return cls(head, tail)

    def join(self, version: int, instant_ms: int) -> bytes:
        """Return the stored JSON of this version."""
        gap = f'"versionId":"{version}","lastUpdated":"{instant(instant_ms)}"'
        return self.head + gap.encode() + self.tail

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that are equal for equal content, version and instant left out."""
        return blake2b(self.head + b"\0" + self.tail, digest_size=16).digest()

"""A resource's bytes with a gap where the writer puts its version and instant.

The version of a resource is known only inside the writer; serialising there would make the one writer do everybody's
work. So the service serialises around the gap and the writer joins three byte strings.
"""

from hashlib import blake2b

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.value import dataclass


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

    @classmethod
    def stored(cls, data: bytes, version: int, instant_ms: int) -> "Body | None":
        """Take the stored JSON of a version apart; None where it is not that version's."""
        head, gap, tail = data.partition(_gap(version, instant_ms))
        return cls(head, tail) if gap else None

    def join(self, version: int, instant_ms: int) -> bytes:
        """Return the stored JSON of this version."""
        return self.head + _gap(version, instant_ms) + self.tail

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that are equal for equal content, version and instant left out."""
        return blake2b(self.head + b"\0" + self.tail, digest_size=16).digest()


def same(one: Resource, other: Resource) -> bool:
    """Tell whether two resources have the same content: the order of properties means nothing in JSON, that of lists does, and a
    number is what is written (``1.0`` is not ``1.00``). Version and instant are left out."""
    # equal values first: what differs is seen at once, and ``true`` equals ``1`` only there
    return _content(one) == _content(other) and _ordered(one) == _ordered(other)


def _content(resource: Resource) -> tuple[Resource, Resource]:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return meta, {k: v for k, v in resource.items() if k != "meta"}


def _ordered(resource: Resource) -> bytes:
    return json.dumps(_content(resource), ordered=True)


def _gap(version: int, instant_ms: int) -> bytes:
    return f'"versionId":"{version}","lastUpdated":"{instant(instant_ms)}"'.encode()

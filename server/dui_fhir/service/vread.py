"""vread: one version from the history. Source: FHIR R4, http.html#vread."""

from dui_fhir.domain.errors import NotFound
from dui_fhir.service import content, read
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse


def vread(call: Call) -> ServiceResponse:
    """Return one version. Raises: NotFound (``core-version-unknown``, …), Gone for the version a delete made."""
    type, vid = content.known_type(call.type), call.names["vid"]
    number = int(vid) if vid.isascii() and vid.isdigit() and len(vid) < 19 else 0
    found = call.store.read_version(type, call.id, number) if number else None
    if found is None:
        raise NotFound.of(
            "core-version-unknown", f"Aucune version de ce numéro pour cette ressource {type}.", "no such version"
        )
    return read.answer(call, read.present(found, type))

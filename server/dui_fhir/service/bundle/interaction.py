"""The interaction on the base: which Bundle is it, and what is answered."""

from dui_fhir.domain.errors import Unprocessable
from dui_fhir.service import bundles, content
from dui_fhir.service.bundle.batch import batch
from dui_fhir.service.bundle.transaction import transaction
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse


def bundle(call: Call) -> ServiceResponse:
    """Serve a batch entry by entry, or a transaction as a whole.

    Raises: Unprocessable (``core-bundle-type``), and for a transaction what its entries raise, all faults of one phase
    together; then nothing is stored.
    """
    received = content.received(call, "Bundle")
    match received.get("type"):
        case "batch":
            entries = batch(call, received)
        case "transaction":
            entries = transaction(call, received)
        case _:
            raise Unprocessable.of(
                "core-bundle-type",
                "Seuls les Bundles de type « batch » ou « transaction » se postent à la base ; les autres se créent sous /Bundle.",
                "Bundle.type is neither batch nor transaction",
                ["Bundle.type"],
            )
    body = bundles.bundle(f"{received['type']}-response", entries, links={}, now_ms=call.engine.clock.now_ms())
    return ServiceResponse(status=200, body=body)

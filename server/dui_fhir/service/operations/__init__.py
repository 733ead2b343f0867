"""The operations that the server itself offers.

A module gives ``operation(…)`` or ``operations(…)``: values of :class:`dui_fhir.domain.operation.Operation`, which say what to
write, or of :class:`dui_fhir.service.engine.Served`, which answer by themselves; :func:`served` lists the latter.
"""

from dui_fhir.service.engine import Served
from dui_fhir.service.operations import document, everything, index_status, lastn, meta, purge, validate


def served() -> tuple[Served, ...]:
    """Return the operations of R4 that page, stream or only read."""
    return (
        *everything.operations(),
        *meta.operations(),
        document.operation(),
        lastn.operation(),
        index_status.operation(),
        validate.operation(),
        *purge.operations(),
    )

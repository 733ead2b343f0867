"""A structure: one ESSMS of a tenant, known by its FINESS géographique."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """One establishment or service.

    ``finess`` has nine characters (Corsican numbers hold a letter); ``category`` is the FINESS category code (``500`` =
    EHPAD); ``corridors`` are the ids of the domains whose rules apply there (decision D13), the common trunk excluded.
    """

    finess: str
    category: str
    name: str
    address: str
    corridors: tuple[str, ...] = ()

"""The INS of a Patient, as the rules and documents of the trunk name it. The reading is that of the whole server."""

from dui_fhir.api import INS_HIGH_TRUST as HIGH_TRUST
from dui_fhir.api import INS_OIDS
from dui_fhir.api import InsIdentity as Identity
from dui_fhir.api import InsTraits as Traits
from dui_fhir.api import read_identity as identity

__all__ = ["HIGH_TRUST", "INS_OIDS", "Identity", "Traits", "identity"]

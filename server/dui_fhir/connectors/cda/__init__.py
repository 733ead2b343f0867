"""CDA R2 level 1: a PDF under the header of the CI-SIS volet "Structuration minimale de documents de santé"."""

from dui_fhir.connectors.cda.document import build
from dui_fhir.connectors.cda.values import (
    Act,
    Author,
    CdaInput,
    Device,
    Organization,
    Patient,
    PersonName,
    Professional,
    Relative,
    Signatory,
    Stay,
)

__all__ = [
    "Act",
    "Author",
    "CdaInput",
    "Device",
    "Organization",
    "Patient",
    "PersonName",
    "Professional",
    "Relative",
    "Signatory",
    "Stay",
    "build",
]

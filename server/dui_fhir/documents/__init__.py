"""Documents for people: layout of a corridor's template as PDF/A-1b, INS datamatrix, checks of a PDF/A."""

from dui_fhir.documents.datamatrix import InsTraits, payload, svg
from dui_fhir.documents.pdfa import faults
from dui_fhir.documents.renderer import TypstRenderer

__all__ = ["InsTraits", "TypstRenderer", "faults", "payload", "svg"]

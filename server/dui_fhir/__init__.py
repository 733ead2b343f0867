"""dui-fhir: a headless FHIR R4 server for the French DUI. Plugins import ``dui_fhir.api`` only."""

__version__ = "0.1.0"

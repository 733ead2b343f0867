"""XDS.b metadata of the French profile: the request ITI-41 and the queries around it. Derived from the CDA's own values."""

from dui_fhir.connectors.xds.request import SetSignature, Submission, provide_and_register

__all__ = ["SetSignature", "Submission", "provide_and_register"]

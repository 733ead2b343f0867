"""What every transaction of the simulated DMP is given."""

from dataclasses import dataclass

from dui_fhir.simulators.dmp.policy import Policy
from dui_fhir.simulators.dmp.registry import Registry
from dui_fhir.simulators.dmp.vihf import Vihf, refuse
from dui_fhir.simulators.mtom import Package
from dui_fhir.simulators.soap import Element


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One authenticated request; ``package`` holds its attachments."""

    body: Element
    package: Package
    vihf: Vihf
    registry: Registry
    policy: Policy
    now_ms: int


def patient_key(cx: str) -> str:
    """Reduce an INS in CX form to ``<INS>^^^&<root>``, the form by which the registry compares patients."""
    return cx.partition("&ISO")[0]


def check_patient(vihf: Vihf, cx: str) -> None:
    """Refuse a VIHF made for another patient, or for none.

    Raises: SoapFault.
    """
    if patient_key(vihf.patient) != patient_key(cx):
        raise refuse("PATIENT", "Le VIHF n'est pas établi pour le patient du message.", "FailedAuthentication")

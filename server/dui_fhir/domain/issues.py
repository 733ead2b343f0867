"""What is wrong with a resource or a request, one fault at a time.

Source: FHIR R4, operationoutcome.html; shape of the project: docs/errors.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]

ISSUE_SYSTEM = "urn:dui-fhir:issue"
"""System of the stable ids carried by ``issue.details.coding``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """One fault or remark.

    ``code`` is a code of the R4 issue-type code system; ``id`` the stable id of docs/errors.md or of a rule (``PA-01``);
    ``text`` a French sentence for the user; ``diagnostics`` technical English without personal data; ``expression`` the
    FHIRPath of the elements concerned (``Patient.birthDate``).
    """

    severity: Severity
    code: str
    id: str
    text: str
    diagnostics: str = ""
    expression: tuple[str, ...] = ()

    @property
    def blocking(self) -> bool:
        """True where the write must not happen."""
        return self.severity in ("fatal", "error")

    def as_fhir(self) -> dict[str, Any]:
        """Return the element ``OperationOutcome.issue``."""
        issue: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "details": {"coding": [{"system": ISSUE_SYSTEM, "code": self.id}], "text": self.text},
        }
        if self.diagnostics:
            issue["diagnostics"] = self.diagnostics
        if self.expression:
            issue["expression"] = list(self.expression)
        return issue


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Return an OperationOutcome; without any issue, the one that says all went well."""
    found = [issue.as_fhir() for issue in issues]
    if not found:
        found = [Issue(severity="information", code="informational", id="core-ok", text="Aucune anomalie.").as_fhir()]
    return {"resourceType": "OperationOutcome", "issue": found}

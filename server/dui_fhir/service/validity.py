"""Is this what R4 calls a resource? Asked before anything reads it as one: rules may then trust its shape."""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.validation.faults import Report
from dui_fhir.validation.structure import check_resource


def structural(resource: Resource, path: str = "") -> tuple[Issue, ...]:
    """Return the faults of structure of a resource; ``path`` is its place in a Bundle. Source: FHIR R4, validation.html."""
    report = Report()
    check_resource(resource, report, path or str(resource.get("resourceType", "Resource")))
    return tuple(issue for issue in report.issues if issue.blocking)

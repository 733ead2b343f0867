"""What keeps a document from leaving: all faults of one sending, told together and in French."""

from dui_fhir.domain.issues import Issue


class Faults:
    """Collects the issues of one gathering. Their texts never hold traits or a matricule."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []

    def add(self, id: str, text: str, *expression: str) -> None:
        """Note a fault that keeps the document here."""
        issue = Issue(severity="error", code="required", id=id, text=text, expression=expression)
        if issue not in self._issues:
            self._issues.append(issue)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Return the faults noted so far."""
        return tuple(self._issues)

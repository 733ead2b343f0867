"""Faults of structure: stable ids, French texts, and the path of an element, built only when a fault is found."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dui_fhir.domain.issues import Issue, Severity

if TYPE_CHECKING:
    from dui_fhir.validation.bindings import Terminology

Path: TypeAlias = tuple["Path", str | int] | str
"""The place of an element: the parent's place and a key or an index; a text for the root. Cheap to make at each node."""


def render(path: Path) -> str:
    """Return ``Patient.name[0].given[1]``."""
    parts: list[str] = []
    while not isinstance(path, str):
        path, label = path
        parts.append(f"[{label}]" if isinstance(label, int) else f".{label}")
    return path + "".join(reversed(parts))


STEPS_MAX = 5_000_000


class Report:
    """Collects the faults of one validation; ``limit`` bounds what a hostile body can make.

    It also carries what the checks need to know of where they are: the resource of the element (``resource``), the one
    that contains it (``root``), the terminology service, and how to follow a reference. ``steps`` is what is left of the
    budget of the invariants of the whole validation.
    """

    __slots__ = ("_limit", "conforms", "issues", "member", "resolve", "resource", "root", "steps", "terminology")

    def __init__(self, limit: int = 500, *, terminology: "Terminology | None" = None) -> None:
        self.issues: list[Issue] = []
        self._limit = limit
        self.terminology = terminology
        self.resource: Any = None
        self.root: Any = None
        self.resolve: Callable[[str], Any] | None = None
        self.conforms: Callable[[Any, str], bool | None] | None = None
        self.member: Callable[[Any, str], bool | None] | None = None
        self.steps = STEPS_MAX

    def add(self, id: str, code: str, text: str, diagnostics: str, path: Path, severity: Severity = "error") -> None:
        """Add one fault; beyond the limit nothing more is kept, and the last place says so."""
        if len(self.issues) > self._limit:
            return
        if len(self.issues) == self._limit:
            id, code, severity = "validation-too-many", "too-long", "warning"
            text, diagnostics = "D'autres anomalies ne sont pas montrées.", f"more than {self._limit} issues"
        self.issues.append(
            Issue(severity=severity, code=code, id=id, text=text, diagnostics=diagnostics, expression=(render(path),))
        )

    def unknown(self, key: str, type: str, path: Path) -> None:
        """An element that the type does not have."""
        self.add(
            "validation-unknown-element",
            "structure",
            f"L'élément « {key[:60]} » n'existe pas ici.",
            f"{type} has no element {key[:60]!r}",
            (path, key[:60]),
        )

    def wrong_type(self, expected: str, path: Path) -> None:
        """A JSON value of another kind than the element's type."""
        self.add("validation-type", "structure", "La valeur n'est pas du type attendu.", f"expected {expected}", path)

    def bad_value(self, type: str, path: Path, reason: str = "") -> None:
        """A value that its primitive type does not allow."""
        self.add(
            "validation-value",
            "value",
            f"La valeur n'est pas un « {type} » valable.",
            f"not a valid {type}{': ' if reason else ''}{reason}",
            path,
        )

    def missing(self, name: str, path: Path) -> None:
        """A mandatory element is absent."""
        self.add(
            "validation-missing",
            "required",
            f"L'élément obligatoire « {name} » est absent.",
            f"minimum cardinality of {name} is not met",
            path,
        )

    def too_many(self, name: str, maximum: int, path: Path) -> None:
        """An element is there more often than allowed."""
        self.add(
            "validation-too-many-values",
            "structure",
            f"L'élément « {name} » est présent trop de fois (au plus {maximum}).",
            f"maximum cardinality of {name} is {maximum}",
            path,
        )

    def empty(self, path: Path) -> None:
        """An object or an array without content, which FHIR forbids."""
        self.add("validation-empty", "structure", "Un élément vide n'est pas permis.", "empty object or array", path)

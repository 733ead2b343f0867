"""Faults of structure: stable ids, French texts, and the path of an element, built only when a fault is found."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dui_fhir.domain.issues import Issue, Severity
from dui_fhir.domain.reference import rendered

if TYPE_CHECKING:
    from dui_fhir.validation.bindings import Terminology

Path: TypeAlias = tuple["Path", str | int] | str
"""The place of an element: the parent's place and a key or an index; a text for the root. Cheap to make at each node."""


STEPS_MAX = 5_000_000
_OF_THE_PLACE = ("conforms", "member", "resolve", "resource", "root", "verdicts", "steps", "extension", "depth")


UNTOLD = frozenset({"validation-dom-6", "validation-code-extensible"})
"""Best practices, and codes that an extensible binding admits: a quiet report leaves them out, and what is only an information."""
TOLD = frozenset({"validation-profile-unknown"})
"""Except this information, which is a warning where the profile was chosen for the resource."""


class Blocked(Exception):
    """A silent report found a blocking fault: whether something follows a profile is then known."""


class Report:
    """Collects the faults of one validation; ``limit`` bounds what a hostile body can make.

    It also carries what the checks need to know of where they are: the resource of the element (``resource``), the one
    that contains it (``root``), the terminology service, and how to follow a reference. ``steps`` is what is left of the
    budget of the invariants of the whole validation.
    """

    __slots__ = (
        "_limit", "conforms", "environment", "extension", "issues", "member", "profiles", "resolve", "resource", "root", "steps",
        "depth", "found", "quiet", "terminology", "verdicts",
    )  # fmt: skip

    def __init__(self, limit: int = 500, *, terminology: "Terminology | None" = None, quiet: bool = False) -> None:
        """``quiet``: leave out what a write never tells (see :data:`UNTOLD`), before it costs a text."""
        self.issues: list[Issue] = []
        self.quiet = quiet
        self._limit = limit
        self.terminology = terminology
        self.resource: Any = None
        self.root: Any = None
        self.resolve: Callable[[str], Any] | None = None
        self.conforms: Callable[[Any, str], bool | None] | None = None
        self.member: Callable[[Any, str], bool | None] | None = None
        self.profiles: Callable[[Any, Path, Report], None] | None = None
        self.extension: Callable[[Any, Path, Report], None] | None = None
        self.verdicts: dict[tuple[int, str, int], bool] = {}
        self.depth = 0
        self.found: tuple[Any, str, list[Any]] | None = None
        self.environment: Any = None
        self.steps = STEPS_MAX

    @property
    def stops(self) -> bool:
        """Return whether the first blocking fault ends the check."""
        return False

    def silent(self) -> "Report":
        """Return a report of the same place, which raises :class:`Blocked` at its first blocking fault and keeps none."""
        other = _Silent(self._limit, terminology=self.terminology)
        for name in _OF_THE_PLACE:
            setattr(other, name, getattr(self, name))
        return other

    def within(self, resource: Any, reference: str) -> "Report":
        """Return a silent report that stands in the target of a reference."""
        other = self.silent()
        other.depth += 1
        other.resource = resource
        if not reference.startswith("#"):
            other.root = resource
        return other

    def add(self, id: str, code: str, text: str, diagnostics: str, path: Path, severity: Severity = "error") -> None:
        """Add one fault; beyond the limit nothing more is kept, and the last place says so."""
        if self.quiet and (severity == "information" or id in UNTOLD) and id not in TOLD:
            return
        count = len(self.issues)
        if count > self._limit:
            return
        if count == self._limit:
            id, code, severity = "validation-too-many", "too-long", "warning"
            text, diagnostics = "D'autres anomalies ne sont pas montrées.", f"more than {self._limit} issues"
        self.issues.append(
            Issue(severity=severity, code=code, id=id, text=text, diagnostics=diagnostics, expression=(rendered(path),))
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

    def profile_type(self, type: str, allowed: list[str], path: Path) -> None:
        """A type that the profile does not allow for a choice, or for a resource."""
        self.add(
            "validation-profile-type",
            "structure",
            f"Le type « {type} » n'est pas permis ici par le profil.",
            f"allowed types: {', '.join(allowed)}",
            path,
        )

    def profile_unknown(self, canonical: str, path: Path) -> None:
        """A profile that is not at hand: nothing can be said of it."""
        self.add(
            "validation-profile-unknown",
            "not-found",
            f"Le profil « {canonical[:200]} » n'est pas disponible ici ; il n'a pas été vérifié.",
            f"profile {canonical[:200]} is not available",
            path,
            "information",
        )

    def questionnaire_unknown(self, canonical: str, path: Path) -> None:
        """A Questionnaire that is not at hand: nothing can be said of the answers."""
        self.add(
            "validation-questionnaire-unknown",
            "not-found",
            f"Le questionnaire « {canonical[:200]} » n'est pas disponible ici ; les réponses n'ont pas été vérifiées.",
            f"questionnaire {canonical[:200]} is not available",
            (path, "questionnaire"),
            "information",
        )

    def no_profile(self, canonicals: list[str], path: Path) -> None:
        """A value that follows none of the profiles allowed."""
        self.add(
            "validation-no-profile",
            "structure",
            "Cet élément ne suit aucun des profils prévus.",
            f"expected one of {', '.join(canonicals)[:300]}",
            path,
        )

    def not_fixed(self, path: Path, expected: Any) -> None:
        """A value that is not the one the profile fixes, or does not hold its pattern."""
        self.add(
            "validation-fixed",
            "value",
            "La valeur n'est pas celle que le profil impose.",
            f"expected {expected!s:.200}",
            path,
        )

    def closed(self, name: str, path: Path) -> None:
        """An item that is in no slice, where the profile allows no other."""
        self.add(
            "validation-slice-closed",
            "structure",
            f"Cet élément « {name} » n'est d'aucune des sortes que le profil permet.",
            "matches no slice, and slicing is closed",
            path,
        )

    def disorder(self, path: Path) -> None:
        """Slices in another order than the profile's."""
        self.add(
            "validation-slice-order",
            "structure",
            "Les éléments ne sont pas dans l'ordre que le profil impose.",
            "slices out of order",
            path,
        )

    def discriminator(self, discriminator: str, reason: str, path: Path) -> None:
        """A discriminator that cannot be evaluated."""
        self.add(
            "validation-slice-not-evaluated",
            "not-supported",
            "Une règle de répartition du profil n'a pas pu être vérifiée.",
            f"discriminator {discriminator[:100]}: {reason[:100]}",
            path,
            "information",
        )

    def target(self, type: str, allowed: list[str], path: Path) -> None:
        """A reference to a type that is not allowed."""
        self.add(
            "validation-reference-target",
            "structure",
            f"Une référence vers « {type[:60]} » n'est pas permise ici.",
            f"allowed targets: {', '.join(allowed)}",
            path,
        )


class _Silent(Report):
    __slots__ = ()

    @property
    def stops(self) -> bool:
        """Return whether the first blocking fault ends the check."""
        return True

    def add(self, id: str, code: str, text: str, diagnostics: str, path: Path, severity: Severity = "error") -> None:
        """Raise at a blocking fault; what blocks nothing is not even rendered."""
        if severity in ("fatal", "error"):
            raise Blocked(id)

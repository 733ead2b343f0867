"""What a reference points to: its type, and its profile where the target is at hand. Source: FHIR R4, references.html."""

from typing import TYPE_CHECKING, Any

from dui_fhir.domain.reference import Reference
from dui_fhir.validation.faults import Report

if TYPE_CHECKING:
    from dui_fhir.validation.overlay import Item, Overlay


def named_type(reference: dict[str, Any]) -> str | None:
    """Return the type that a reference names: in its literal, or in ``type``."""
    literal = reference.get("reference")
    parsed = Reference.parse(literal) if isinstance(literal, str) else None
    if parsed is not None:
        return parsed.type
    named = reference.get("type")
    return named.rsplit("/", 1)[-1] if isinstance(named, str) else None


_DEPTH_MAX = 3
"""References followed one after the other; beyond, a target is judged by its type, and by the profile it declares."""


class Targets:
    """The check of references against the targets that a profile allows."""

    def __init__(self, overlay: "Overlay") -> None:
        self._overlay = overlay

    def check(self, item: "Item", targets: list[str], aggregation: list[str], report: Report) -> None:
        """Report a target of another type, or at hand and following none of the profiles."""
        library = self._overlay.library
        literal = item.value.get("reference")
        found = report.resolve(literal) if report.resolve is not None and isinstance(literal, str) else None
        types = {library.type_of(t) for t in targets}
        named = found.type if found is not None else named_type(item.value)
        if None not in types and "Resource" not in types and named is not None and named not in types:
            report.target(named, sorted(str(t) for t in types), item.path)
            return
        self._aggregation(item, literal, found, aggregation, report)
        if found is None or report.depth >= _DEPTH_MAX:
            return
        if not any(library.is_base(t) and library.type_of(t) in (found.type, "Resource") for t in targets):
            self._profiles(item, found, targets, report)

    def _profiles(self, item: "Item", found: Any, targets: list[str], report: Report) -> None:
        from dui_fhir.validation.overlay import Item

        target = Item(found.value, found.type, None, item.path)
        inner = report.within(found.value, str(item.value.get("reference")))
        fitting = [t for t in targets if self._overlay.library.type_of(t) in (found.type, None)]
        verdicts = [self._overlay.conforms(target, t, inner) for t in fitting]
        if verdicts and True not in verdicts and None not in verdicts:
            report.no_profile(fitting, item.path)

    def _aggregation(self, item: "Item", literal: Any, found: Any, modes: list[str], report: Report) -> None:
        if not modes or not isinstance(literal, str):
            return
        held = literal.startswith("#")
        allowed = ("contained" in modes) if held else bool({"referenced", "bundled"} & set(modes))
        if not allowed or (not held and set(modes) <= {"bundled", "contained"} and found is None):
            report.add(
                "validation-aggregation",
                "structure",
                "Cette référence n'est pas de la sorte prévue (incluse, externe ou du même lot).",
                f"aggregation allowed: {', '.join(sorted(set(modes)))}",
                item.path,
            )

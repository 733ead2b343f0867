"""PDE-15 (art. 375-7, 372 to 373-2-1): who authorises an act that is not usual: both holders, the only one, or the judge."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, day_of, value

JUDGE: Final = "urn:dui-fhir:extension:decision-juge"
SOLE: Final = "urn:dui-fhir:extension:titulaire-unique"
_ACT: Final = ("urn:dui-fhir:consent", "acte-non-usuel")
_BOTH: Final = 2


def check(consent: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Yield PDE-15 for an authorisation in force that neither the holders nor the judge gave."""
    if consent.get("status") != "active" or not _is_act(consent) or value(consent, JUDGE) is not None:
        return
    given = {_target(p) for p in consent.get("performer", ())}
    child, at = _target(consent.get("patient")), day_of(consent.get("dateTime")) or context.now.date()
    holders = [h for h in (_Holder.of(r, change, context) for r in sorted(given)) if h is not None]
    kinds = frozenset(context.parameters["pde.titulaires_relations"])
    standing = [h for h in holders if h.may(child, at, kinds)]
    if len(standing) >= _BOTH or any(h.sole for h in standing):
        return
    yield Issue(severity="error", code="business-rule", id="PDE-15", text=_text(standing), expression=_PATHS)


_PATHS: Final = ("Consent.performer", "Consent.extension")


class _Holder:
    """A relative who authorises; one that is nowhere (D11) is taken at his word, but is never the only one."""

    def __init__(self, relative: Resource | None) -> None:
        self._relative = relative
        self.sole = relative is not None and bool(value(relative, SOLE))

    @classmethod
    def of(cls, reference: str, change: Change, context: Context) -> "_Holder | None":
        if not reference.startswith("RelatedPerson/"):
            return None
        return cls(change.siblings.get(reference) or context.reader.read(reference))

    def may(self, child: str, at: date, kinds: frozenset[str]) -> bool:
        """True where he is of this child, in one of these relationships or none that is said, and was so on that day."""
        if self._relative is None:
            return True
        period = self._relative.get("period", {})
        start, end = day_of(period.get("start")), day_of(period.get("end"))
        in_time = (start is None or start <= at) and (end is None or at <= end)
        said = {c.get("code") for kind in self._relative.get("relationship", ()) for c in kind.get("coding", ())}
        of_child = _target(self._relative.get("patient")) == child and self._relative.get("active") is not False
        return in_time and of_child and (not said or not said.isdisjoint(kinds))


def _text(standing: list[_Holder]) -> str:
    if not standing:
        return ""
    return (
        "Un seul titulaire de l'autorité parentale autorise cet acte : il y faut l'autre, ou la décision du juge. "
        "S'il l'exerce seul, dites-le de ce proche (titulaire-unique, avec le motif)."
    )


def _is_act(consent: Resource) -> bool:
    codings = (c for kind in consent.get("category", ()) for c in kind.get("coding", ()))
    return any(c.get("system") == _ACT[0] and c.get("code") == _ACT[1] for c in codings)


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""

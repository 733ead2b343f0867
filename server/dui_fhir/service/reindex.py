"""The work of indexing again what was written before a search parameter was added: its lots, and how far it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dui_fhir.ports import Store
from dui_fhir.service.adding import REINDEX
from dui_fhir.service.tuning import Tuned


@dataclass(frozen=True, kw_only=True, slots=True)
class Lot:
    """Where the work is: after which resource of a base, for which codes; ``done`` of ``total`` resources of the base.

    ``version``: of the marker under which the base was begun. Under another one, what was done may be by other expressions.
    """

    base: str
    codes: tuple[str, ...]
    version: int
    after: tuple[str, str] | None = None
    done: int = 0
    total: int = 0

    @classmethod
    def of(cls, payload: dict[str, Any]) -> "Lot | None":
        """Return the lot of a job; None for the job that begins."""
        if "base" not in payload:
            return None
        after = payload["after"]
        return cls(
            base=payload["base"],
            codes=tuple(payload["codes"]),
            version=payload.get("version", 0),
            after=(after[0], after[1]) if after else None,
            done=payload["done"],
            total=payload["total"],
        )

    def payload(self) -> dict[str, Any]:
        """Return it as kept in a job."""
        return {
            "base": self.base, "codes": list(self.codes), "after": list(self.after) if self.after else None,
            "done": self.done, "total": self.total, "version": self.version,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Of one base (a resource type, or one of all types): ``total`` 0 = not counted yet."""

    base: str
    codes: tuple[str, ...]
    done: int = 0
    total: int = 0
    state: Literal["waiting", "running", "failed"] = "waiting"

    @property
    def percent(self) -> int:
        """Whole percents, 100 only once all is done."""
        return min(99, 100 * self.done // self.total) if self.total else 0

    def line(self, tenant: str) -> str:
        """Return a French line."""
        states = {"waiting": "en attente", "running": "en cours", "failed": "échec, à relancer : dui-fhir reindex"}
        far = f"{self.done} sur {self.total} ressources ({self.percent} %)" if self.total else "pas commencé"
        return f"{tenant} : {self.base} ({', '.join(self.codes)}) : {far}, {states[self.state]}"


def progress(tuned: Tuned, store: Store) -> Iterator[Progress]:
    """Yield the bases that are not fully indexed, in the order in which they are handled."""
    left = tuned.state.to_do(tuned.added)
    bases = {one.base for one in tuned.pending} | {base for base, _ in tuned.state.stale}
    last = _last_lot(store)
    for base in left:
        if base not in bases:
            continue
        codes = tuned.state.codes(base, tuned.added)
        found, state = last if last is not None else (None, "waiting")
        if found is not None and (found.base, found.codes) == (base, codes):
            yield Progress(base=base, codes=codes, done=found.done, total=found.total, state=state)
        else:
            yield Progress(base=base, codes=codes)


def _last_lot(store: Store) -> tuple[Lot | None, Literal["waiting", "running", "failed"]] | None:
    newest = store.jobs(kind=REINDEX, limit=1)
    if not newest:
        return None
    return Lot.of(newest[0].payload), "failed" if newest[0].state == "failed" else "running"

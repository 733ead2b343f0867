"""What a request wants written, before anything is decided."""

from collections.abc import Mapping, Sequence

from dui_fhir.domain.change import Change, Interaction, Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import ABSENT, Method, Precondition
from dui_fhir.domain.value import dataclass
from dui_fhir.domain.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """One resource to write. ``resource`` None = delete. ``path`` prefixes element paths (``Bundle.entry[3].resource``).

    ``before`` is the current version as read; the writer checks that it still is. ``issues`` were found on the way here.
    ``left_base``: base URL of the server that a transaction's entry comes from.
    """

    type: str
    id: str
    resource: Resource | None
    before: Version | None
    method: Method
    path: str = ""
    issues: tuple[Issue, ...] = ()
    left_base: str | None = None

    @property
    def expect(self) -> int:
        """The version that must still be current."""
        return ABSENT if self.before is None or self.before.deleted else self.before.version

    @property
    def reference(self) -> str:
        """``Type/id``."""
        return f"{self.type}/{self.id}"

    def change(self, siblings: Mapping[str, Resource]) -> Change:
        """Return the draft as plugins see it."""
        before = self.before.resource() if self.before is not None and not self.before.deleted else None
        interaction: Interaction = "delete" if self.resource is None else "create" if before is None else "update"
        return Change(
            interaction=interaction,
            type=self.type,
            id=self.id,
            before=before,
            after=self.resource,
            siblings=siblings,
            path=self.path,
        )


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """All or nothing. The drafts concern distinct resources. ``by_server``: not what a client wrote (a subscription's status)."""

    drafts: Sequence[Draft] = ()
    preconditions: Sequence[Precondition] = ()
    jobs: Sequence[Job] = ()
    by_server: bool = False

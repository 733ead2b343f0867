"""What a delivery means for the job and for the Task that people see. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.outbox import TaskStatus, settled_task
from dui_fhir.ports import Delivered, Delivery, Rejected


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``task_status`` None leaves the Task as it is."""

    job_state: Literal["waiting", "done", "failed", "cancelled"]
    task_status: TaskStatus | None = None
    task_state: str = ""
    text: str = ""
    issues: tuple[Issue, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    after_s: float | None = None

    def show(self, task: Resource, now_ms: int) -> Resource | None:
        """Return the Task to write, None where it stays as it is."""
        if self.task_status is None:
            return None
        return settled_task(
            task,
            status=self.task_status,
            state=self.task_state,
            text=self.text,
            now_ms=now_ms,
            issues=self.issues,
            evidence=self.evidence,
        )


def verdict(delivery: Delivery, *, last: bool) -> Verdict:
    """Return the meaning of a delivery; ``last`` True where no attempt is left."""
    if isinstance(delivery, Delivered):
        return Verdict(
            job_state="done", task_status="completed", task_state="done", text="Envoyé", evidence=delivery.evidence
        )
    if isinstance(delivery, Rejected):
        return Verdict(
            job_state="failed", task_status="failed", task_state="rejected", text="Refusé", issues=delivery.issues
        )
    if last:
        return abandoned(delivery.issue)
    return Verdict(
        job_state="waiting",
        task_status="in-progress",
        task_state="retry",
        text="Sera réessayé",
        issues=(delivery.issue,),
        after_s=delivery.after_s,
    )


def abandoned(issue: Issue) -> Verdict:
    """Return the end of a job that used up its attempts: it stays in the outbox, failed, for people to see."""
    return Verdict(job_state="failed", task_status="failed", task_state="abandoned", text="Abandonné", issues=(issue,))

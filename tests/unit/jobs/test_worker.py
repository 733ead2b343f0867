"""The worker over the memory store: every end of a job, and death in between."""

import threading
from random import Random

import pytest

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import Unavailable
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import JobSettlement
from dui_fhir.domain.outbox import dmp_job, task_output
from dui_fhir.domain.plan import Committed, Plan, Put
from dui_fhir.jobs import Worker
from dui_fhir.jobs.backoff import delay_s
from dui_fhir.ports import Delivered, Rejected, RetryLater
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

ISSUE = Issue(severity="error", code="processing", id="dmp-unreachable", text="Le DMP est injoignable.")
DOCUMENT = {"resourceType": "DocumentReference", "id": "d1", "content": [{"attachment": {"data": "JVBERi0="}}]}


class Scripted:
    """A connector that answers, raises or acts as told, and counts what it accepted."""

    kind = "dmp"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.jobs = []

    def deliver(self, tenant, job, reader):
        self.jobs.append(job)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer


class Killed(BaseException):
    """Stands for kill -9: nothing of the worker runs after it."""


class Bench:
    def __init__(self):
        self.clock = FixedClock(1_000_000)
        self.stores = MemoryStores(self.clock)
        self.store = self.stores.create("demo")
        self.settings = Settings({"job_attempts_max": 3, "job_retry_first_s": 10.0, "worker_poll_s": 0.01})
        from datetime import UTC, datetime

        job, task = dmp_job(DOCUMENT, replaces=None, actor=Actor(), now=datetime(1970, 1, 1, tzinfo=UTC))
        self.key, self.task_id = job.key, task["id"]
        self.store.submit(Plan(operations=(self.put(task),), jobs=(job,)))

    def put(self, task, **options):
        return Put(type="Task", id=task["id"], body=Body.of(task), **options)

    def worker(self, connector):
        return Worker(
            self.stores,
            [connector],
            self.settings,
            clock=self.clock,
            reader=lambda tenant: None,
            index=lambda task: IndexValues(),
            random=Random(1),
        )

    @property
    def task(self):
        return self.store.read("Task", self.task_id).resource()

    @property
    def job(self):
        return self.store.job(self.key)


@pytest.fixture
def bench():
    return Bench()


def test_run_once__delivered__job_done_and_task_completed_with_evidence(bench):
    assert bench.worker(Scripted(Delivered(evidence={"uniqueId": "2.25.1"}))).run_once("demo") == 1
    assert bench.job.state == "done"
    assert bench.task["status"] == "completed"
    assert task_output(bench.task, "uniqueId") == "2.25.1"
    assert "statusReason" not in bench.task


def test_run_once__during_delivery__task_in_progress(bench):
    seen = []

    def look():
        seen.append(bench.task["status"])
        return Delivered(evidence={})

    bench.worker(Scripted(look)).run_once("demo")
    assert seen == ["in-progress"]


def test_run_once__rejected__failed_with_every_reason(bench):
    other = Issue(severity="error", code="processing", id="dmp-type", text="Type refusé.")
    bench.worker(Scripted(Rejected(issues=(ISSUE, other)))).run_once("demo")
    assert (bench.job.state, bench.task["status"]) == ("failed", "failed")
    assert [c["code"] for c in bench.task["statusReason"]["coding"]] == ["dmp-unreachable", "dmp-type"]
    assert bench.task["statusReason"]["text"] == "Le DMP est injoignable. Type refusé."


def test_run_once__passing_fault__waits_then_succeeds_and_forgets_the_reason(bench):
    connector = Scripted(RetryLater(issue=ISSUE), Delivered(evidence={}))
    worker = bench.worker(connector)
    assert worker.run_once("demo") == 1
    assert bench.job.state == "waiting"
    assert bench.task["businessStatus"]["coding"][0]["code"] == "retry"
    assert worker.run_once("demo") == 0
    bench.clock.advance(seconds=10)
    assert worker.run_once("demo") == 1
    assert bench.task["status"] == "completed"
    assert "statusReason" not in bench.task
    assert [job.attempts for job in connector.jobs] == [1, 2]


def test_run_once__passing_fault_until_the_last_attempt__abandoned_and_visible(bench):
    worker = bench.worker(Scripted(*[RetryLater(issue=ISSUE)] * 3))
    for _ in range(3):
        worker.run_once("demo")
        bench.clock.advance(days=1)
    assert (bench.job.state, bench.job.error) == ("failed", "dmp-unreachable")
    assert bench.task["businessStatus"]["coding"][0]["code"] == "abandoned"
    assert worker.run_once("demo") == 0


def test_run_once__recipient_names_a_delay__respected(bench):
    bench.worker(Scripted(RetryLater(issue=ISSUE, after_s=500.0))).run_once("demo")
    assert bench.job.due_ms == bench.clock.ms + 500_000


def test_run_once__connector_breaks__tried_again_and_its_words_stay_unsaid(bench, caplog):
    bench.worker(Scripted(ValueError("EXEMPLE JEANNE"))).run_once("demo")
    assert (bench.job.state, bench.job.error) == ("waiting", "outbox-error")
    assert "ValueError" in caplog.text
    assert "JEANNE" not in caplog.text + str(bench.task)


def test_run_once__killed_while_sending__lease_runs_out_and_same_job_is_sent(bench):
    connector = Scripted(Killed(), Delivered(evidence={}))
    with pytest.raises(Killed):
        bench.worker(connector).run_once("demo")
    heir = bench.worker(connector)
    assert heir.run_once("demo") == 0
    bench.clock.advance(seconds=121)
    assert heir.run_once("demo") == 1
    assert len({(job.id, job.key, str(job.payload)) for job in connector.jobs}) == 1
    assert bench.task["status"] == "completed"


def test_run_once__lease_taken_over_meanwhile__first_settlement_leaves_no_trace(bench):
    slow, fast = Scripted(), Scripted(Delivered(evidence={"by": "fast"}))

    def outlive_the_lease():
        bench.clock.advance(seconds=121)
        bench.worker(fast).run_once("demo")
        return Rejected(issues=(ISSUE,))

    slow.answers.append(outlive_the_lease)
    bench.worker(slow).run_once("demo")
    assert (bench.job.state, bench.task["status"]) == ("done", "completed")
    assert task_output(bench.task, "by") == "fast"


def test_run_once__two_workers__a_leased_job_is_not_sent_by_the_other(bench):
    other = Scripted()

    def meanwhile():
        assert bench.worker(other).run_once("demo") == 0
        return Delivered(evidence={})

    bench.worker(Scripted(meanwhile)).run_once("demo")
    assert other.jobs == []


def test_run_once__task_edited_during_delivery__edit_kept_and_job_settled(bench):
    def edit():
        task = bench.task | {"note": [{"text": "vu"}]}
        assert isinstance(bench.store.submit(Plan(operations=(bench.put(task),))), Committed)
        return Delivered(evidence={})

    bench.worker(Scripted(edit)).run_once("demo")
    assert (bench.task["status"], bench.task["note"]) == ("completed", [{"text": "vu"}])


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_run_once__task_stopped_by_people__nothing_is_sent(bench, status):
    bench.store.submit(Plan(operations=(bench.put(bench.task | {"status": status}),)))
    connector = Scripted()
    bench.worker(connector).run_once("demo")
    assert connector.jobs == []
    assert (bench.job.state, bench.task["status"]) == ("cancelled", status)


def test_run_once__job_that_kills_its_workers__abandoned_in_the_end(bench):
    connector = Scripted(*[Killed()] * 6)
    for _ in range(6):
        with pytest.raises(Killed):
            bench.worker(connector).run_once("demo")
        bench.clock.advance(seconds=121)
    bench.worker(connector).run_once("demo")
    assert bench.job.state == "failed"
    assert bench.task["statusReason"]["coding"][0]["code"] == "outbox-never-settled"


def test_run_once__dead_letter_put_back_by_an_operator__sent(bench):
    bench.worker(Scripted(Rejected(issues=(ISSUE,)))).run_once("demo")
    bench.store.submit(Plan(settlements=(JobSettlement(job=bench.job.id, lease="", state="waiting"),)))
    bench.worker(Scripted(Delivered(evidence={}))).run_once("demo")
    assert bench.task["status"] == "completed"


def test_run_once__store_unavailable_to_the_connector__tried_again(bench):
    bench.worker(Scripted(Unavailable([ISSUE]))).run_once("demo")
    assert bench.job.state == "waiting"


def test_run_once__no_connector__jobs_wait(bench):
    worker = Worker(
        bench.stores, [], bench.settings, clock=bench.clock, reader=lambda t: None, index=lambda t: IndexValues()
    )
    assert worker.run_once("demo") == 0
    assert bench.job.attempts == 0


def test_run_forever__stopped__finishes_the_job_in_hand_and_returns(bench):
    stop = threading.Event()

    def stop_now():
        stop.set()
        return Delivered(evidence={})

    bench.worker(Scripted(stop_now)).run_forever(stop)
    assert bench.job.state == "done"


def test_run_all__one_tenant_unavailable__the_others_are_served(bench, monkeypatch):
    bench.stores.create("autre")
    opened = bench.stores.open

    def open_(tenant):
        if tenant == "autre":
            raise Unavailable([ISSUE])
        return opened(tenant)

    monkeypatch.setattr(bench.stores, "open", open_)
    assert bench.worker(Scripted(Delivered(evidence={}))).run_all() == 1


@pytest.mark.parametrize(("attempts", "low", "high"), [(1, 5, 10), (2, 10, 20), (4, 40, 80), (200, 50, 100)])
def test_delay_s__attempts__doubled_bounded_and_spread(attempts, low, high):
    random = Random(7)
    waits = [delay_s(attempts, first_s=10, max_s=100, after_s=None, random=random) for _ in range(50)]
    assert low <= min(waits) < max(waits) <= high


def test_delay_s__asked_for_more__that():
    assert delay_s(1, first_s=10, max_s=100, after_s=500, random=Random(1)) == 500

"""The Tasks of the outbox as the worker writes them: found by their person and structure, told to who subscribed."""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.plan import Plan, Refused
from dui_fhir.domain.version import Version
from dui_fhir.service.drafts import Draft
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.message import ServiceRequest, ServiceResponse
from dui_fhir.service.notices import notices
from dui_fhir.service.preparation import operation_of


def server_call(engine: Engine, tenant: str, path: str) -> Call:
    """Return a call that no client made, for what the server writes by itself."""
    base_url = f"{str(engine.settings.public_url).rstrip('/')}/t/{tenant}/fhir"
    request = ServiceRequest(tenant=tenant, method="PUT", path=path, base_url=base_url)
    return Call(engine=engine, request=request, dispatch=_nothing)


def _nothing(request: ServiceRequest) -> ServiceResponse:
    raise NotImplementedError("the server's own writes dispatch nothing")


class OutboxTasks:
    """Writes the Tasks of one deployment. See ``jobs.worker.Tasks``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def change(self, tenant: str, task: Resource, before: Version) -> Plan:
        """Return the plan that writes a Task over the version it was made from. No rule judges it: it says what happened."""
        call = server_call(self._engine, tenant, f"Task/{task['id']}")
        draft = Draft(type="Task", id=task["id"], resource=task, before=before, method="PUT")
        operation = operation_of(call, draft)
        told = notices(call, [(draft, operation)])
        return Plan(operations=(operation, *told.operations), preconditions=told.preconditions, jobs=told.jobs)

    def refused(self, tenant: str, refused: Refused) -> None:
        """Learn of subscriptions and search parameters that others wrote."""
        self._engine.learn(tenant, refused)

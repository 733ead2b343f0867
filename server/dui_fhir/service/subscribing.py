"""The server's own hand on subscriptions: it makes them active, in error, or off."""

from dui_fhir.domain.change import Resource
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Engine
from dui_fhir.service.sendings import server_call
from dui_fhir.service.write import commit


class SubscriptionStatuses:
    """Writes statuses by the road of all writes, so that every process learns of them. See ``subscriptions.delivery``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set(self, tenant: str, id: str, *, seen: int, status: str, error: str = "") -> bool:
        """Write the status of a subscription that is still at version ``seen``; False where it is not any more.

        Raises: Conflict, Unavailable, as every write.
        """
        call = server_call(self._engine, tenant, f"Subscription/{id}")

        def build() -> Drafts:
            before = call.store.read("Subscription", id)
            if before is None or before.deleted or before.version != seen:
                return Drafts()
            resource = _with(before.resource(), status, error)
            draft = Draft(type="Subscription", id=id, resource=resource, before=before, method="PUT")
            return Drafts(drafts=[draft], by_server=True)

        return bool(commit(call, build))


def _with(subscription: Resource, status: str, error: str) -> Resource:
    changed = {key: value for key, value in subscription.items() if key != "error"} | {"status": status}
    return {**changed, "error": error} if error else changed

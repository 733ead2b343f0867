"""What the plugins ship, stored in a tenant so that clients read and search it: their Questionnaires, and the Measures."""

from collections.abc import Iterable, Iterator
from typing import Final

from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.plan import ABSENT, Committed, Plan, Put
from dui_fhir.domain.version import Version
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Store
from dui_fhir.search.extract import Extractor
from dui_fhir.service.structures import TAG_SYSTEM

SHIPPED: Final = {"system": TAG_SYSTEM, "code": "couloir"}
"""``meta.tag`` of a Questionnaire that a plugin ships: one without it is the tenant's own, and is left alone."""


def publish(store: Store, extractor: Extractor, wanted: Iterable[Resource]) -> int:
    """Store the resources that are missing or changed; the same again writes nothing.

    Returns: how many were written; none where somebody wrote one of them meanwhile: the next look sees what is there.
    Raises: Unavailable.
    """
    resources = list(wanted)
    stored = store.read_many([(r["resourceType"], r["id"]) for r in resources])
    puts = []
    for resource in resources:
        key = (resource["resourceType"], resource["id"])
        held, body = stored.get(key), Body.of(resource)
        if _digest(held) != body.digest:
            expect = ABSENT if held is None or held.deleted else held.version
            puts.append(Put(type=key[0], id=key[1], body=body, index=extractor.extract(resource), expect=expect))
    if not puts:
        return 0
    return len(puts) if isinstance(store.submit(Plan(operations=tuple(puts))), Committed) else 0


def publish_questionnaires(store: Store, extractor: Extractor, host: PluginHost) -> int:
    """Store the Questionnaires of the plugins in force, but those that the tenant replaced by its own or deleted.

    Returns: how many were written. Raises: Unavailable.
    """
    return publish(store, extractor, list(_wanted(store, host)))


def _wanted(store: Store, host: PluginHost) -> Iterator[Resource]:
    shipped = [d for d in host.definitions() if d["resourceType"] == "Questionnaire"]
    stored = store.read_many([("Questionnaire", d["id"]) for d in shipped])
    for definition in shipped:
        held = stored.get(("Questionnaire", definition["id"]))
        if held is None or (not held.deleted and SHIPPED in held.resource().get("meta", {}).get("tag", ())):
            yield {**definition, "meta": {**definition.get("meta", {}), "tag": [SHIPPED]}}


def _digest(held: Version | None) -> bytes | None:
    if held is None or held.deleted:
        return None
    return Body.of(held.resource()).digest

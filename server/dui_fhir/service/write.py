"""The one road of all writes: check, find owner and structure, index, plan, submit; again with fresh reads after a race.

Whoever wants to write gives a function that reads the present state and returns drafts. It runs anew at each attempt, so
that conditions of the client (``If-Match``, conditional criteria) are judged on what is there.
"""

import random
import time
from collections.abc import Callable
from functools import partial

from dui_fhir.domain.errors import Conflict
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.plan import Committed, Refused, Written
from dui_fhir.domain.value import dataclass
from dui_fhir.service.drafts import Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.preparation import Preparation, stored_body

RACE_PAUSE_S = 0.002
"""Longest pause before the second attempt; it doubles from one attempt to the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One draft once written; most writes of Bundles are not asked for their body: ``load`` gives it where one is."""

    written: Written
    load: Callable[[], bytes | None]
    issues: tuple[Issue, ...] = ()

    @property
    def body(self) -> bytes | None:
        """What a read now returns, None after a delete."""
        return self.load()


def commit(call: Call, build: Callable[[], Drafts]) -> tuple[Stored, ...]:
    """Write what ``build`` returns, durably and entirely, or nothing. Returns one :class:`Stored` per draft, in order.

    Raises: what ``build`` raises; Unprocessable (issues of rules), Conflict (``COM-38``; ``core-write-contention`` after
    ``write_attempts`` races), Unavailable (``store-…``), and the failure of a plugin.
    """
    attempts = call.engine.settings.write_attempts
    for attempt in range(attempts):
        wanted = build()
        if not wanted.drafts and not wanted.jobs:
            return ()
        prepared = Preparation(call, wanted)
        result = call.store.submit(prepared.plan())
        if isinstance(result, Committed):
            prepared.committed()
            return _stored(call, prepared, result)
        call.engine.learn(call.request.tenant, result)
        if result.reason == "unique":
            raise _held_by_another(wanted, result)
        # clients that collide once would collide again if all came back at the same moment
        time.sleep(random.uniform(0, RACE_PAUSE_S * 2**attempt))  # noqa: S311
    raise Conflict.of(
        "core-write-contention",
        "D'autres écritures ont modifié les mêmes ressources pendant la vôtre : réessayez.",
        f"lost {attempts} races for the same resources",
    )


def _stored(call: Call, prepared: Preparation, result: Committed) -> tuple[Stored, ...]:
    triples = zip(prepared.operations, result.written, prepared.issues, strict=False)  # additions come last, unlisted
    return tuple(
        Stored(
            written=written,
            load=partial(_replayed, call, written) if result.replayed else partial(stored_body, operation, written),
            issues=issues,
        )
        for operation, written, issues in triples
    )


def _replayed(call: Call, written: Written) -> bytes | None:
    """Return what the first sending wrote: this one may have drawn other ids."""
    found = call.store.read_version(written.type, written.id, written.version)
    return None if found is None or found.deleted else found.body


def _held_by_another(wanted: Drafts, refused: Refused) -> Conflict:
    """Return the refusal of a second file for one person: it says nothing of the first one (decision D1)."""
    position = refused.operation
    path = wanted.drafts[position].path if position is not None and position < len(wanted.drafts) else ""
    return Conflict.of(
        "COM-38",
        "Une personne de même identité qualifiée (INS) a déjà un dossier dans cet organisme : ne créez pas de second dossier,"
        " demandez le rapprochement à la personne chargée de l'identitovigilance.",
        "a unique key is held by another resource",
        [f"{path or 'Patient'}.identifier"],
        code="duplicate",
    )

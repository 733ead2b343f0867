"""What the content of each tenant is judged by: its guides, its terminology and its policy, over those of the server.

A write looks for changes at most once in :data:`LOOK_S`: a package, a setting or a list of codes written elsewhere counts
at the latest then. What this process wrote itself counts at once, and a code is never refused by an older list: see
:meth:`Standards.issues`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, ConfigurationError, NotFound
from dui_fhir.domain.issues import Issue
from dui_fhir.ports import Store, Stores
from dui_fhir.service import tenant_settings
from dui_fhir.service.forms import Forms
from dui_fhir.service.own_parameters import OwnParameters
from dui_fhir.terminology import Terminology
from dui_fhir.terminology.stored import Stored
from dui_fhir.validation.guides import Guides, Known
from dui_fhir.validation.policy import Circumstances, Policy, WriteValidation, read_policy
from dui_fhir.validation.validator import Validator

if TYPE_CHECKING:
    from dui_fhir.service.engine import Call

LOOK_S = 1.0
TENANTS_KEPT = 256
TERMINOLOGY_TYPES = frozenset({"CodeSystem", "ValueSet", "ConceptMap"})
_OF_LISTS = frozenset(
    {
        "validation-answer-option",
        "validation-code",
        "validation-no-profile",
        "validation-profile-unknown",
        "validation-invariant",
    }
)
"""What a newer list of codes or a newer package may say otherwise."""


@dataclass(frozen=True, kw_only=True)
class Standard:
    """What one tenant is held to, until something changes; then another object takes its place."""

    validator: Validator
    terminology: Terminology
    validation: WriteValidation
    parameters: OwnParameters


@dataclass(kw_only=True)
class _Held:
    standard: Standard
    known: Known
    stored: Stored
    settings_version: int
    looked_s: float


class Standards:
    """Those of every tenant, as this process knows them. Safe to use from several threads."""

    def __init__(self, stores: Stores, guides: Guides | None = None, policy: Policy | None = None) -> None:
        self._stores = stores
        self._guides = guides or Guides()
        self._policy = policy or Policy()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def guides(self) -> Guides:
        """The packages of the server and of its tenants."""
        return self._guides

    def of(self, tenant: str, *, fresh: bool = False, asked_s: float = inf) -> Standard:
        """Return what a tenant is held to; ``fresh``: as of now, or as seen since ``asked_s`` (``time.monotonic()``).

        Raises: NotFound (``tenant-unknown``).
        """
        held = self._held.get(tenant)
        if held is not None:
            since_s = asked_s if fresh else time.monotonic() - LOOK_S
            if held.looked_s > since_s:
                return held.standard
        store = self._stores.open(tenant)
        with self._lock:
            held = self._looked(tenant, store, self._held.get(tenant))
            self._held[tenant] = held
            self._held.move_to_end(tenant)
            if len(self._held) > TENANTS_KEPT:
                self._held.popitem(last=False)
        return held.standard

    def issues(
        self, tenant: str, resource: Resource, context: Circumstances, path: str, *, asked_s: float = inf
    ) -> tuple[Issue, ...]:
        """Return the faults and remarks on a resource about to be written, as ``WriteValidation.check`` does.

        What a list of codes or a profile makes a fault is judged again by what is known now, where that is more.
        ``asked_s``: when the request came; what was seen since is new enough for all its resources.
        """
        used = self.of(tenant)
        found = used.validation.check(resource, context, path=path)
        if any(issue.id in _OF_LISTS for issue in found):
            now = self.of(tenant, fresh=True, asked_s=asked_s)
            if now is not used:
                return now.validation.check(resource, context, path=path)
        return found

    def forget(self, tenant: str) -> None:
        """Look again at the next question: this process wrote terminology."""
        held = self._held.get(tenant)
        if held is not None:
            held.looked_s = -LOOK_S

    def _looked(self, tenant: str, store: Store, before: _Held | None) -> _Held:
        looked_s = time.monotonic()
        known = self._guides.of(tenant)
        stored = (before.stored if before is not None else Stored(store)).current()
        version = tenant_settings.version(store)
        if (
            before is not None
            and known is before.known
            and stored is before.stored
            and version == before.settings_version
        ):
            before.looked_s = looked_s
            return before
        version, values = tenant_settings.load(store)
        terminology = known.terminology.over(stored) if stored else known.terminology
        validator = known.validator.over(terminology, Forms(store, known))
        standard = Standard(
            validator=validator,
            terminology=terminology,
            validation=WriteValidation(validator, policy_of(self._policy, values)),
            parameters=OwnParameters(values),
        )
        return _Held(standard=standard, known=known, stored=stored, settings_version=version, looked_s=looked_s)


SETTINGS = ("validation.structure", "validation.declared", "validation.profiles", "validation.chosen")
LISTS = frozenset(SETTINGS[2:])
"""The settings that a tenant may have, and those of them that are lists of lines ``<mode or type> <canonical>``."""


def canonicals(values: tenant_settings.Values) -> list[str]:
    """Return the profiles that these settings name."""
    return [line.strip().partition(" ")[2].strip() for name in LISTS for line in values.get(name, ())]


def policy_of(server: Policy, values: tenant_settings.Values) -> Policy:
    """Return the policy of a tenant: what it says wins, key by key and profile by profile; the server's speaks elsewhere.

    Raises: ConfigurationError (``tenant-setting``) for a value that means nothing.
    """
    structure = _one("validation.structure", values, server.structure)
    declared = _one("validation.declared", values, server.declared)
    try:
        own = read_policy(structure, declared, values.get("validation.profiles", ()))
        chosen = _chosen(values.get("validation.chosen", ()))
    except ValueError as error:
        raise ConfigurationError.of("tenant-setting", str(error), "tenant settings validation.*") from error
    return Policy(
        structure=own.structure,
        declared=own.declared,
        profiles={**server.profiles, **own.profiles},
        chosen={**server.chosen, **chosen},
    )


def _one(name: str, values: tenant_settings.Values, otherwise: str) -> str:
    lines = values.get(name, ())
    return lines[0] if lines else otherwise


def _chosen(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        type, _, canonical = line.strip().partition(" ")
        if not canonical.strip():
            raise ValueError(f"validation.chosen : « {line[:100]} » n'est pas de la forme « Type canonique »")
        found[type] = (*found.get(type, ()), canonical.strip())
    return found


class SearchTerminology:
    """The terminology of the tenant of a call, as of now, looked for only where a search asks: see ``search.options``."""

    def __init__(self, call: "Call") -> None:
        self._call = call

    def _now(self) -> Terminology:
        return self._call.engine.standards.of(self._call.request.tenant, fresh=True).terminology

    def expand(self, valueset: str) -> Iterable[tuple[str, str]]:
        """Return ``(system, code)`` of a value set."""
        try:
            return self._now().expand(valueset)
        except NotFound as error:
            # the search itself is there: what it asks about is not
            raise BadRequest(error.issues) from error

    def subsumed(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those below it."""
        return self._now().subsumed(system, code)

    def subsuming(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those above it."""
        return self._now().subsuming(system, code)

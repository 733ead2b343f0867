"""What a write is held to: which profiles, and whether a fault refuses the write or is told and stored.

Each tenant has a policy. The structure of R4 is refused by default, profiles warn: what happened is stored (decision D7).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.validation.faults import UNTOLD
from dui_fhir.validation.validator import Validator

Mode = Literal["refuse", "warn", "off"]
_MODES: dict[str, Mode] = {"refuse": "refuse", "warn": "warn", "off": "off"}

TOLERATED = frozenset(
    {"validation-attachment-size", "validation-dom-3", "validation-dom-4", "validation-dom-5", "validation-full-url"}
)
"""Faults of published examples that change nothing to what a resource says: always stored, with a warning."""


class Circumstances(Protocol):
    """The part of a request's context that matters here (``domain.context.Context`` has it)."""

    @property
    def reprise(self) -> bool:
        """True while importing, when everything is told and nothing refused but what is no FHIR."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """``profiles`` maps a canonical, with or without version, to the mode that counts for it; ``chosen`` a resource type to
    the canonicals its resources must follow even undeclared (chosen by the tenant or its corridors).
    """

    structure: Mode = "refuse"
    declared: Mode = "warn"
    profiles: Mapping[str, Mode] = field(default_factory=dict)
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def mode(self, canonical: str) -> Mode:
        """Return what counts for a profile."""
        return self.profiles.get(canonical) or self.profiles.get(canonical.partition("|")[0]) or self.declared


def read_policy(
    structure: str, declared: str, lines: Iterable[str], chosen: Mapping[str, tuple[str, ...]] | None = None
) -> Policy:
    """Return the policy of the settings ``validation_structure``, ``validation_declared`` and ``validation_profiles``.

    A line is ``<mode> <canonical>``. Raises: ValueError with a French sentence.
    """
    profiles: dict[str, Mode] = {}
    for line in lines:
        mode, _, canonical = line.strip().partition(" ")
        if not canonical.strip():
            raise ValueError(f"validation_profiles : « {line[:100]} » n'est pas de la forme « mode canonique »")
        profiles[canonical.strip()] = _mode("validation_profiles", mode)
    return Policy(
        structure=_mode("validation_structure", structure),
        declared=_mode("validation_declared", declared),
        profiles=profiles,
        chosen=chosen or {},
    )


def _mode(name: str, text: str) -> Mode:
    if text not in _MODES:
        raise ValueError(f"{name} : « {text[:40]} » n'est ni « refuse », ni « warn », ni « off »")
    return _MODES[text]


class WriteValidation:
    """The check of every write of one tenant."""

    def __init__(self, validator: Validator, policy: Policy) -> None:
        self._validator = validator
        self._policy = policy

    def check(self, resource: Resource, context: Circumstances | None = None, *, path: str = "") -> tuple[Issue, ...]:
        """Return the faults and remarks on a resource about to be written; a blocking one refuses the write.

        ``path`` is its place in a Bundle. Never raises for what a resource holds. In *reprise*, profiles only warn. Best
        practices and what could not be checked are left out: ``$validate`` tells them.
        """
        place = path or str(resource.get("resourceType", "Resource"))
        softened = context is not None and context.reprise
        found = _softened(self._validator.base(resource, path=place, quiet=True), self._policy.structure)
        declared = self._declared(resource)
        found += self._faults(resource, declared, place, softened)
        found += self._answers(resource, place, softened)
        chosen = self._policy.chosen.get(str(resource.get("resourceType")), ())
        return _told([*found, *self._imposed(resource, [p for p in chosen if p not in declared], place, softened)])

    def _answers(self, resource: Resource, place: str, softened: bool) -> list[Issue]:
        """A form counts as a profile that the answers declare: the same lines of the policy name it by its canonical."""
        canonical = resource.get("questionnaire")
        if resource.get("resourceType") != "QuestionnaireResponse" or not isinstance(canonical, str):
            return []
        mode = self._policy.mode(canonical)
        return (
            []
            if mode == "off"
            else _softened(self._validator.answers(resource, path=place), "warn" if softened else mode)
        )

    def follow(
        self, resource: Resource, profiles: Iterable[str], context: Circumstances | None = None, *, path: str = ""
    ) -> tuple[Issue, ...]:
        """Return the faults against profiles chosen by corridors, those that the resource declares left out: they count already.

        A profile that is not known here is a warning: nobody checked what somebody asked to check.
        """
        place = path or str(resource.get("resourceType", "Resource"))
        declared = self._declared(resource)
        softened = context is not None and context.reprise
        return _told(self._imposed(resource, [p for p in profiles if p not in declared], place, softened))

    def _imposed(self, resource: Resource, profiles: Iterable[str], place: str, softened: bool) -> list[Issue]:
        found = self._faults(resource, profiles, place, softened)
        return [replace(i, severity="warning") if i.id == "validation-profile-unknown" else i for i in found]

    def _faults(self, resource: Resource, profiles: Iterable[str], place: str, softened: bool) -> list[Issue]:
        found: list[Issue] = []
        for canonical in profiles:
            mode = self._policy.mode(canonical)
            if mode != "off":
                faults = self._validator.profile(resource, canonical, path=place, quiet=True)
                found += _softened(faults, "warn" if softened else mode)
        return found

    @staticmethod
    def _declared(resource: Resource) -> tuple[str, ...]:
        meta = resource.get("meta")
        declared = meta.get("profile") if isinstance(meta, dict) else None
        named = [p for p in declared if isinstance(p, str)] if isinstance(declared, list) else []
        return tuple(dict.fromkeys(named))


def _told(found: Iterable[Issue]) -> tuple[Issue, ...]:
    return tuple(dict.fromkeys(i for i in found if i.severity != "information" and i.id not in UNTOLD))


def _softened(issues: Iterable[Issue], mode: Mode) -> list[Issue]:
    if mode == "off":
        return []
    return [
        replace(i, severity="warning") if i.blocking and (mode == "warn" or i.id in TOLERATED) else i for i in issues
    ]

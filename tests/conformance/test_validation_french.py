"""The published French examples (../shared/reference/fhir): accepted, or their real fault named; and mutated, found out."""

import copy
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain import json
from dui_fhir.terminology import Terminology
from dui_fhir.validation.overlay import Item, items_of
from dui_fhir.validation.shipped import library
from dui_fhir.validation.spec import Spec
from dui_fhir.validation.validator import Validator

SHARED = Path(__file__).parents[2] / "../shared/reference/fhir"
NOT_SHIPPED = frozenset({"eprescription", "pdsm4dmp", "tddui-1.1.0-ballot"})
EXAMPLES = sorted(f for f in SHARED.rglob("examples/*.json") if f.parent.parent.name not in NOT_SHIPPED)
LATEST_CORE = frozenset({"fr-core-2.2.0", "annuaire", "mss-api"})

_CDS_EMPTY = "the language of a translation is there with an empty content"
_PDSM_OLD = (
    "contained or example resources of an earlier annuaire: profile not pinned, other meta.source, old inner extension"
)
_NO_SYSTEM = "validationMode has a code without system, under a required binding"
KNOWN: dict[str, dict[str, str]] = {
    "Bundle-cds-bundle-transaction-creation-example.json": {"validation-value": _CDS_EMPTY},
    "CareTeam-cds-careteam-example.json": {"validation-value": _CDS_EMPTY},
    "Organization-cds-organization-example.json": {"validation-value": _CDS_EMPTY},
    "Person-pp16dr-person.json": {
        "validation-missing": "as-dr-person pins its own version in meta.profile, the example does not"
    },
    "Person-pp19dr-person.json": {
        "validation-missing": "as-dr-person pins its own version in meta.profile, the example does not"
    },
    "CommunicationRequest-com1.json": {"validation-code": _NO_SYSTEM},
    "CommunicationRequest-com2.json": {"validation-code": _NO_SYSTEM},
    "Subscription-sub1.json": {"validation-code": _NO_SYSTEM},
    "DocumentReference-PDSmSimplifiedExample.json": {
        "validation-attachment-size": "size says 250000, the data are 11 bytes",
    },
    "DocumentReference-exemple-pdsm-documentreference.json": {
        "validation-missing": _PDSM_OLD,
        "validation-fixed": _PDSM_OLD,
        "validation-slice-closed": _PDSM_OLD,
        "validation-dom-3": "the contained practitioner is cited nowhere",
        "validation-dom-4": "the contained practitioner has a versionId",
        "validation-aggregation": "author, authenticator and sourcePatientInfo must be contained, and are not",
    },
    "List-ExampleSubmissionSet.json": {
        "validation-missing": _PDSM_OLD,
        "validation-fixed": _PDSM_OLD,
        "validation-dom-4": "contained resources have a versionId",
    },
    "Organization-org-example.json": {"validation-missing": _PDSM_OLD, "validation-fixed": _PDSM_OLD},
}
"""File → id of the fault → why it is one."""


@functools.cache
def _validator(core: str) -> Validator:
    return Validator(library(preferred={"hl7.fhir.fr.core": core}))


def _for(file: Path) -> Validator:
    return _validator("2.2.0" if file.parent.parent.name in LATEST_CORE else "2.1.0")


def _name(file: Path) -> str:
    return f"{file.parent.parent.name}/{file.name}"


@pytest.mark.parametrize("file", EXAMPLES, ids=_name)
def test_published_example__as_it_is__is_accepted_or_its_fault_is_known(file: Path) -> None:
    issues = _for(file).validate(json.loads(file.read_bytes()))

    assert {i.id for i in issues if i.blocking} == set(KNOWN.get(file.name, {}))


OLD_COMMUNES = "https://hl7.fr/ig/fhir/core/ValueSet/fr-core-vs-insee-code"
"""Thirteen examples give a commune by the older system TRE_R13-Commune, which the value set does not have."""


@functools.cache
def _with_terminology(core: str) -> Validator:
    return Validator(library(preferred={"hl7.fhir.fr.core": core}), Terminology())


@pytest.mark.parametrize("file", EXAMPLES, ids=_name)
def test_published_example__with_the_shipped_terminology__only_old_communes_are_refused(file: Path) -> None:
    resource = json.loads(file.read_bytes())
    core = "2.2.0" if file.parent.parent.name in LATEST_CORE else "2.1.0"

    more = {*_with_terminology(core).validate(resource)} - {*_validator(core).validate(resource)}

    assert {i.diagnostics.partition("|")[0].split()[2] for i in more if i.blocking} <= {OLD_COMMUNES}


def _mutations(spec: Spec, owner: Item) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield ``(what, holder, key, new value)`` for each constrained element that the instance has; None removes it."""
    holder = owner.value if isinstance(owner.value, dict) else None
    if holder is None:
        return
    for child in spec.children.values():
        found = items_of(owner, child.name)
        keys = [
            k for k in holder if k.lstrip("_") == child.name or (len(found) == 1 and _under(found[0]) == k.lstrip("_"))
        ]
        if not found or not keys:
            continue
        if child.min or any(s.min for s in child.slices.values()):
            yield f"without {child.name}", holder, keys[0], None
        if isinstance(child.fixed if child.fixed is not None else child.pattern, str) and len(keys) == 1:
            value = holder[keys[0]]
            yield f"other {child.name}", holder, keys[0], "urn:other" if isinstance(value, str) else ["urn:other"]
        if len(found) == 1:
            yield from _mutations(child, found[0])


def _under(item: Item) -> Any:
    path = item.path
    while not isinstance(path, str):
        path, label = path
        if isinstance(label, str):
            return label
    return path


def _declared(resource: dict[str, Any]) -> list[str]:
    return [p for p in resource.get("meta", {}).get("profile", []) if isinstance(p, str)]


def test_mutated_examples__each_constrained_element__its_fault_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    if not EXAMPLES:
        pytest.skip("the published examples are not beside the repository")
    tally: Counter[str] = Counter()
    missed: list[str] = []
    for file in EXAMPLES:
        resource = json.loads(file.read_bytes())
        if resource["resourceType"] == "Bundle" or file.name in KNOWN:
            continue
        for canonical in _declared(resource):
            missed += _missed(file, resource, canonical, tally)
    with capsys.disabled():
        print(f"\nmutations of published examples: {tally['made']}, found {tally['found']}")
    assert missed == []
    assert tally["made"] > 150


def _missed(file: Path, resource: dict[str, Any], canonical: str, tally: Counter[str]) -> Iterator[str]:
    validator = _for(file)
    spec = validator.library.spec(canonical)
    if spec is None:
        return
    mutated = copy.deepcopy(resource)
    for what, holder, key, value in list(_mutations(spec, Item(mutated, resource["resourceType"], None, "R"))):
        kept = {k: holder.pop(k) for k in (key, f"_{key.lstrip('_')}", key.lstrip("_")) if k in holder}
        if value is not None:
            holder[key] = value
        issues = [*validator.profile(mutated, canonical), *validator.base(mutated)]
        found = any(i.blocking for i in issues)
        holder.pop(key, None)
        holder.update(kept)
        tally["made"] += 1
        tally["found"] += found
        if not found:
            yield f"{file.name}: {what} ({canonical.rsplit('/', 1)[-1]})"

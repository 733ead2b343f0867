"""validation/guides.py: packages of all and of one tenant, seen without restart, bounded."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from dui_fhir.domain.errors import Unprocessable
from dui_fhir.validation import guides as module
from dui_fhir.validation import library as library_module
from dui_fhir.validation import packages
from dui_fhir.validation.guides import Guides, tenant_folder
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.packages import Packages, add_resources
from dui_fhir.validation.policy import Policy, WriteValidation
from dui_fhir.validation.validator import Validator

URL = "https://example.org/StructureDefinition/named"
LIST = "https://example.org/ValueSet/v"
SYSTEM = "https://example.org/CodeSystem/s"
NAMELESS = {"resourceType": "Patient", "active": True}


def _profile(version: str, minimum: int) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": URL,
        "version": version,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"path": "Patient.name", "min": minimum}]},
    }


def _lists(*codes: str) -> list[dict[str, Any]]:
    concepts = [{"code": code} for code in codes]
    return [
        {"resourceType": "CodeSystem", "url": SYSTEM, "content": "complete", "concept": concepts},
        {"resourceType": "ValueSet", "url": LIST, "compose": {"include": [{"system": SYSTEM}]}},
    ]


def _add(folder: Path, version: str, rows: list[dict[str, Any]], name: str = "guide") -> None:
    add_resources({"name": name, "version": version}, rows, folder)
    # two additions within one tick of the file system's clock
    os.utime(folder, ns=(folder.stat().st_atime_ns, folder.stat().st_mtime_ns + 1))


def _faults(known: module.Known, canonical: str = URL) -> list[str]:
    return [i.id for i in known.validator.profile(NAMELESS, canonical)]


def test_of__package_of_a_tenant__is_seen_by_this_tenant_only(tmp_path: Path) -> None:
    guides = Guides(tmp_path)
    _add(tenant_folder(tmp_path, "a"), "1.0.0", [_profile("1.0.0", 1), *_lists("x")])

    assert _faults(guides.of("a")) == ["validation-missing"]
    assert _faults(guides.of("b")) == ["validation-profile-unknown"]
    assert guides.of("a").terminology.validate(LIST, SYSTEM, "x") == "valid"
    assert guides.of("a").terminology.validate(LIST, SYSTEM, "y") == "invalid"
    assert guides.of("b").terminology.validate(LIST, SYSTEM, "x") == "unknown"
    assert guides.of("b") is guides.of()


def test_of__package_added_replaced_removed__seen_without_restart(tmp_path: Path) -> None:
    guides = Guides(tmp_path)
    before = guides.of("a")
    assert guides.of("a") is before
    _add(tmp_path, "1.0.0", [_profile("1.0.0", 1), *_lists("x")])
    assert _faults(guides.of("a")) == ["validation-missing"]
    _add(tmp_path, "1.0.0", [_profile("1.0.0", 0), *_lists("x", "y")])
    assert _faults(guides.of("a")) == []
    assert guides.of("a").terminology.validate(LIST, SYSTEM, "y") == "valid"
    packages.remove("guide", "1.0.0", tmp_path)
    assert _faults(guides.of("a")) == ["validation-profile-unknown"]


def test_of__versions_side_by_side__each_by_its_number_and_the_tenants_first(tmp_path: Path) -> None:
    guides = Guides(tmp_path)
    _add(tmp_path, "2.0.0", [_profile("2.0.0", 0)])
    _add(tenant_folder(tmp_path, "a"), "1.0.0", [_profile("1.0.0", 1)])

    assert _faults(guides.of("a")) == ["validation-missing"]
    assert _faults(guides.of("a"), f"{URL}|2.0.0") == []
    assert _faults(guides.of("b")) == []
    assert _faults(guides.of("b"), f"{URL}|1.0.0") == ["validation-profile-unknown"]


def test_of__many_tenants_with_packages__a_bounded_number_stays_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TENANTS_KEPT", 3)
    guides = Guides(tmp_path)
    for number in range(6):
        _add(tenant_folder(tmp_path, f"t{number}"), "1.0.0", [_profile("1.0.0", 1)])
        assert _faults(guides.of(f"t{number}")) == ["validation-missing"]

    assert len(guides._own) == 3
    assert _faults(guides.of("t0")) == ["validation-missing"]


def test_packages__folder_of_the_former_format__is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "guide#1.0.0"
    folder.mkdir(parents=True)
    rows = {"profiles": [_profile("1.0.0", 1)], "terminology": _lists("x"), "others": []}
    for name, value in rows.items():
        (folder / f"{name}.json").write_bytes(orjson.dumps(value))
    facts = {"id": "guide", "version": "1.0.0", "canonical": "", "title": "", "dependencies": {}, "counts": {}}
    (folder / "package.json").write_bytes(orjson.dumps({"format": 1, **facts}))

    assert Packages(tmp_path).find(URL, None) == _profile("1.0.0", 1)
    assert orjson.loads((folder / "package.json").read_bytes())["format"] == 2
    assert [r["url"] for r in Packages(tmp_path).terminology().all("CodeSystem")] == [SYSTEM]


def test_add_resources__name_that_leaves_the_folder__is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="name or version"):
        add_resources({"name": "../x", "version": "1"}, [], tmp_path)


def test_library__canonicals_that_clients_invent__are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "CANONICALS_KEPT", 50)
    validator = Validator(Library([Given([_profile("1", 1)])]))
    for number in range(300):
        invented = f"https://example.org/{number}"
        assert [i.id for i in validator.profile(NAMELESS, invented)] == ["validation-profile-unknown"]
    validator.profile(NAMELESS, "https://example.org/" + "x" * 10_000)

    library = validator.library
    assert max(map(len, (library._found, library._types, library._bases, library._specs))) <= 50
    assert all(len(canonical) < 1_000 for canonical in library._found)
    assert [i.id for i in validator.profile(NAMELESS, URL)] == ["validation-missing"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (f"{URL}|9.9", f"{URL}|1"),
        ("https://example.org/StructureDefinition/nammed", URL),
        ("http://autre.example/profil/named", URL),
        ("urn:rien", None),
    ],
)
def test_nearest__unknown_profile__the_one_meant(asked: str, expected: str | None) -> None:
    assert Library([Given([_profile("1", 1)])]).nearest(asked) == expected


def test_follow__profile_chosen_and_not_declared__counts_in_the_mode_of_the_policy() -> None:
    validator = Validator(Library([Given([_profile("1", 1)])]))
    warned = WriteValidation(validator, Policy()).follow(NAMELESS, [URL])
    refused = WriteValidation(validator, Policy(profiles={URL: "refuse"})).follow(NAMELESS, [URL])
    declared = WriteValidation(validator, Policy()).follow(NAMELESS | {"meta": {"profile": [URL]}}, [URL])

    assert [(i.id, i.severity) for i in warned] == [("validation-missing", "warning")]
    assert [(i.id, i.severity) for i in refused] == [("validation-missing", "error")]
    assert declared == ()


def test_follow__profile_that_is_not_known__is_a_warning_not_a_silence() -> None:
    found = WriteValidation(Validator(Library()), Policy()).follow(NAMELESS, ["urn:absent"])
    assert [(i.id, i.severity) for i in found] == [("validation-profile-unknown", "warning")]

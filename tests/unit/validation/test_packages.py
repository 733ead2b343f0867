"""validation/packages.py: packages from outside, read without trust."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.errors import Unprocessable
from dui_fhir.validation import packages
from dui_fhir.validation.library import Library
from dui_fhir.validation.packages import Packages, add, list_packages, remove
from dui_fhir.validation.validator import Validator

URL = "https://example.org/StructureDefinition/named"


def _profile(version: str, minimum: int = 1) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": URL,
        "version": version,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "text": {"div": "prose"},
        "differential": {"element": [{"path": "Patient.name", "min": minimum, "definition": "prose"}]},
    }


def _manifest(version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    return {"name": "example.guide", "version": version, "canonical": "https://example.org", **more}


def _tgz(path: Path, files: dict[str, Any], extra: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, value in files.items():
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return path


def _guide(folder: Path, version: str, minimum: int = 1, **more: Any) -> Path:
    files = {
        "package/package.json": _manifest(version, **more),
        "package/StructureDefinition-named.json": _profile(version, minimum),
        "package/ValueSet-v.json": {"resourceType": "ValueSet", "url": "https://example.org/ValueSet/v"},
        "package/example/Patient-x.json": {"resourceType": "Patient"},
        "package/other/readme.txt": b"hello",
    }
    return _tgz(folder / f"{version}.tgz", files)


def test_add__guide__is_listed_with_its_counts(tmp_path: Path) -> None:
    added = add(_guide(tmp_path, "1.0.0"), tmp_path / "ig")

    assert added.key == "example.guide#1.0.0"
    assert added.counts == {"StructureDefinition": 1, "ValueSet": 1}
    assert list_packages(tmp_path / "ig") == [added]


def test_add__guide_with_dependencies__names_the_missing_ones(tmp_path: Path) -> None:
    needed = {"hl7.fhir.r4.core": "4.0.1", "hl7.fhir.fr.core": "2.1.0"}

    added = add(_guide(tmp_path, "1.0.0", dependencies=needed), tmp_path / "ig")

    assert added.missing == ("hl7.fhir.fr.core#2.1.0",)


def test_find__two_versions__each_is_there_and_the_latest_is_the_default(tmp_path: Path) -> None:
    for version, minimum in (("1.10.0", 1), ("1.9.0", 0)):
        add(_guide(tmp_path, version, minimum), tmp_path / "ig")
    validator = Validator(Library([Packages(tmp_path / "ig")]))
    patient = {"resourceType": "Patient", "active": True}

    found = {v: [i.id for i in validator.profile(patient, URL + v)] for v in ("", "|1.10.0", "|1.9.0", "|2.0.0")}

    assert found == {
        "": ["validation-missing"],
        "|1.10.0": ["validation-missing"],
        "|1.9.0": [],
        "|2.0.0": ["validation-profile-unknown"],
    }


def test_terminology__added_guide__gives_its_value_sets(tmp_path: Path) -> None:
    add(_guide(tmp_path, "1.0.0"), tmp_path / "ig")

    assert [r["url"] for r in Packages(tmp_path / "ig").terminology().all("ValueSet")] == [
        "https://example.org/ValueSet/v"
    ]


def test_remove__added_guide__leaves_nothing(tmp_path: Path) -> None:
    add(_guide(tmp_path, "1.0.0"), tmp_path / "ig")

    assert remove("example.guide", "1.0.0", tmp_path / "ig")
    assert not remove("example.guide", "1.0.0", tmp_path / "ig")
    assert not remove("..", "1.0.0", tmp_path / "ig")
    assert list_packages(tmp_path / "ig") == []


def _info(name: str, type: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, link
    return info


@pytest.mark.parametrize(
    ("info", "diagnostics"),
    [
        (_info("package/a.json", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (_info("package/a.json", tarfile.LNKTYPE, "package/package.json"), "link"),
        (_info("package/fifo", tarfile.FIFOTYPE), "link"),
        (_info("package/../../a.json"), "escape"),
        (_info("/package/a.json"), "escape"),
        (_info("..\\a.json"), "escape"),
        (_info("C:/a.json"), "escape"),
    ],
)
def test_add__unsafe_member__is_refused_and_nothing_written(
    tmp_path: Path, info: tarfile.TarInfo, diagnostics: str
) -> None:
    path = _tgz(tmp_path / "x.tgz", {"package/package.json": _manifest()}, (info,))

    with pytest.raises(Unprocessable, match=diagnostics):
        add(path, tmp_path / "ig")

    assert not (tmp_path / "ig").exists()


@pytest.mark.parametrize(
    ("files", "diagnostics"),
    [
        ({}, "no manifest"),
        ({"package/package.json": {"name": "../up", "version": "1"}}, "name or version"),
        ({"package/package.json": _manifest(), "package/A.json": b"not json"}, "not a JSON object"),
        ({"package/package.json": b"[]"}, "not a JSON object"),
        ({"package/package.json": _manifest(fhirVersions=["5.0.0"])}, "FHIR release"),
        (
            {
                "package/package.json": _manifest(),
                "package/a.json": _profile("1.0.0"),
                "package/b.json": _profile("1.0.0", 0),
            },
            "duplicate canonical",
        ),
        ({"package/package.json": _manifest(), "package/a.json": _profile("1") | {"baseDefinition": URL}}, "cyclic"),
        (
            {
                "package/package.json": _manifest(),
                "package/a.json": _profile("1") | {"baseDefinition": URL + "-b"},
                "package/b.json": _profile("1") | {"url": URL + "-b", "baseDefinition": URL + "|1"},
            },
            "cyclic",
        ),
    ],
)
def test_add__package_that_is_none__is_refused(tmp_path: Path, files: dict[str, Any], diagnostics: str) -> None:
    with pytest.raises(Unprocessable, match=diagnostics):
        add(_tgz(tmp_path / "x.tgz", files), tmp_path / "ig")


def test_add__file_that_is_no_archive__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(b"\x1f\x8b not gzip at all")

    with pytest.raises(Unprocessable, match="validation-package"):
        add(path, tmp_path / "ig")


@pytest.mark.parametrize(
    ("name", "limit", "diagnostics"),
    [("FILES_MAX", 3, "more than 3"), ("FILE_BYTES_MAX", 10, "size"), ("TOTAL_BYTES_MAX", 10, "size")],
)
def test_add__package_over_a_limit__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int, diagnostics: str
) -> None:
    monkeypatch.setattr(packages, name, limit)

    with pytest.raises(Unprocessable, match=diagnostics):
        add(_guide(tmp_path, "1.0.0"), tmp_path / "ig")


def test_add__bomb__is_refused_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_RATIO_FLOOR_BYTES", 100_000)
    files = {"package/package.json": _manifest(), "package/zeros.bin": bytes(2_000_000)}

    with pytest.raises(Unprocessable, match="ratio"):
        add(_tgz(tmp_path / "x.tgz", files), tmp_path / "ig")


@pytest.mark.parametrize("type", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_add__bomb_in_a_header_of_the_archive__is_refused_by_its_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type: bytes
) -> None:
    monkeypatch.setattr(packages, "_RATIO_FLOOR_BYTES", 100_000)
    info = _info("package/a.json", type)
    info.size = 20_000_000
    path = tmp_path / "x.tgz"
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf() + bytes(info.size))

    with pytest.raises(Unprocessable, match="ratio"):
        add(path, tmp_path / "ig")


def test_add__two_versions_of_one_profile_and_several_releases__is_accepted(tmp_path: Path) -> None:
    files = {
        "package/package.json": _manifest(fhirVersions=["4.0.1", "5.0.0"]),
        "package/a.json": _profile("1.0.0"),
        "package/b.json": _profile("1.1.0"),
    }

    assert add(_tgz(tmp_path / "x.tgz", files), tmp_path / "ig").counts == {"StructureDefinition": 2}


def test_add__again__replaces_what_was_there(tmp_path: Path) -> None:
    add(_guide(tmp_path, "1.0.0", 0), tmp_path / "ig")
    add(_guide(tmp_path, "1.0.0", 1), tmp_path / "ig")

    structure = Packages(tmp_path / "ig").find(URL, "1.0.0")

    assert structure is not None
    assert structure["differential"] == {"element": [{"path": "Patient.name", "min": 1}]}
    assert "text" not in structure

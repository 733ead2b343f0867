"""Bulk Data Access 2.0.0: _elements, patient, deleted, refused parameters; the manifest of $import."""

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.bulk import deletions as deletions_module
from dui_fhir.bulk.folder import Folders
from dui_fhir.bulk.runner import Runner
from dui_fhir.service.engine import Engine
from dui_fhir.settings import Settings

Line = dict[str, Any]
SINCE = "_since=2000-01-01T00:00:00Z"
NDJSON = "application/fhir+ndjson"
_TENANTS = itertools.count(1)


class Bulk:
    """A client of one tenant, and the worker that does its work when told."""

    def __init__(self, app: Flask, root: Path, tenant: str) -> None:
        self.engine: Engine = app.extensions["dui_fhir"]
        self.client, self.tenant = app.test_client(), tenant
        self.engine.stores.create(tenant)
        self.runner = Runner(self.engine, Folders(root))
        self.base = f"/t/{tenant}/fhir"
        self.url = f"http://localhost{self.base}"
        self.files = Path(self.engine.settings.bulk_import_dir) / tenant

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        target = path.removeprefix("http://localhost") if path.startswith("http") else f"{self.base}/{path}"
        sent = {"Content-Type": "application/fhir+json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.client.open(target, method=method, data=data, headers=sent)

    def put(self, kind: str, id: str, **content: Any) -> None:
        answer = self.call("PUT", f"{kind}/{id}", {"resourceType": kind, "id": id, **content})
        assert answer.status_code in (200, 201), answer.text

    def done(self, accepted: Any) -> Any:
        assert accepted.status_code == 202, accepted.text
        self.runner.run_all()
        answer = self.call("GET", accepted.headers["Content-Location"])
        assert answer.status_code == 200, answer.text
        return answer.json

    def lines(self, manifest: Any, role: str = "output") -> list[Line]:
        files = [self.call("GET", output["url"]).data for output in manifest[role]]
        return [json.loads(line) for data in files for line in data.splitlines()]

    def exported(self, path: str) -> list[Line]:
        return self.lines(self.done(self.call("GET", path)))

    def deleted(self, path: str) -> list[str]:
        bundles = self.lines(self.done(self.call("GET", path)), "deleted")
        assert {b["type"] for b in bundles} <= {"transaction"}
        return sorted(e["request"]["url"] for b in bundles for e in b["entry"] if e["request"]["method"] == "DELETE")


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    root = tmp_path_factory.mktemp("data")
    folders = {"data_dir": str(root), "bulk_dir": str(root / "bulk"), "bulk_import_dir": str(root / "import")}
    settings = Settings({"store": request.param, "log_level": "ERROR", "bulk_import_bytes_max": 5000, **folders})
    engine = build_engine(settings, writer="own")
    yield create_app(settings, engine=engine)
    engine.stores.close()


@pytest.fixture
def bulk(served: Flask) -> Bulk:
    root = Path(served.extensions["dui_fhir"].settings.bulk_dir)
    return Bulk(served, root, f"essai-{next(_TENANTS)}")


def _observation(bulk: Bulk, id: str, patient: str) -> None:
    subject = {"reference": f"Patient/{patient}"}
    bulk.put("Observation", id, status="final", code={"text": "poids"}, subject=subject, note=[{"text": "x"}])


@pytest.fixture
def people(bulk: Bulk) -> Bulk:
    """Persons a and b, an observation of each, a group of a."""
    for id in "ab":
        bulk.put("Patient", id, name=[{"family": "Dubois"}], gender="female")
        _observation(bulk, f"o-{id}", id)
    member = [{"entity": {"reference": "Patient/a"}}]
    bulk.put("Group", "g", type="person", actual=True, member=member)
    return bulk


# _elements


def test_elements__of_one_type__cut_that_type_only_and_mark_it(people: Bulk) -> None:
    found = {
        r["id"]: r for r in people.exported("$export?_type=Patient,Observation&_elements=Patient.gender,Patient.id")
    }

    assert "name" not in found["a"]
    assert found["a"]["gender"] == "female"
    assert "SUBSETTED" in [tag["code"] for tag in found["a"]["meta"]["tag"]]
    assert found["o-a"]["note"]
    assert "tag" not in found["o-a"]["meta"]


def test_elements__of_all_types__keep_what_is_mandatory(people: Bulk) -> None:
    found = {r["id"]: r for r in people.exported("$export?_type=Patient,Observation&_elements=subject")}

    assert set(found["o-a"]) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert set(found["a"]) == {"resourceType", "id", "meta"}


@pytest.mark.parametrize("elements", ["Patient.colour", "couleur", "Task.status", "Patient.name.given"])
def test_elements__unknown__are_refused_at_once(people: Bulk, elements: str) -> None:
    answer = people.call("GET", f"$export?_type=Patient&_elements={elements}")

    assert (answer.status_code, _code(answer)) == (400, "core-export-elements")


def _code(answer: Any) -> str:
    return str(answer.json["issue"][0]["details"]["coding"][0]["code"])


# patient


def _asked(*patients: str) -> Line:
    given = [{"name": "patient", "valueReference": {"reference": f"Patient/{p}"}} for p in patients]
    return {"resourceType": "Parameters", "parameter": given}


def test_patient__some_of_all__only_their_files(people: Bulk) -> None:
    manifest = people.done(people.call("POST", "Patient/$export", _asked("b")))

    assert {r["id"] for r in people.lines(manifest)} == {"b", "o-b"}


def test_patient__of_the_group__is_exported_and_another_refused(people: Bulk) -> None:
    inside = people.done(people.call("POST", "Group/g/$export", _asked("a")))
    outside = people.call("POST", "Group/g/$export", _asked("a", "b"))

    assert {r["id"] for r in people.lines(inside)} == {"a", "o-a", "g"}
    assert (outside.status_code, _code(outside)) == (400, "core-export-patient")


def test_patient__at_system_level_or_malformed__is_refused(people: Bulk) -> None:
    assert _code(people.call("POST", "$export", _asked("a"))) == "core-parameter-unknown"
    assert _code(people.call("GET", "Patient/$export?patient=Practitioner/a")) == "core-export-patient"


@pytest.mark.parametrize("level", ["", "Patient/", "Group/g/"])
def test_associated_data__asked_for__is_refused_by_its_name(people: Bulk, level: str) -> None:
    answer = people.call("GET", f"{level}$export?includeAssociatedData=LatestProvenanceResources")

    assert (answer.status_code, _code(answer)) == (400, "core-export-associated")


# deleted


def test_deleted__since__lists_what_has_gone_and_not_what_came_back(people: Bulk) -> None:
    for reference in ("Observation/o-a", "Observation/o-b"):
        people.call("DELETE", reference)
    _observation(people, "o-b", "b")

    assert people.deleted(f"$export?{SINCE}") == ["Observation/o-a"]
    assert people.deleted(f"$export?{SINCE}&_type=Patient") == []
    assert people.deleted("$export?_since=2100-01-01T00:00:00Z") == []
    assert people.deleted("$export") == []


def test_deleted__of_a_group__tells_nothing_of_other_persons(people: Bulk) -> None:
    for reference in ("Observation/o-a", "Observation/o-b"):
        people.call("DELETE", reference)

    assert people.deleted(f"Group/g/$export?{SINCE}") == ["Observation/o-a"]
    assert people.deleted(f"Patient/$export?{SINCE}") == ["Observation/o-a", "Observation/o-b"]


def test_deleted__filter__applies_to_the_last_content(people: Bulk) -> None:
    people.call("DELETE", "Observation/o-a")

    assert people.deleted(f"$export?{SINCE}&_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal") != []
    assert people.deleted(f"$export?{SINCE}&_type=Observation&_typeFilter=Observation%3Fstatus%3Damended") == []


def test_deleted__after_the_request__is_not_in_it(people: Bulk) -> None:
    accepted = people.call("GET", f"$export?{SINCE}")
    asked_ms = people.engine.clock.now_ms()
    while people.engine.clock.now_ms() <= asked_ms:
        pass
    people.call("DELETE", "Observation/o-a")

    assert people.done(accepted)["deleted"] == []


def test_deleted__many__come_in_slices_each_once(people: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions_module, "SLICE_VERSIONS", 3)
    monkeypatch.setattr(deletions_module, "BUNDLE_ENTRIES", 2)
    for n in range(7):
        _observation(people, f"x{n}", "a")
        people.call("DELETE", f"Observation/x{n}")

    assert people.deleted(f"$export?{SINCE}") == [f"Observation/x{n}" for n in range(7)]


# $import by manifest


def _manifest(*inputs: tuple[str, str], **others: Any) -> Line:
    given = [
        {"name": "input", "part": [{"name": "type", "valueCode": type}, {"name": "url", "valueUrl": url}]}
        for type, url in inputs
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [*({"name": k, "valueCode": v} for k, v in others.items()), *given],
    }


def _ndjson(type: str, *ids: str) -> bytes:
    return b"\n".join(json.dumps({"resourceType": type, "id": id}).encode() for id in ids)


def _binary(bulk: Bulk, id: str, data: bytes, media: str = NDJSON) -> str:
    bulk.put("Binary", id, contentType=media, data=base64.b64encode(data).decode())
    return f"Binary/{id}"


def _counts(manifest: Any) -> tuple[int, int]:
    counts = manifest["extension"]["urn:dui-fhir:counts"]
    return counts["created"], counts["refused"]


def test_import__binaries_and_files__are_written(bulk: Bulk) -> None:
    bulk.files.mkdir(parents=True)
    (bulk.files / "patients.ndjson").write_bytes(_ndjson("Patient", "p2", "p3"))
    first = _binary(bulk, "lot", _ndjson("Patient", "p0", "p1"))
    sources = [("Patient", f"{bulk.url}/{first}"), ("Patient", "file:patients.ndjson"), ("Basic", _basics(bulk))]

    manifest = bulk.done(bulk.call("POST", "$import", _manifest(*sources, inputFormat=NDJSON)))

    assert _counts(manifest) == (5, 0)
    assert bulk.call("GET", "Patient?_summary=count").json["total"] == 4


def _basics(bulk: Bulk) -> str:
    line = json.dumps({"resourceType": "Basic", "id": "x", "code": {"text": "x"}}).encode()
    return _binary(bulk, "basics", line)


def test_import__line_of_another_type_than_announced__is_refused_alone(bulk: Bulk) -> None:
    url = _binary(bulk, "lot", _ndjson("Patient", "p0") + b"\n" + _ndjson("Practitioner", "q0"))

    manifest = bulk.done(bulk.call("POST", "$import", _manifest(("Patient", url), ("Practitioner", url))))

    assert _counts(manifest) == (2, 2)
    told = [line["issue"][0]["details"]["coding"][0]["code"] for line in bulk.lines(manifest, "error")]
    assert told == ["core-import-type", "core-import-type"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/patients.ndjson",
        "https://ailleurs.test/fhir/Binary/lot",
        "ftp://ailleurs.test/x",
        "file:///etc/passwd",
        "file:../secret.ndjson",
        "file:%2e%2e/secret.ndjson",
        "file:lien.ndjson",
        "file://ailleurs.test/patients.ndjson",
        "file:a%00b",
        "patients.ndjson",
        "Patient/p0",
        "gopher:x",
        "",
    ],
)
def test_import__source_from_elsewhere__is_refused_and_nothing_is_called(bulk: Bulk, url: str) -> None:
    bulk.files.mkdir(parents=True)
    (bulk.files.parent / "secret.ndjson").write_bytes(_ndjson("Patient", "x"))
    (bulk.files / "lien.ndjson").symlink_to(bulk.files.parent / "secret.ndjson")

    answer = bulk.call("POST", "$import", _manifest(("Patient", url)))

    assert (answer.status_code, _code(answer)) == (403, "core-import-source-refused")
    assert answer.json["issue"][0]["details"]["text"]
    (bulk.files.parent / "secret.ndjson").unlink()


@pytest.mark.parametrize(
    ("manifest", "status", "code"),
    [
        (_manifest(("Patient", "file:absent.ndjson")), 404, "core-import-source-unknown"),
        (_manifest(("Patient", "Binary/absent")), 404, "core-not-found"),
        (_manifest(("Patinet", "Binary/absent")), 400, "core-import-type"),
        (_manifest(("Patient", "Binary/x"), inputFormat="text/csv"), 400, "core-import-format"),
        (_manifest(), 400, "core-parameter-missing"),
        ({"resourceType": "Patient"}, 400, "core-parameters-expected"),
    ],
)
def test_import__wrong_manifest__is_refused_at_once(bulk: Bulk, manifest: Line, status: int, code: str) -> None:
    answer = bulk.call("POST", "$import", manifest)

    assert (answer.status_code, _code(answer)) == (status, code)


def test_import__binary_of_another_format__is_refused(bulk: Bulk) -> None:
    url = _binary(bulk, "lot", b"a;b", "text/csv")

    assert _code(bulk.call("POST", "$import", _manifest(("Patient", url)))) == "core-import-format"


def test_import__bytes_at_the_limit_and_above__only_the_first_is_taken(bulk: Bulk) -> None:
    bulk.files.mkdir(parents=True)
    line = json.dumps({"resourceType": "Patient", "id": "p", "name": [{"text": "FILL"}]})
    for size, status in ((5000, 202), (5001, 413)):
        (bulk.files / "lot.ndjson").write_text(line.replace("FILL", "x" * (size - len(line) + 3)) + "\n")
        assert (bulk.files / "lot.ndjson").stat().st_size == size
        answer = bulk.call("POST", "$import", _manifest(("Patient", "file:lot.ndjson")))
        assert answer.status_code == status, answer.text

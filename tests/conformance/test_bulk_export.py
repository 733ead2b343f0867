"""Bulk Data Access 2.0.0, export; FHIR R4, async.html."""

import itertools
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.bulk import export as export_module
from dui_fhir.bulk.folder import Folder, Folders
from dui_fhir.bulk.runner import Runner
from dui_fhir.domain.actor import Actor
from dui_fhir.service.engine import Engine
from dui_fhir.settings import Settings

PATIENT = {"resourceType": "Patient", "name": [{"family": "Dubois"}]}
Line = dict[str, Any]
_TENANTS = itertools.count(1)


class Bulk:
    """A client of one tenant, and the worker that does its work when told."""

    def __init__(self, app: Flask, root: Path, tenant: str) -> None:
        self.engine: Engine = app.extensions["dui_fhir"]
        self.client = app.test_client()
        self.store = self.engine.stores.create(tenant)
        self.folder = root / tenant
        self.runner = Runner(self.engine, Folders(root))
        self.base = f"/t/{tenant}/fhir"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        target = path.removeprefix("http://localhost") if path.startswith("http") else f"{self.base}/{path}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/fhir+json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.open(target, method=method, data=data, headers=sent)

    def create(self, resource: Line) -> Line:
        answer = self.call("POST", resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def kick_off(self, path: str, **headers: str) -> str:
        answer = self.call("GET", path, Prefer="respond-async", **headers)
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Content-Location"])

    def manifest(self, status: str) -> Any:
        assert self.call("GET", status).status_code == 202
        self.runner.run_all()
        answer = self.call("GET", status)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json

    def lines(self, manifest: Any, role: str = "output") -> list[Line]:
        found: list[Line] = []
        for output in manifest[role]:
            answer = self.call("GET", output["url"])
            assert answer.headers["Content-Type"] == "application/fhir+ndjson"
            part = [json.loads(line) for line in answer.data.splitlines()]
            assert len(part) == output["count"]
            assert {line["resourceType"] for line in part} == {output["type"]}
            found += part
        return found

    def exported(self, path: str) -> set[str]:
        found = [f"{line['resourceType']}/{line['id']}" for line in self.lines(self.manifest(self.kick_off(path)))]
        assert len(found) == len(set(found))
        return set(found)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    root = tmp_path_factory.mktemp("data")
    folders = {"data_dir": str(root), "bulk_dir": str(root / "bulk")}
    settings = Settings({"store": request.param, "log_level": "ERROR", **folders})
    engine = build_engine(settings, writer="own")
    yield create_app(settings, engine=engine)
    engine.stores.close()


@pytest.fixture
def bulk(served: Flask) -> Bulk:
    root = Path(served.extensions["dui_fhir"].settings.bulk_dir)
    return Bulk(served, root, f"essai-{next(_TENANTS)}")


def _about(patient: Line, **others: Any) -> Line:
    subject = {"reference": f"Patient/{patient['id']}"}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "poids"}, "subject": subject, **others}


@pytest.fixture
def file(bulk: Bulk) -> dict[str, str]:
    """Two persons with an observation each; a practitioner; a group of the first person."""
    first, second = bulk.create(PATIENT), bulk.create(PATIENT)
    made = {
        "first": first,
        "second": second,
        "of_first": bulk.create(_about(first, status="preliminary")),
        "of_second": bulk.create(_about(second)),
        "practitioner": bulk.create({"resourceType": "Practitioner", "active": True}),
    }
    member = [{"entity": {"reference": f"Patient/{first['id']}"}}]
    left = [{"entity": {"reference": f"Patient/{second['id']}"}, "inactive": True}]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": [*member, *left]}
    made["group"] = bulk.create(group)
    return {name: f"{r['resourceType']}/{r['id']}" for name, r in made.items()}


def test_export__system__has_every_resource_once(bulk: Bulk, file: dict[str, str]) -> None:
    assert bulk.exported("$export") == set(file.values())


def test_export__patients__has_what_concerns_persons(bulk: Bulk, file: dict[str, str]) -> None:
    exported = bulk.exported("Patient/$export")

    assert {file[n] for n in ("first", "second", "of_first", "of_second")} <= exported
    assert file["practitioner"] not in exported


def test_export__group__has_its_active_members_only(bulk: Bulk, file: dict[str, str]) -> None:
    assert bulk.exported(f"{file['group']}/$export") - {file["group"]} == {file["first"], file["of_first"]}


def test_export__type_and_filter__narrow_it(bulk: Bulk, file: dict[str, str]) -> None:
    assert bulk.exported("$export?_type=Practitioner,Patient") == {file["practitioner"], file["first"], file["second"]}
    path = "$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Dpreliminary"
    assert bulk.exported(path) == {file["of_first"]}


def test_export__several_filters_of_a_type__are_alternatives(bulk: Bulk, file: dict[str, str]) -> None:
    one, other = "_typeFilter=Observation%3Fstatus%3Dpreliminary", "_typeFilter=Observation%3Fstatus%3Dfinal"

    assert bulk.exported(f"$export?_type=Observation&{one}&{other}") == {file["of_first"], file["of_second"]}


def test_export__since__leaves_out_what_is_older(bulk: Bulk, file: dict[str, str]) -> None:
    assert bulk.exported("$export?_since=2100-01-01T00:00:00Z") == set()
    assert bulk.exported("$export?_since=2000-01-01T00:00:00Z") == set(file.values())


def test_export__changes_after_the_request__are_not_in_it(bulk: Bulk, file: dict[str, str]) -> None:
    status = bulk.kick_off("$export?_type=Patient")
    (request,) = [json.loads(path.read_text()) for path in bulk.folder.glob("*/request.json")]
    while bulk.engine.clock.now_ms() <= request["asked_ms"]:
        pass
    bulk.create(PATIENT)
    id = file["first"].split("/")[1]
    assert bulk.call("PUT", file["first"], {**PATIENT, "id": id, "active": True}).status_code == 200

    found = {line["id"]: line for line in bulk.lines(bulk.manifest(status))}

    assert {f"Patient/{id}" for id in found} == {file["first"], file["second"]}
    assert found[id]["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("_outputFormat=text/csv", "core-export-format"),
        ("_since=hier", "core-parameter-type"),
        ("_typeFilter=Observation", "core-export-filter"),
        ("_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal", "core-export-filter"),
        ("_type=Patient&_typeFilter=Patient%3Ffamly%3DX", "search-unknown-parameter"),
        ("_type=Patinet", "core-type-unknown"),
        ("_typo=Patient", "core-parameter-unknown"),
    ],
)
def test_export__wrong_parameter__is_refused_at_once(bulk: Bulk, query: str, code: str) -> None:
    answer = bulk.call("GET", f"$export?{query}")

    assert answer.status_code in (400, 404)
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == code


def test_export__patients_and_a_type_of_no_person__is_refused(bulk: Bulk) -> None:
    assert bulk.call("GET", "Patient/$export?_type=Practitioner").status_code == 400


def test_export__group_that_is_not_there__is_404(bulk: Bulk) -> None:
    assert bulk.call("GET", "Group/absent/$export").status_code == 404


def test_export__cancelled__is_forgotten_and_its_files_go(bulk: Bulk, file: dict[str, str]) -> None:
    status = bulk.kick_off("$export")

    assert bulk.call("DELETE", status).status_code == 202
    bulk.runner.run_all()
    bulk.runner.sweep()

    assert bulk.call("GET", status).status_code == 404
    assert list(bulk.folder.iterdir()) == []
    assert [j.state for j in bulk.store.jobs(kind="bulk")] == ["cancelled"]


def test_export__killed_in_the_middle__is_resumed_without_loss_or_repetition(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {bulk.create(PATIENT)["id"] for _ in range(25)}
    monkeypatch.setattr(export_module, "SLICE_RESOURCES", 4)
    status = bulk.kick_off("$export?_type=Patient")
    (folder,) = [Folder(path) for path in bulk.folder.iterdir()]
    save, saves = type(folder).save, iter(range(100))

    def dies(self: Any, state: Any) -> None:
        if next(saves) == 4:
            raise KeyboardInterrupt  # the lines of a slice are in the file, the state does not count them
        save(self, state)

    monkeypatch.setattr(type(folder), "save", dies)
    with pytest.raises(KeyboardInterrupt):
        bulk.runner.run_all()
    monkeypatch.setattr(type(folder), "save", save)
    assert folder.state().phase == "working"
    (output,) = folder.state().outputs
    assert (folder.path / output.name).stat().st_size > output.bytes

    # nobody settled it: the lease runs out
    (job,) = bulk.store.jobs(kind="bulk")
    assert job.state == "leased"
    _let_go(bulk.store, job)
    bulk.runner.run_all()

    found = [line["id"] for line in bulk.lines(bulk.call("GET", status).json)]
    assert sorted(found) == sorted(made)


def _let_go(store: Any, job: Any) -> None:
    from dui_fhir.domain.job import JobSettlement
    from dui_fhir.domain.plan import Plan

    store.submit(Plan(settlements=(JobSettlement(job=job.id, lease=job.lease, state="waiting"),)))


def test_export__work_that_never_advances__is_given_up_and_says_so(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    status = bulk.kick_off("$export?_type=Patient")

    def breaks(*_: Any) -> bool:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(export_module.Export, "step", breaks)
    monkeypatch.setattr("dui_fhir.bulk.runner.RETRY_S", 0.0)
    bulk.runner.run_all()

    answer = bulk.call("GET", status)
    assert answer.status_code == 500
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "core-bulk-abandoned"


def test_export__files__are_readable_by_their_owner_only(bulk: Bulk, file: dict[str, str]) -> None:
    bulk.manifest(bulk.kick_off("$export"))

    for path in bulk.folder.rglob("*"):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        assert mode & 0o077 == 0, path


def test_export__large_bodies__slices_are_bounded_by_bytes(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "SLICE_BYTES", 50_000)
    data = "QUJD" * 8_000
    made = {bulk.create({"resourceType": "Binary", "contentType": "text/plain", "data": data})["id"] for _ in range(5)}
    slices: list[int] = []
    step = export_module.Export.step

    def counted(self: Any, call: Any, folder: Any, state: Any) -> bool:
        before = sum(o.bytes for o in state.outputs)
        finished = step(self, call, folder, state)
        slices.append(sum(o.bytes for o in state.outputs) - before)
        return finished

    monkeypatch.setattr(export_module.Export, "step", counted)
    found = {line["id"] for line in bulk.lines(bulk.manifest(bulk.kick_off("$export?_type=Binary")))}

    assert found == made
    assert len(slices) == 3
    assert max(slices) < 50_000 + 33_000  # the bound, and the body that reaches it


@pytest.mark.parametrize("name", ["../request.json", "request.json", "state.json", "Patient.0009.ndjson"])
def test_file__not_an_output__is_404(bulk: Bulk, file: dict[str, str], name: str) -> None:
    status = bulk.kick_off("$export")
    bulk.manifest(status)
    job = status.rpartition("=")[2]

    assert bulk.call("GET", f"$async-file?job={job}&file={name}").status_code == 404


@pytest.mark.parametrize("job", ["absent", "..", ".", "a%2Fb"])
def test_status__unknown_work__is_404(bulk: Bulk, job: str) -> None:
    assert bulk.call("GET", f"$async-status?job={job}").status_code == 404


def test_search__respond_async__becomes_files_of_all_pages(bulk: Bulk, file: dict[str, str]) -> None:
    status = bulk.kick_off("Observation?_count=1&_include=Observation:subject")
    found = {f"{line['resourceType']}/{line['id']}" for line in bulk.lines(bulk.manifest(status))}

    assert found == {file[n] for n in ("first", "second", "of_first", "of_second")}


def test_everything__respond_async__becomes_files(bulk: Bulk, file: dict[str, str]) -> None:
    manifest = bulk.manifest(bulk.kick_off(f"{file['first']}/$everything"))

    assert {line["id"] for line in bulk.lines(manifest)} == {
        file[n].split("/")[1] for n in ("first", "of_first", "group")
    }


def test_everything__posted_with_respond_async__becomes_files_of_all_pages(bulk: Bulk, file: dict[str, str]) -> None:
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 1}]}
    accepted = bulk.call("POST", f"{file['first']}/$everything", inputs, Prefer="respond-async")
    assert accepted.status_code == 202, accepted.text

    manifest = bulk.manifest(accepted.headers["Content-Location"])

    assert {line["id"] for line in bulk.lines(manifest)} == {
        file[n].split("/")[1] for n in ("first", "of_first", "group")
    }


def test_lastn__posted_with_respond_async__has_its_inputs(bulk: Bulk, file: dict[str, str]) -> None:
    parameters = [
        {"name": "patient", "valueString": file["first"]},
        {"name": "_id", "valueString": file["of_first"].split("/")[1]},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    accepted = bulk.call("POST", "Observation/$lastn", body, Prefer="respond-async")

    (line,) = bulk.lines(bulk.manifest(accepted.headers["Content-Location"]))
    assert f"Observation/{line['id']}" == file["of_first"]


def test_search__respond_async_and_lenient__is_lenient(bulk: Bulk, file: dict[str, str]) -> None:
    status = bulk.call("GET", "Patient?foo=1", Prefer="respond-async, handling=lenient").headers["Content-Location"]

    assert any(line["resourceType"] == "Patient" for line in bulk.lines(bulk.manifest(status)))


def test_read__respond_async__is_answered_at_once(bulk: Bulk, file: dict[str, str]) -> None:
    assert bulk.call("GET", file["first"], Prefer="respond-async").status_code == 200


def _answered(bulk: Bulk, method: str, path: str, body: Any, **headers: str) -> Any:
    """Send a write to be done later, let it be done, and return its answer."""
    accepted = bulk.call(method, path, body, **{"Prefer": "respond-async", **headers})
    assert accepted.status_code == 202, accepted.text
    assert not accepted.data
    status = accepted.headers["Content-Location"]
    assert bulk.call("GET", status).status_code == 202
    bulk.runner.run_all()
    answer = bulk.call("GET", status)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    return answer.json


def test_create__respond_async__is_one_entry_with_the_resource(bulk: Bulk) -> None:
    answer = _answered(bulk, "POST", "Patient", PATIENT)

    (entry,) = answer["entry"]
    assert (answer["type"], entry["response"]["status"], entry["response"]["etag"]) == (
        "batch-response",
        "201 Created",
        'W/"1"',
    )
    assert bulk.call("GET", entry["response"]["location"]).json == entry["resource"]


@pytest.mark.parametrize(("prefer", "shown"), [("minimal", False), ("representation", True)])
def test_update__respond_async__shows_what_the_client_prefers(bulk: Bulk, prefer: str, shown: bool) -> None:
    patient = bulk.create(PATIENT)
    path = f"Patient/{patient['id']}"

    answer = _answered(bulk, "PUT", path, {**patient, "active": True}, Prefer=f"respond-async, return={prefer}")

    assert ("resource" in answer["entry"][0]) is shown
    assert bulk.call("GET", path).json["active"] is True


def test_write__respond_async_refused__tells_the_status_and_the_outcome(bulk: Bulk) -> None:
    patient = bulk.create(PATIENT)

    answer = _answered(bulk, "PUT", f"Patient/{patient['id']}", {**patient, "active": True}, If_Match='W/"7"')

    response = answer["entry"][0]["response"]
    assert response["status"] == "412 Precondition Failed"
    assert response["outcome"]["issue"][0]["details"]["text"]


def test_delete__respond_async__is_done(bulk: Bulk) -> None:
    patient = bulk.create(PATIENT)

    answer = _answered(bulk, "DELETE", f"Patient/{patient['id']}", None)

    assert answer["entry"][0]["response"]["status"] == "204 No Content"
    assert bulk.call("GET", f"Patient/{patient['id']}").status_code == 410


def test_patch__respond_async__is_done_with_its_media_type(bulk: Bulk) -> None:
    patient = bulk.create(PATIENT)
    patch = json.dumps([{"op": "add", "path": "/active", "value": True}]).encode()

    answer = _answered(bulk, "PATCH", f"Patient/{patient['id']}", patch, Content_Type="application/json-patch+json")

    assert answer["entry"][0]["resource"]["active"] is True


def test_validate__respond_async__is_one_entry_with_the_outcome(bulk: Bulk) -> None:
    bad = {"resourceType": "Patient", "gender": "x"}
    collection = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": bad}] * 20}
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": collection}]}
    at_once = bulk.call("POST", "Bundle/$validate", inputs)

    answer = _answered(bulk, "POST", "Bundle/$validate", inputs)

    (entry,) = answer["entry"]
    assert (answer["type"], entry["response"]["status"]) == ("batch-response", "200 OK")
    assert entry["resource"] == at_once.json
    assert len(entry["resource"]["issue"]) >= 20


def test_document__respond_async__is_assembled_and_stored(bulk: Bulk) -> None:
    patient = bulk.create(PATIENT)
    composition = bulk.create(
        {
            "resourceType": "Composition",
            "status": "final",
            "type": {"text": "Synthèse"},
            "date": "2026-01-01",
            "title": "Synthèse",
            "author": [{"reference": f"Patient/{patient['id']}"}],
            "subject": {"reference": f"Patient/{patient['id']}"},
        }
    )
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "persist", "valueBoolean": True}]}

    answer = _answered(bulk, "POST", f"Composition/{composition['id']}/$document", inputs)

    (entry,) = answer["entry"]
    assert entry["resource"]["type"] == "document"
    assert bulk.call("GET", entry["response"]["location"]).json == entry["resource"]


def test_meta_add__respond_async_and_the_worker_dies_after_it__is_done_once(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = bulk.create(PATIENT)
    meta = {"tag": [{"system": "urn:x", "code": "a"}]}
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
    path = f"Patient/{patient['id']}"
    accepted = bulk.call("POST", f"{path}/$meta-add", inputs, Prefer="respond-async")
    assert accepted.status_code == 202
    _die_once_before_the_answer_is_kept(monkeypatch)
    answer = _until_done(bulk, accepted.headers["Content-Location"])

    assert answer["entry"][0]["response"]["status"] == "200 OK"
    assert bulk.call("GET", path).headers["ETag"] == 'W/"2"'


def test_operation__respond_async_and_unknown__is_refused_at_once(bulk: Bulk) -> None:
    assert (
        bulk.call("POST", "Patient/$nothing", {"resourceType": "Parameters"}, Prefer="respond-async").status_code == 404
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("$graphql", {"query": "{ PatientList { id } }"}),
        ("Patient/{id}/$calendar-link", {"resourceType": "Parameters"}),
    ],
)
def test_operation__answer_not_in_fhir_or_shown_once__is_answered_at_once(bulk: Bulk, path: str, body: Any) -> None:
    id = bulk.create(PATIENT)["id"]
    type = "application/json" if "graphql" in path else "application/fhir+json"
    answer = bulk.call("POST", path.replace("{id}", id), body, Prefer="respond-async", Content_Type=type)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("type", ["transaction", "batch"])
def test_bundle__respond_async__is_answered_as_it_is_at_once(bulk: Bulk, type: str) -> None:
    entries = [
        {"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}},
        {"resource": _about({"id": "p"}, id="o"), "request": {"method": "PUT", "url": "Observation/o"}},
        {"request": {"method": "GET", "url": "Observation/o"}},
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": type, "entry": entries}
    bulk.call("PUT", "Patient/p", {**PATIENT, "id": "p"})

    later = _answered(bulk, "POST", "", bundle)
    at_once = bulk.call("POST", "", bundle).json

    def shape(answer: Any) -> Any:
        return [
            (e["response"]["status"][:3] in ("200", "201"), sorted(e), e.get("resource", {}).get("id"))
            for e in answer["entry"]
        ]

    assert later["type"] == at_once["type"] == f"{type}-response"
    assert shape(later) == shape(at_once)


@pytest.mark.parametrize("type", ["transaction", "batch"])
def test_bundle__worker_dies_before_it_keeps_the_answer__nothing_is_written_twice(
    bulk: Bulk, type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [{"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}] * 2
    accepted = bulk.call("POST", "", {"resourceType": "Bundle", "type": type, "entry": entries}, Prefer="respond-async")
    _die_once_before_the_answer_is_kept(monkeypatch)
    answer = _until_done(bulk, accepted.headers["Content-Location"])

    found = bulk.call("GET", "Patient?_total=accurate").json
    assert found["total"] == 2
    told = {e["response"]["location"].split("/")[1] for e in answer["entry"]}
    assert told == {e["resource"]["id"] for e in found["entry"]}


def test_conditional_write__worker_dies_after_it__its_answer_is_that_of_what_was_written(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = bulk.create(PATIENT)
    path = f"Patient/{patient['id']}"
    headers = {"Prefer": "respond-async", "If_Match": 'W/"1"'}
    accepted = bulk.call("PUT", path, {**patient, "active": True}, **headers)
    _die_once_before_the_answer_is_kept(monkeypatch)
    answer = _until_done(bulk, accepted.headers["Content-Location"])

    assert answer["entry"][0]["response"]["etag"] == 'W/"2"'
    assert bulk.call("GET", path).headers["ETag"] == 'W/"2"'


def _die_once_before_the_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = Folder.keep_answer

    def dies(self: Folder, answer: bytes) -> None:
        monkeypatch.setattr(Folder, "keep_answer", keep)
        raise RuntimeError("killed")

    monkeypatch.setattr(Folder, "keep_answer", dies)
    monkeypatch.setattr("dui_fhir.bulk.runner.RETRY_S", 0.0)


def _until_done(bulk: Bulk, status: str) -> Any:
    """Run the worker until the answer is there."""
    for _ in range(3):
        bulk.runner.run_all()
        answer = bulk.call("GET", status)
        if answer.status_code == 200:
            return answer.json
    raise AssertionError(answer.status_code)


def test_import__ndjson__writes_each_line(bulk: Bulk) -> None:
    lines = [{**PATIENT, "id": f"p{n}"} for n in range(250)]
    lines += [_about({"id": f"p{n}"}, id=f"o{n}") for n in range(250)]
    body = "\n".join(json.dumps(line) for line in lines).encode()

    answer = bulk.call("POST", "$import", body, Content_Type="application/fhir+ndjson")
    assert answer.status_code == 202
    manifest = bulk.manifest(answer.headers["Content-Location"])

    assert manifest["extension"]["urn:dui-fhir:counts"] == {"created": 500, "changed": 0, "unchanged": 0, "refused": 0}
    assert manifest["error"] == []
    assert bulk.call("GET", "Observation?_summary=count&subject=Patient/p7").json["total"] == 1


def test_import__again__changes_nothing(bulk: Bulk) -> None:
    body = json.dumps({**PATIENT, "id": "p"}).encode()
    for expected in ("created", "unchanged"):
        answer = bulk.call("POST", "$import", body, Content_Type="application/fhir+ndjson")
        counts = bulk.manifest(answer.headers["Content-Location"])["extension"]["urn:dui-fhir:counts"]
        assert counts[expected] == 1

    assert bulk.call("GET", "Patient/p").json["meta"]["versionId"] == "1"


def test_import__faulty_lines__are_told_and_the_others_written(bulk: Bulk) -> None:
    good = [json.dumps({**PATIENT, "id": f"p{n}"}) for n in range(5)]
    bad = ["{", '{"resourceType": "Patinet"}', '{"resourceType": "Patient", "gender": "inconnu"}']
    body = "\n".join([good[0], bad[0], good[1], bad[1], good[2], bad[2], *good[3:]]).encode()

    answer = bulk.call("POST", "$import", body, Content_Type="application/fhir+ndjson")
    manifest = bulk.manifest(answer.headers["Content-Location"])

    counts = manifest["extension"]["urn:dui-fhir:counts"]
    assert (counts["created"], counts["refused"]) == (5, 3)
    told = [line["issue"][-1]["details"]["text"] for line in bulk.lines(manifest, "error")]
    assert sorted(told) == ["Ligne 2.", "Ligne 4.", "Ligne 6."]


def test_import__lines_without_id__done_again_after_a_death__are_written_once(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"\n".join(json.dumps(PATIENT).encode() for _ in range(3))
    answer = bulk.call("POST", "$import", body, Content_Type="application/fhir+ndjson")
    (folder,) = [Folder(path) for path in bulk.folder.iterdir()]
    save, saves = type(folder).save, iter(range(100))

    def dies(self: Any, state: Any) -> None:
        if next(saves) == 1:
            raise KeyboardInterrupt  # the lot is written, the state does not count it
        save(self, state)

    monkeypatch.setattr(type(folder), "save", dies)
    with pytest.raises(KeyboardInterrupt):
        bulk.runner.run_all()
    monkeypatch.setattr(type(folder), "save", save)
    _let_go(bulk.store, bulk.store.jobs(kind="bulk")[0])
    bulk.runner.run_all()

    assert bulk.call("GET", answer.headers["Content-Location"]).status_code == 200
    assert bulk.call("GET", "Patient?_summary=count").json["total"] == 3


def test_import__other_media__is_415(bulk: Bulk) -> None:
    assert bulk.call("POST", "$import", b"x", Content_Type="text/csv").status_code == 415


def test_export__delete_of_the_kick_off__is_405(bulk: Bulk) -> None:
    assert bulk.call("DELETE", "$export").status_code == 405


def test_export__too_many_at_once__is_503_until_some_end(bulk: Bulk) -> None:
    for _ in range(bulk.engine.settings.bulk_jobs_max):
        bulk.kick_off("$export?_type=Patient")

    refused = bulk.call("GET", "$export?_type=Patient")
    assert refused.status_code == 503
    assert refused.json["issue"][0]["details"]["coding"][0]["code"] == "core-bulk-busy"

    bulk.runner.run_all()
    assert bulk.call("GET", "$export?_type=Patient").status_code == 202


def test_export__finished_long_ago__its_files_are_swept(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    status = bulk.kick_off("$export?_type=Patient")
    bulk.manifest(status)

    bulk.runner.sweep()
    assert bulk.call("GET", status).status_code == 200
    later_ms = bulk.engine.clock.now_ms() + 25 * 3_600_000
    monkeypatch.setattr(type(bulk.engine.clock), "now_ms", lambda _: later_ms)
    bulk.runner.sweep()

    assert bulk.call("GET", status).status_code == 404


def test_export__somebody_elses__is_404(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    status = bulk.kick_off("$export?_type=Patient")
    stranger = Actor(kind="professional", editor="autre")

    monkeypatch.setattr(type(bulk.engine.host), "choose_actor", lambda *_: stranger)

    assert bulk.call("GET", status).status_code == 404
    assert bulk.call("DELETE", status).status_code == 404

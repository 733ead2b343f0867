"""FHIR R4, http.html#transaction and #trules; bundle.html#references."""

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dui_fhir.domain.reference import walk

Fhir = Any
A, B = "urn:uuid:00000000-0000-4000-8000-00000000000a", "urn:uuid:00000000-0000-4000-8000-00000000000b"


def _patient(number: str = "1", **others: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": number}], **others}


def _flag(subject: str, **others: Any) -> dict[str, Any]:
    return {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **others,
    }


def _entry(
    method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **conditions: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **conditions}}
    if full_url:
        made["fullUrl"] = full_url
    if resource is not None:
        made["resource"] = resource
    return made


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def _references(answer: Any) -> list[str]:
    return [e["response"]["location"].split("/_history")[0] for e in answer.json["entry"]]


def test_transaction__references_by_urn__become_ids(fhir: Fhir) -> None:
    answer = fhir.transaction(_entry("POST", "Flag", _flag(A)), _entry("POST", "Patient", _patient(), A))

    flag, patient = _references(answer)
    assert answer.status_code == 200
    assert answer.json["type"] == "transaction-response"
    assert [e["response"]["status"] for e in answer.json["entry"]] == ["201 Created"] * 2
    assert fhir.get(flag).json["subject"]["reference"] == patient
    assert fhir.owner_of(flag) == [patient]


@pytest.mark.parametrize(
    ("full_url", "reference"),
    [
        ("http://autre.example/fhir/Patient/p", "Patient/p"),
        ("http://autre.example/fhir/Patient/p", "http://autre.example/fhir/Patient/p"),
        ("http://autre.example/fhir/Patient/p", "Patient/p/_history/3"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
    ],
)
def test_transaction__every_way_to_name_an_entry__is_rewritten(fhir: Fhir, full_url: str, reference: str) -> None:
    answer = fhir.transaction(
        _entry("POST", "Patient", _patient(id="p"), full_url),
        _entry("POST", "Flag", _flag(reference), "http://autre.example/fhir/Flag/f"),
    )

    patient, flag = _references(answer)
    assert fhir.get(flag).json["subject"]["reference"] == patient


def test_transaction__entry_without_full_url__is_named_by_type_and_id(fhir: Fhir) -> None:
    answer = fhir.transaction(_entry("POST", "Patient", _patient(id="p")), _entry("POST", "Flag", _flag("Patient/p")))

    patient, flag = _references(answer)
    assert fhir.get(flag).json["subject"]["reference"] == patient


def test_transaction__uris_and_narrative_links__are_rewritten_and_canonicals_and_texts_are_not(fhir: Fhir) -> None:
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "description": A,
        "identifier": [{"value": A}],
        "content": [{"attachment": {"url": A}}],
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{A}">x</a></div>'},
        "extension": [{"url": "urn:x", "valueUri": A}, {"url": "urn:y", "valueCanonical": A}],
    }

    answer = fhir.transaction(_entry("POST", "Binary", binary, A), _entry("POST", "DocumentReference", document))

    target, stored = _references(answer)
    found = fhir.get(stored).json
    assert found["content"][0]["attachment"]["url"] == target
    assert f'href="{target}"' in found["text"]["div"]
    assert [e.get("valueUri", e.get("valueCanonical")) for e in found["extension"]] == [target, A]
    assert (found["description"], found["identifier"][0]["value"]) == (A, A)


def test_transaction__reference_by_criteria__finds_the_one(fhir: Fhir) -> None:
    patient = fhir.create(_patient())
    flag = _entry("POST", "Flag", _flag("Patient?identifier=urn:test|1"))

    answer = fhir.transaction(flag)
    none = fhir.transaction(_entry("POST", "Flag", _flag("Patient?identifier=urn:test|none")))
    fhir.create(_patient())
    several = fhir.transaction(flag)

    assert fhir.get(_references(answer)[0]).json["subject"]["reference"] == f"Patient/{patient['id']}"
    assert [none.status_code, several.status_code] == [412, 412]
    assert fhir.count("Flag") == 1


def test_transaction__reference_by_criteria__is_resolved_on_what_the_entries_leave(fhir: Fhir) -> None:
    """http.html#trules: conditional references come after the writes."""
    flag = _entry("POST", "Flag", _flag("Patient?identifier=urn:test|1"))
    created = fhir.transaction(flag, _entry("POST", "Patient", _patient()))
    made = _references(created)[1]
    assert fhir.get(_references(created)[0]).json["subject"]["reference"] == made

    again = fhir.transaction(flag, _entry("POST", "Patient", _patient()))
    assert (again.status_code, _codes(again)) == (412, ["core-multiple-matches"])
    replaced = fhir.transaction(flag, _entry("PUT", made, _patient("autre", id=made.partition("/")[2])))
    assert (replaced.status_code, _codes(replaced)) == (412, ["core-conditional-reference"])
    gone = fhir.transaction(flag, _entry("DELETE", made))
    assert (gone.status_code, _codes(gone)) == (412, ["core-conditional-reference"])
    moved = fhir.transaction(flag, _entry("DELETE", made), _entry("PUT", "Patient/nouveau", _patient(id="nouveau")))
    stored = moved.json["entry"][0]["response"]["location"]
    assert fhir.get(stored).json["subject"]["reference"] == "Patient/nouveau"


def test_transaction__condition_that_does_not_hold__names_its_entry(fhir: Fhir) -> None:
    kept = fhir.create(_patient())
    path = f"Patient/{kept['id']}"

    answer = fhir.transaction(_entry("POST", "Patient", _patient("2")), _entry("PUT", path, kept, ifMatch='W/"7"'))

    assert (answer.status_code, _codes(answer)) == (412, ["core-if-match-stale"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1]"]


def test_transaction__reference_by_criteria__through_a_conditional_create_is_that_one(fhir: Fhir) -> None:
    flag = _entry("POST", "Flag", _flag("Patient?identifier=urn:test|1"))
    person = _entry("POST", "Patient", _patient(), ifNoneExist="identifier=urn:test|1")

    first, second = (_references(fhir.transaction(person, flag)) for _ in range(2))

    assert first[0] == second[0]
    assert [fhir.get(answer[1]).json["subject"]["reference"] for answer in (first, second)] == [first[0]] * 2


def test_transaction__order__is_delete_create_update_then_read_and_answers_keep_theirs(fhir: Fhir) -> None:
    old = fhir.create(_patient("old"))
    kept = fhir.create(_patient("kept"))

    answer = fhir.transaction(
        _entry("GET", "Patient?identifier=urn:test|new"),
        _entry("PUT", f"Patient/{kept['id']}", {**kept, "gender": "male"}),
        _entry("POST", "Patient", _patient("new")),
        _entry("DELETE", f"Patient/{old['id']}"),
    )

    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == ["200", "200", "201", "204"]
    assert answer.json["entry"][0]["resource"]["total"] == 1
    assert fhir.get(f"Patient/{old['id']}").status_code == 410


def test_transaction__one_bad_entry__stores_nothing(fhir: Fhir) -> None:
    kept = fhir.create(_patient("kept"))

    for bad in (
        _entry("POST", "Patient", {"resourceType": "Flag"}),
        _entry("POST", "Patinet", _patient("2")),
        _entry("PUT", "Patient/x", _patient("2", id="y")),
        _entry("PUT", f"Patient/{kept['id']}", kept, ifMatch='W/"9"'),
        _entry("DELETE", f"Patient/{kept['id']}", ifMatch='W/"9"'),
        _entry("PATCH", "Patient/absent", {"resourceType": "Parameters"}),
        _entry("POST", "Patient/$op", _patient("2")),
        _entry("POST", "Patient"),
        _entry("OPTIONS", "Patient"),
        {"resource": _patient("2")},
        7,
    ):
        answer = fhir.transaction(_entry("POST", "Patient", _patient("1")), bad)
        assert 400 <= answer.status_code < 500, (bad, answer.text)
        assert answer.json["resourceType"] == "OperationOutcome"
        assert fhir.count("Patient") == 1, bad


def test_transaction__several_bad_entries__are_told_together(fhir: Fhir) -> None:
    answer = fhir.transaction(_entry("POST", "Patinet", _patient()), _entry("POST", "Falg", _flag("Patient/x")))

    assert [i["expression"] for i in answer.json["issue"]] == [
        ["Bundle.entry[0].request.url"],
        ["Bundle.entry[1].request.url"],
    ]


@pytest.mark.parametrize(
    "pair",
    [
        (_entry("PUT", "Patient/x", _patient(id="x")), _entry("PUT", "Patient/x", _patient(id="x"))),
        (_entry("PUT", "Patient/x", _patient(id="x")), _entry("DELETE", "Patient/x")),
        (_entry("POST", "Patient", _patient(), A), _entry("POST", "Patient", _patient("2"), A)),
        (
            _entry("POST", "Patient", _patient(), ifNoneExist="identifier=urn:test|1"),
            _entry("POST", "Patient", _patient(), ifNoneExist="identifier=urn:test|1"),
        ),
    ],
)
def test_transaction__two_entries_of_one_identity__is_422_naming_both(fhir: Fhir, pair: tuple[Any, Any]) -> None:
    answer = fhir.transaction(*pair)

    assert (answer.status_code, _codes(answer)) == (422, ["core-duplicate-entry"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0]", "Bundle.entry[1]"]
    assert fhir.count("Patient") == 0


def test_transaction__criteria_and_id_that_meet__is_422(fhir: Fhir) -> None:
    fhir.put("Patient/x", _patient(id="x"))

    answer = fhir.transaction(
        _entry("PUT", "Patient/x", _patient(id="x", gender="male")), _entry("DELETE", "Patient?identifier=urn:test|1")
    )

    assert (answer.status_code, _codes(answer)) == (422, ["core-duplicate-entry"])


def test_transaction__if_none_exist__reuses_and_points_to_what_is_there(fhir: Fhir) -> None:
    bundle = (
        _entry("POST", "Patient", _patient(), A, ifNoneExist="identifier=urn:test|1"),
        _entry("POST", "Flag", _flag(A)),
    )

    first, second = fhir.transaction(*bundle), fhir.transaction(*bundle)

    assert [e["response"]["status"][:3] for e in second.json["entry"]] == ["200", "201"]
    assert _references(second)[0] == _references(first)[0]
    assert fhir.get(_references(second)[1]).json["subject"]["reference"] == _references(first)[0]
    assert fhir.count("Patient") == 1


def test_transaction__conditional_update_and_delete__act_on_the_match(fhir: Fhir) -> None:
    kept, old = fhir.create(_patient("kept")), fhir.create(_patient("old"))

    answer = fhir.transaction(
        _entry("PUT", "Patient?identifier=urn:test|kept", _patient("kept", gender="male"), A),
        _entry("DELETE", "Patient?identifier=urn:test|old"),
        _entry("POST", "Flag", _flag(A)),
    )

    assert answer.status_code == 200, answer.text
    assert fhir.get(f"Patient/{kept['id']}").json["gender"] == "male"
    assert fhir.get(f"Patient/{old['id']}").status_code == 410
    flag = answer.json["entry"][2]["response"]["location"].split("/_history")[0]
    assert fhir.get(flag).json["subject"]["reference"] == f"Patient/{kept['id']}"


def test_transaction__patch__changes_with_the_rest(fhir: Fhir) -> None:
    import base64

    id = fhir.create(_patient())["id"]
    patch = json.dumps([{"op": "add", "path": "/gender", "value": "male"}]).encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(patch).decode(),
    }

    answer = fhir.transaction(_entry("PATCH", f"Patient/{id}", binary), _entry("POST", "Patient", _patient("2")))

    assert answer.status_code == 200, answer.text
    assert fhir.get(f"Patient/{id}").json["gender"] == "male"


def test_transaction__prefer_representation__gives_the_resources(fhir: Fhir) -> None:
    answer = fhir.transaction(_entry("POST", "Patient", _patient()), headers={"Prefer": "return=representation"})

    assert answer.json["entry"][0]["resource"]["identifier"] == _patient()["identifier"]


def test_transaction__warnings__are_in_the_entry_they_concern(fhir: Fhir) -> None:
    answer = fhir.transaction(_entry("POST", "Patient", _patient()), _entry("POST", "Flag", _flag("Patient/absent")))

    outcome = answer.json["entry"][1]["response"]["outcome"]
    dangling = next(i for i in outcome["issue"] if i["details"]["coding"][0]["code"] == "core-dangling-reference")
    assert dangling["expression"] == ["Bundle.entry[1].resource.subject"]


def test_transaction__left_behind_reference__never_names_a_resource_of_this_server(fhir: Fhir) -> None:
    other = fhir.create(_patient("other"))
    plan = {"resourceType": "CarePlan", "id": "plan", "status": "draft", "intent": "plan"}
    fhir.put("CarePlan/plan", {**plan, "subject": {"reference": f"Patient/{other['id']}"}})
    task = {
        "resourceType": "Task",
        "id": "t",
        "status": "draft",
        "intent": "plan",
        "basedOn": [{"reference": "CarePlan/plan"}],
    }

    answer = fhir.transaction(_entry("POST", "Task", task, "https://autre.example/fhir/Task/t"))

    stored = _references(answer)[0]
    assert fhir.get(stored).json["basedOn"][0]["reference"] == "https://autre.example/fhir/CarePlan/plan"
    assert fhir.owner_of(stored) == []
    issues = answer.json["entry"][0]["response"]["outcome"]["issue"]
    assert "core-dangling-reference" in [i["details"]["coding"][0]["code"] for i in issues]


@pytest.mark.parametrize("type", ["collection", "document", None])
def test_bundle__other_type__is_422(fhir: Fhir, type: str | None) -> None:
    assert fhir.post("", {"resourceType": "Bundle", **({"type": type} if type else {})}).status_code == 422
    assert fhir.post("", _patient()).status_code == 400


def test_bundle__too_many_entries__is_413(fhir: Fhir) -> None:
    answer = fhir.transaction(*[_entry("DELETE", f"Patient/{n}") for n in range(10_001)])

    assert (answer.status_code, _codes(answer)) == (413, ["core-bundle-too-long"])


def test_transaction__empty__is_an_empty_answer(fhir: Fhir) -> None:
    assert fhir.transaction().json["type"] == "transaction-response"


def test_batch__each_entry__has_its_own_outcome(fhir: Fhir) -> None:
    entries = [
        _entry("POST", "Patient", _patient()),
        _entry("GET", "Patient/absent"),
        _entry("POST", "Patinet", _patient()),
        _entry("GET", "Patient?_count=1"),
        _entry("POST", "", {"resourceType": "Bundle", "type": "batch"}),
        _entry("DELETE", "Patient/absent"),
        "nonsense",
    ]

    answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})

    assert answer.json["type"] == "batch-response"
    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == [
        "201",
        "404",
        "404",
        "200",
        "400",
        "204",
        "400",
    ]
    assert answer.json["entry"][3]["resource"]["type"] == "searchset"
    assert fhir.count("Patient") == 1


def test_transaction__same_bundle_at_once__if_none_exist_makes_one(fhir: Fhir) -> None:
    bundle = (
        _entry("POST", "Patient", _patient(), A, ifNoneExist="identifier=urn:test|1"),
        _entry("POST", "Flag", _flag(A)),
    )
    statuses: list[int] = []

    def send() -> None:
        client = type(fhir)(fhir.client.application.test_client(), fhir.engine, fhir.tenant)
        statuses.append(client.transaction(*bundle).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 8
    assert fhir.count("Patient") == 1
    assert fhir.count("Flag") == 8


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int]]]:
    size = draw(st.integers(1, 6))
    style = draw(st.sampled_from(["urn:uuid:00000000-0000-4000-8000-{:012d}", "https://autre.example/fhir/Basic/b{}"]))
    edges = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=12))
    return [style.format(n) for n in range(size)], edges


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=_graphs(), relative=st.booleans())
def test_transaction__any_graph_of_references__keeps_its_shape(
    fhir: Fhir, graph: tuple[list[str], list[tuple[int, int]]], relative: bool
) -> None:
    names, edges = graph
    short = relative and names[0].startswith("https")

    def basic(n: int) -> dict[str, Any]:
        targets = [
            names[to].removeprefix("https://autre.example/fhir/") if short else names[to] for at, to in edges if at == n
        ]
        extensions = [{"url": "urn:edge", "valueReference": {"reference": t}} for t in targets]
        return {"resourceType": "Basic", "code": {"text": str(n)}, **({"extension": extensions} if extensions else {})}

    answer = fhir.transaction(*[_entry("POST", "Basic", basic(n), name) for n, name in enumerate(names)])

    ids = _references(answer)
    assert len(set(ids)) == len(names)
    for n, id in enumerate(ids):
        stored = fhir.get(id).json
        assert stored["code"]["text"] == str(n)
        assert [e["reference"] for _, e in walk(stored)] == [ids[to] for at, to in edges if at == n]

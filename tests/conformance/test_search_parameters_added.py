"""SearchParameters that a tenant adds. Source: FHIR R4, search.html and searchparameter.html."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dui_fhir import administration
from dui_fhir.domain.body import Body
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.jobs import reindexing

URL = "https://exemple.fr/SearchParameter"


def issue_codes(outcome):
    return [i["details"]["coding"][0]["code"] for i in outcome["issue"]]


def codes(answer):
    return issue_codes(answer.json)


def parameter(code="nickname", base="Patient", **others):
    found = {
        "resourceType": "SearchParameter",
        "id": f"sp-{code.strip('_')}",
        "url": f"{URL}/{code}",
        "name": "Essai",
        "status": "active",
        "description": "Essai",
        "code": code,
        "base": [base],
        "type": "string",
        "expression": f"{base}.name.where(use='nickname').given",
    }
    return found | others


def patient(id, nickname, **others):
    return {"resourceType": "Patient", "id": id, "name": [{"use": "nickname", "given": [nickname]}], **others}


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [e["resource"]["id"] for e in answer.json.get("entry", []) if e["search"]["mode"] == "match"]


def warned(answer):
    outcomes = [e["resource"] for e in answer.json.get("entry", []) if e["search"]["mode"] == "outcome"]
    return [code for outcome in outcomes for code in issue_codes(outcome)]


@pytest.fixture
def added(fhir):
    """Post the parameter where three persons are known already."""
    for id, nickname in (("a", "Loulou"), ("b", "Élise"), ("c", "Loulou")):
        assert fhir.put(f"Patient/{id}", patient(id, nickname)).status_code == 201
    assert fhir.put("SearchParameter/sp-nickname", parameter()).status_code == 201
    return fhir


def index_all(fhir):
    return administration.reindexing_of(fhir.engine).tick()


def status_of(fhir):
    answer = fhir.get("SearchParameter/$index-status")
    assert answer.status_code == 200, answer.text
    return {p["name"]: p.get("valueBoolean", p.get("part")) for p in answer.json["parameter"]}


# in force


def test_added__no_resource_yet__is_complete_at_once(fhir):
    fhir.put("SearchParameter/sp-nickname", parameter())
    fhir.put("Patient/a", patient("a", "Loulou"))
    answer = fhir.get("Patient?nickname=loulou")
    assert (ids(answer), warned(answer)) == (["a"], [])
    assert status_of(fhir) == {"complete": True}


def test_added__resources_written_before__searches_say_that_the_index_is_incomplete(added):
    answer = added.get("Patient?nickname=loulou")
    assert warned(answer) == ["search-index-incomplete"]
    assert ids(answer) == []
    assert status_of(added)["complete"] is False


def test_added__resources_written_before__other_searches_say_nothing(added):
    assert warned(added.get("Patient?_id=a")) == []


def test_added__then_indexed__finds_them_all_without_a_new_version(added):
    assert index_all(added) > 0
    answer = added.get("Patient?nickname=loulou")
    assert (ids(answer), warned(answer)) == (["a", "c"], [])
    assert added.get("Patient/a").headers["ETag"] == 'W/"1"'
    assert added.get("Patient/a/_history").json["total"] == 1
    assert status_of(added) == {"complete": True}


def test_added__written_while_incomplete__is_found_at_once(added):
    added.put("Patient/d", patient("d", "Loulou"))
    assert ids(added.get("Patient?nickname=loulou")) == ["d"]


def test_added__strict_handling_while_incomplete__is_refused_for_now(added):
    answer = added.get("Patient?nickname=loulou", headers={"Prefer": "handling=strict"})
    assert (answer.status_code, codes(answer)) == (503, ["search-index-incomplete"])
    assert int(answer.headers["Retry-After"]) > 0


def test_added__conditional_create_while_incomplete__is_refused_for_now(added):
    headers = {"If-None-Exist": "nickname=loulou"}
    answer = added.post("Patient", patient("x", "Loulou"), headers=headers)
    assert (answer.status_code, codes(answer)) == (503, ["search-index-incomplete"])
    index_all(added)
    assert added.put("Patient?nickname=elise", patient("b", "Élise", gender="female")).status_code == 200
    assert added.post("Patient", patient("x", "Loulou"), headers=headers).status_code == 412


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("Patient?nickname:exact=%C3%89lise", ["b"]),
        ("Patient?nickname:missing=true", ["z"]),
        ("Patient?nickname:missing=false&_sort=-nickname,_id", ["a", "c", "b"]),
        ("Observation?subject:Patient.nickname=elise", ["o"]),
        ("Patient?_has:Observation:subject:code=x&nickname=elise", ["b"]),
    ],
)
def test_added__then_indexed__has_all_that_a_parameter_has(added, search, expected):
    added.put("Patient/z", {"resourceType": "Patient", "id": "z"})
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"coding": [{"code": "x"}]}}
    added.put("Observation/o", observation | {"subject": {"reference": "Patient/b"}})
    index_all(added)
    answer = added.get(search)
    assert (ids(answer), warned(answer)) == (expected, [])


@pytest.mark.parametrize(
    "search",
    ["Observation?subject:Patient.nickname=x", "Patient?_sort=nickname", "Patient?nickname:missing=true"],
)
def test_added__used_at_any_place_while_incomplete__warns(added, search):
    assert warned(added.get(search)) == ["search-index-incomplete"]


def test_added__reference__may_be_included_and_followed(fhir):
    own = parameter(
        "helper", "Basic", type="reference", target=["Patient"],
        expression="Basic.extension.where(url='urn:x').value.as(Reference)",
    )  # fmt: skip
    fhir.put("Patient/a", patient("a", "Loulou"))
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    fhir.put("Basic/b", basic | {"extension": [{"url": "urn:x", "valueReference": {"reference": "Patient/a"}}]})
    made = fhir.put("SearchParameter/sp-helper", own)
    assert made.status_code == 201, made.text
    index_all(fhir)
    entries = fhir.get("Basic?helper=Patient/a&_include=Basic:helper").json["entry"]
    assert [e["resource"]["id"] for e in entries] == ["b", "a"]
    entries = fhir.get("Patient?_id=a&_revinclude=Basic:helper").json["entry"]
    assert [e["resource"]["id"] for e in entries] == ["a", "b"]


def test_added__capability_statement_and_openapi__name_it(added):
    resources = {r["type"]: r for r in added.get("metadata").json["rest"][0]["resource"]}
    named = {p["name"]: p.get("definition") for p in resources["Patient"]["searchParam"]}
    assert named["nickname"] == f"{URL}/nickname"
    assert "nickname" not in {p["name"] for p in resources["Observation"]["searchParam"]}
    document = json.dumps(added.client.get(f"/t/{added.tenant}/openapi.json").json)
    assert '"nickname"' in document
    added.delete("SearchParameter/sp-nickname")
    assert '"nickname"' not in json.dumps(added.client.get(f"/t/{added.tenant}/openapi.json").json)


def test_added__other_tenant__does_not_have_it(added, app):
    added.engine.stores.create("voisin")
    answer = app.test_client().get("/t/voisin/fhir/Patient?nickname=loulou")
    assert (answer.status_code, codes(answer)) == (400, ["search-unknown-parameter"])


# changed and removed


@pytest.mark.parametrize("status", ["retired", "draft"])
def test_changed__not_active_any_more__is_unknown(added, status):
    index_all(added)
    added.put("SearchParameter/sp-nickname", parameter(status=status))
    answer = added.get("Patient?nickname=loulou")
    assert (answer.status_code, codes(answer)) == (400, ["search-unknown-parameter"])


def test_changed__deleted__is_unknown_and_its_values_are_removed(added):
    index_all(added)
    added.delete("SearchParameter/sp-nickname")
    assert added.get("Patient?nickname=loulou").status_code == 400
    index_all(added)
    other = parameter(expression="Patient.name.where(use='usual').given")
    added.put("SearchParameter/sp-nickname", other)
    assert ids(added.get("Patient?nickname=loulou")) == []


def test_changed__expression__is_indexed_again(added):
    index_all(added)
    added.put("Patient/d", {"resourceType": "Patient", "id": "d", "name": [{"use": "usual", "given": ["Loulou"]}]})
    added.put("SearchParameter/sp-nickname", parameter(expression="Patient.name.where(use='usual').given"))
    assert warned(added.get("Patient?nickname=loulou")) == ["search-index-incomplete"]
    index_all(added)
    assert ids(added.get("Patient?nickname=loulou")) == ["d"]


def test_changed__description_only__stays_complete(added):
    index_all(added)
    added.put("SearchParameter/sp-nickname", parameter(description="Mieux dit"))
    assert warned(added.get("Patient?nickname=loulou")) == []


def test_added__in_a_transaction_with_resources__these_are_indexed_later(fhir, make_entry):
    answer = fhir.transaction(
        make_entry("PUT", "SearchParameter/sp-nickname", parameter()),
        make_entry("PUT", "Patient/a", patient("a", "Loulou")),
    )
    assert answer.status_code == 200, answer.text
    assert warned(fhir.get("Patient?nickname=loulou")) == ["search-index-incomplete"]
    index_all(fhir)
    assert ids(fhir.get("Patient?nickname=loulou")) == ["a"]


# refused


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"expression": "Patient.name.foo"}, "search-parameter-invalid"),
        ({"expression": "Patient.name.repeat(x)"}, "search-parameter-invalid"),
        ({"expression": "((("}, "search-parameter-invalid"),
        ({"type": "quantity"}, "search-parameter-invalid"),
        ({"type": "special"}, "search-parameter-invalid"),
        ({"code": "a.b"}, "search-parameter-invalid"),
        ({"code": "_mine"}, "search-parameter-invalid"),
        ({"code": "birthdate"}, "search-parameter-clash"),
        (
            {"code": "code", "base": "DomainResource", "expression": "DomainResource.text.status"},
            "search-parameter-clash",
        ),
    ],
)
def test_create__unusable__is_refused_with_the_place(fhir, others, expected):
    answer = fhir.post("SearchParameter", parameter(**others))
    assert (answer.status_code, codes(answer)) == (422, [expected]), answer.text
    assert answer.json["issue"][0]["expression"][0].startswith("SearchParameter")
    assert fhir.post("SearchParameter", parameter(**others) | {"status": "draft"}).status_code == 201


def test_create__code_of_another_of_the_tenant__is_refused(fhir):
    fhir.put("SearchParameter/sp-nickname", parameter())
    answer = fhir.post("SearchParameter", parameter(url=f"{URL}/other"))
    assert (answer.status_code, codes(answer)) == (422, ["search-parameter-clash"])


def test_create__copy_of_one_of_the_server__is_kept_without_effect(fhir):
    copy = parameter(code="birthdate", url="http://hl7.org/fhir/SearchParameter/individual-birthdate", type="date")
    answer = fhir.post("SearchParameter", copy, headers={"Prefer": "return=OperationOutcome"})
    assert (answer.status_code, codes(answer)) == (201, ["search-parameter-copy"])


def test_create__over_the_limit__is_refused(fhir, monkeypatch):
    most = fhir.engine.settings.search_parameters_max
    assert most >= 100
    monkeypatch.setitem(fhir.engine.settings._values, "search_parameters_max", 2)
    for code in ("aa", "bb"):
        assert fhir.post("SearchParameter", parameter(code)).status_code == 201
    answer = fhir.post("SearchParameter", parameter("cc"))
    assert (answer.status_code, codes(answer)) == (422, ["search-parameter-limit"])


# several processes, deaths


def test_added__by_another_process__is_known_to_searches_and_writes_of_this_one(fhir):
    fhir.put("Patient/a", patient("a", "Loulou"))
    here = fhir.engine.tunings
    before = here.of(fhir.tenant, fhir.engine.stores.open(fhir.tenant))
    fhir.put("SearchParameter/sp-nickname", parameter())
    here._known[fhir.tenant] = before  # what another process would still know
    assert warned(fhir.get("Patient?nickname=loulou")) == ["search-index-incomplete"]
    here._known[fhir.tenant] = before
    fhir.put("Patient/b", patient("b", "Loulou"))
    assert ids(fhir.get("Patient?nickname=loulou")) == ["b"]
    known = here.of(fhir.tenant, fhir.engine.stores.open(fhir.tenant))
    fhir.delete("SearchParameter/sp-nickname")
    here._known[fhir.tenant] = known
    assert fhir.get("Patient?nickname=loulou").status_code == 400


def test_reindex__one_lot_at_a_time__progress_is_told(added, monkeypatch):
    monkeypatch.setattr(reindexing, "LOT", 1)
    work = administration.reindexing_of(added.engine)
    seen = []
    while work.run_one(added.tenant):
        parts = status_of(added).get("base")
        seen.append({p["name"]: p.get("valueInteger", p.get("valueCode")) for p in parts} if parts else None)
    assert [s and (s["type"], s["done"], s["total"], s["state"]) for s in seen] == [
        ("Patient", 1, 3, "running"),
        ("Patient", 2, 3, "running"),
        None,
    ]


def test_reindex__expression_changed_between_two_lots__first_resources_are_done_again(added, monkeypatch):
    names = [{"use": "nickname", "given": ["Loulou"]}, {"use": "usual", "given": ["Zaza"]}]
    added.put("Patient/a", {"resourceType": "Patient", "id": "a", "name": names})
    monkeypatch.setattr(reindexing, "LOT", 1)
    assert administration.reindexing_of(added.engine).run_one(added.tenant) == 1
    usual = parameter(expression="Patient.name.where(use='usual').given")
    assert added.put("SearchParameter/sp-nickname", usual).status_code == 200
    while administration.reindexing_of(added.engine).run_one(added.tenant):
        pass
    answer = added.get("Patient?nickname=zaza")
    assert (ids(answer), warned(answer)) == (["a"], [])
    assert ids(added.get("Patient?nickname=loulou")) == []


def test_reindex__worker_died_in_a_lot__another_one_goes_on(added, monkeypatch):
    monkeypatch.setattr(reindexing, "LOT", 1)
    store = added.engine.stores.open(added.tenant)
    administration.reindexing_of(added.engine).run_one(added.tenant)
    dead = store.claim_jobs(kinds=("reindex",), limit=1, lease_s=0)
    assert len(dead) == 1
    assert index_all(added) > 0
    assert ids(added.get("Patient?nickname=loulou")) == ["a", "c"]


# whatever happens, in whatever order


class Added(RuleBasedStateMachine):
    """Once indexed, a search finds what the expression says; before, it never finds what it does not say, or says so."""

    fhir = None
    numbers = iter(range(10**9))

    @initialize()
    def tenant(self):
        name = f"ajouts-{next(self.numbers)}"
        self.fhir.engine.stores.create(name)
        self.client = type(self.fhir)(self.fhir.client, self.fhir.engine, name)
        self.nicknames, self.use = {}, None

    @rule(
        id=st.sampled_from("abc"), nickname=st.sampled_from(["lou", "zoe"]), use=st.sampled_from(["nickname", "usual"])
    )
    def write(self, id, nickname, use):
        found = {"resourceType": "Patient", "id": id, "name": [{"use": use, "given": [nickname]}]}
        assert self.client.put(f"Patient/{id}", found).status_code in (200, 201)
        self.nicknames[id] = (use, nickname)

    @rule(id=st.sampled_from("abc"))
    def remove(self, id):
        self.client.delete(f"Patient/{id}")
        self.nicknames.pop(id, None)

    @rule(use=st.sampled_from(["nickname", "usual"]))
    def add(self, use):
        own = parameter(expression=f"Patient.name.where(use='{use}').given")
        assert self.client.put("SearchParameter/sp-nickname", own).status_code in (200, 201)
        self.use = use

    @rule()
    def retire(self):
        self.client.delete("SearchParameter/sp-nickname")
        self.use = None

    @rule()
    def index_a_lot(self):
        administration.reindexing_of(self.client.engine).run_one(self.client.tenant)

    @invariant()
    def search(self):
        answer = self.client.get("Patient?nickname=lou")
        if self.use is None:
            assert answer.status_code == 400
        elif not warned(answer):
            assert set(ids(answer)) == {id for id, known in self.nicknames.items() if known == (self.use, "lou")}


def test_added__any_history__a_search_without_warning_is_right(fhir, monkeypatch):
    monkeypatch.setattr(reindexing, "LOT", 1)
    machine = type("Machine", (Added,), {"fhir": fhir})
    case = machine.TestCase
    case.settings = settings(
        max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()


# parameters of R4 that former versions of the server did not index


def place(id, latitude, longitude):
    return {"resourceType": "Location", "id": id, "position": {"latitude": latitude, "longitude": longitude}}


def test_near__places_written_now__are_found_without_warning(fhir):
    fhir.put("Location/a", place("a", 48.85, 2.35))
    fhir.put("Location/b", place("b", 45.76, 4.83))
    visit = {"resourceType": "Encounter", "status": "planned", "class": {"code": "HH"}}
    fhir.post("Encounter", visit | {"location": [{"location": {"reference": "Location/b"}}]})
    answer = fhir.get("Location?near=48.86|2.34|5|km")
    assert (ids(answer), warned(answer)) == (["a"], [])
    assert len(ids(fhir.get("Encounter?location.near=45.7|4.8|20|km"))) == 1


def test_near__places_of_a_former_version__are_indexed_in_the_background(fhir):
    resource = place("a", 48.85, 2.35)
    index = replace(fhir.engine.extractor.extract(resource), numbers=())
    operation = Put(type="Location", id="a", body=Body.of(resource), index=index)
    fhir.engine.stores.open(fhir.tenant).submit(Plan(operations=(operation,)))

    answer = fhir.get("Location?near=48.86|2.34|5|km")
    assert (ids(answer), warned(answer)) == ([], ["search-index-incomplete"])
    assert warned(fhir.get("Location?_id=a")) == []
    index_all(fhir)
    answer = fhir.get("Location?near=48.86|2.34|5|km")
    assert (ids(answer), warned(answer)) == (["a"], [])
    assert status_of(fhir) == {"complete": True}

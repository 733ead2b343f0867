"""SearchParameters of packages (``ig add``): in force while the package is there, for all tenants or for one."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dui_fhir import administration, app
from dui_fhir.jobs import reindexing
from dui_fhir.validation.guides import tenant_folder
from dui_fhir.validation.packages import add_resources, remove

URL = "https://exemple.fr/SearchParameter/surnom"
NAME = "exemple.surnoms"


def parameter(use="nickname", **others):
    found = {
        "resourceType": "SearchParameter",
        "url": URL,
        "name": "Surnom",
        "status": "active",
        "description": "Surnom de la personne",
        "code": "surnom",
        "base": ["Patient"],
        "type": "string",
        "expression": f"Patient.name.where(use='{use}').given",
    }
    return found | others


def patient(id, given, use="nickname"):
    return {"resourceType": "Patient", "id": id, "name": [{"use": use, "given": [given]}]}


def codes(outcome):
    return [i["details"]["coding"][0]["code"] for i in outcome["issue"]]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [e["resource"]["id"] for e in answer.json.get("entry", []) if e["search"]["mode"] == "match"]


def warned(answer):
    outcomes = [e["resource"] for e in answer.json.get("entry", []) if e["search"]["mode"] == "outcome"]
    return [code for outcome in outcomes for code in codes(outcome)]


def index_all(fhir):
    """Do for one tenant what the process that indexes again does for all; return how many lots."""
    reindexing.Reindexer(fhir.engine).begin(fhir.tenant)
    work, lots = administration.reindexing_of(fhir.engine), 0
    while work.run_one(fhir.tenant):
        lots += 1
    return lots


@pytest.fixture
def folder(fhir):
    return tenant_folder(app.ig_folder(fhir.engine.settings), fhir.tenant)


@pytest.fixture
def package(fhir, folder):
    """Return a function that adds the package; there are two persons already."""
    for id, name in (("a", "Loulou"), ("b", "Zoé")):
        assert fhir.put(f"Patient/{id}", patient(id, name)).status_code == 201

    def add(*resources, version="1.0.0", where=folder):
        add_resources({"name": NAME, "version": version}, list(resources or [parameter()]), where)

    return add


def test_package__added__searches_say_that_the_index_is_incomplete_then_find_all(fhir, package):
    assert fhir.get("Patient?surnom=loulou").status_code == 400
    package()
    answer = fhir.get("Patient?surnom=loulou")
    assert (ids(answer), warned(answer)) == ([], ["search-index-incomplete"])
    assert index_all(fhir) > 0
    answer = fhir.get("Patient?surnom=loulou")
    assert (ids(answer), warned(answer)) == (["a"], [])
    assert fhir.get("Patient/a").headers["ETag"] == 'W/"1"'


def test_package__added__what_is_written_then_is_found_at_once(fhir, package):
    package()
    fhir.get("Patient?surnom=x")
    fhir.put("Patient/c", patient("c", "Loulou"))
    assert ids(fhir.get("Patient?surnom=loulou")) == ["c"]


def test_package__added__capability_statement_names_its_parameter(fhir, package):
    package()
    index_all(fhir)
    resources = fhir.get("metadata").json["rest"][0]["resource"]
    found = next(r for r in resources if r["type"] == "Patient")["searchParam"]
    assert ("surnom", URL) in {(p["name"], p.get("definition")) for p in found}


def test_package__removed__its_parameter_is_unknown_and_its_values_are_taken_out(fhir, package, folder):
    package()
    index_all(fhir)
    remove(NAME, "1.0.0", folder)
    assert fhir.get("Patient?surnom=loulou").status_code == 400
    assert index_all(fhir) > 0
    fhir.put("Patient/a", patient("a", "Autre"))
    package()
    index_all(fhir)
    assert ids(fhir.get("Patient?surnom=loulou")) == []
    assert ids(fhir.get("Patient?surnom=autre")) == ["a"]


def test_package__of_one_tenant__is_not_seen_by_the_others(fhir, package):
    other = type(fhir)(fhir.client, fhir.engine, f"{fhir.tenant}-voisin")
    fhir.engine.stores.create(other.tenant)
    package()
    index_all(fhir)
    assert ids(fhir.get("Patient?surnom=loulou")) == ["a"]
    assert other.get("Patient?surnom=loulou").status_code == 400


def test_package__of_all__is_seen_by_each_tenant_and_goes_with_it(fhir, package):
    everywhere = app.ig_folder(fhir.engine.settings)
    package(where=everywhere)
    try:
        index_all(fhir)
        assert ids(fhir.get("Patient?surnom=loulou")) == ["a"]
    finally:
        remove(NAME, "1.0.0", everywhere)
    assert fhir.get("Patient?surnom=loulou").status_code == 400
    index_all(fhir)


def test_package__another_version__is_indexed_again(fhir, package):
    package()
    index_all(fhir)
    fhir.put("Patient/c", patient("c", "Loulou", use="usual"))
    package(parameter(use="usual"), version="2.0.0")
    assert warned(fhir.get("Patient?surnom=loulou")) == ["search-index-incomplete"]
    index_all(fhir)
    assert ids(fhir.get("Patient?surnom=loulou")) == ["c"]


@pytest.mark.parametrize(
    "others",
    [
        {"code": "name"},
        {"code": "sur.nom"},
        {"type": "special"},
        {"expression": "Patient.nothing"},
        {"expression": "Patient.name.where("},
        {"base": ["Personne"]},
        {"status": "draft"},
        {"url": "http://hl7.org/fhir/SearchParameter/individual-family"},
    ],
    ids=["clash", "code", "special", "no element", "syntax", "base", "draft", "copy of R4"],
)
def test_package__parameter_that_cannot_be_in_force__is_left_out_and_the_others_serve(fhir, package, others):
    second = parameter(url=f"{URL}-2", code="surnom2")
    package(parameter(**others), second)
    index_all(fhir)
    assert ids(fhir.get("Patient?surnom2=loulou")) == ["a"]
    assert fhir.get("Patient?surnom=loulou").status_code == 400
    assert fhir.get("Patient?name=loulou").status_code == 200


def test_package__code_of_a_parameter_of_the_tenant__takes_its_place(fhir, package):
    own = parameter(use="usual", url=f"{URL}-propre", id="sp")
    assert fhir.put("SearchParameter/sp", own).status_code == 201
    package()
    index_all(fhir)
    assert ids(fhir.get("Patient?surnom=loulou")) == ["a"]
    refused = fhir.put("SearchParameter/sp2", own | {"id": "sp2", "url": f"{URL}-encore"})
    assert (refused.status_code, codes(refused.json)) == (422, ["search-parameter-clash"])
    copied = fhir.put("SearchParameter/sp3", parameter(id="sp3"), headers={"Prefer": "return=OperationOutcome"})
    assert copied.status_code == 201
    assert "search-parameter-copy" in codes(copied.json)


def test_package__known_to_the_reindexer_only__what_another_process_writes_meanwhile_is_not_lost(fhir, package):
    here, store = fhir.engine.tunings, fhir.engine.stores.open(fhir.tenant)
    former = here.of(fhir.tenant, store)
    package()
    index_all(fhir)
    here._known[fhir.tenant] = former  # a process that has read nothing since
    fhir.put("Patient/c", patient("c", "Loulou"))
    answer = fhir.get("Patient?surnom=loulou")
    assert (sorted(ids(answer)), warned(answer)) == (["a", "c"], [])


def test_reindexing__package_added_then_removed_between_ticks__is_noticed(fhir, package, folder, monkeypatch):
    work = administration.reindexing_of(fhir.engine)
    monkeypatch.setattr(work, "_tenants", lambda: (fhir.tenant,))
    monkeypatch.setattr(work._worker, "run_all", lambda stop: work.run_one(fhir.tenant))
    while work.tick():
        pass
    package()
    while work.tick():
        pass
    assert ids(fhir.get("Patient?surnom=loulou")) == ["a"]
    remove(NAME, "1.0.0", folder)
    assert work.tick() > 0
    assert fhir.get("Patient?surnom=loulou").status_code == 400


class Packages(RuleBasedStateMachine):
    """Two processes, one of which learns of packages late: a search without warning is right."""

    fhir = None
    numbers = iter(range(10**9))

    @initialize()
    def tenant(self):
        name = f"paquets-{next(self.numbers)}"
        self.fhir.engine.stores.create(name)
        self.client = type(self.fhir)(self.fhir.client, self.fhir.engine, name)
        self.folder = tenant_folder(app.ig_folder(self.fhir.engine.settings), name)
        self.nicknames, self.use = {}, None
        self.elsewhere = self.client.engine.tunings.of(name, self.client.engine.stores.open(name))

    def _put(self, id, nickname, use):
        assert self.client.put(f"Patient/{id}", patient(id, nickname, use)).status_code in (200, 201)
        self.nicknames[id] = (use, nickname)

    @rule(
        id=st.sampled_from("abc"), nickname=st.sampled_from(["lou", "zoe"]), use=st.sampled_from(["nickname", "usual"])
    )
    def write(self, id, nickname, use):
        self._put(id, nickname, use)

    @rule(
        id=st.sampled_from("abc"), nickname=st.sampled_from(["lou", "zoe"]), use=st.sampled_from(["nickname", "usual"])
    )
    def write_elsewhere(self, id, nickname, use):
        known = self.client.engine.tunings._known
        here, known[self.client.tenant] = known.get(self.client.tenant), self.elsewhere
        self._put(id, nickname, use)
        store = self.client.engine.stores.open(self.client.tenant)
        self.elsewhere = self.client.engine.tunings.of(self.client.tenant, store)
        if here is not None:
            known[self.client.tenant] = here

    @rule(use=st.sampled_from(["nickname", "usual"]))
    def add(self, use):
        add_resources({"name": NAME, "version": "1.0.0"}, [parameter(use)], self.folder)
        self.use = use

    @rule()
    def remove(self):
        remove(NAME, "1.0.0", self.folder)
        self.use = None

    @rule()
    def begin(self):
        reindexing.Reindexer(self.client.engine).begin(self.client.tenant)

    @rule()
    def index_a_lot(self):
        administration.reindexing_of(self.client.engine).run_one(self.client.tenant)

    @invariant()
    def search(self):
        answer = self.client.get("Patient?surnom=lou")
        if self.use is None:
            assert answer.status_code == 400
        elif not warned(answer):
            assert set(ids(answer)) == {id for id, known in self.nicknames.items() if known == (self.use, "lou")}


def test_package__any_history__a_search_without_warning_is_right(fhir, monkeypatch):
    monkeypatch.setattr(reindexing, "LOT", 1)
    machine = type("Machine", (Packages,), {"fhir": fhir})
    case = machine.TestCase
    case.settings = settings(
        max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()

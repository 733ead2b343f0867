"""Evaluations: what the corridors' operations derive from the answers, and the rules on the way in."""

from typing import Any

import pytest

from dui_fhir.domain import aggir_response
from dui_fhir.domain.aggir_response import PA, PH
from dui_fhir.service import own_parameters, tenant_settings

Resource = dict[str, Any]
SAD, SSIAD, SAMSAH, EHPAD = "330000209", "330000354", "330000445", "330000500"
QUESTIONNAIRES = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire"
CISIS = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"
SERAFIN = "https://smt.esante.gouv.fr/terminologie-SERAFINPH"
EVENT = "https://identifiant-medicosocial-evenement.esante.gouv.fr"
MONDAY, SATURDAY = "2026-01-12", "2026-01-17"


@pytest.fixture
def home(fhir: Any) -> Any:
    """A tenant with a mixed service at home, and a person."""
    fhir.structure(SAD, "209", ("dom",))
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p", "birthDate": "1940-01-01"})
    return fhir


def values(parameters: Resource, name: str) -> list[Any]:
    found = [p for p in parameters.get("parameter", parameters.get("part", ())) if p["name"] == name]
    return [next(v for k, v in p.items() if k != "name") for p in found]


def grid(
    profile: str, *, id: str = "", subject: str = "Patient/p", finess: str = SAD, day: str = MONDAY, **more: Any
) -> Any:
    made = aggir_response.build(profile, subject=subject, identifier=f"3{finess}/1-EVAL-{id or 1}", **more)
    return {**made, "authored": day}


def visit(
    id: str, code: str, day: str = MONDAY, *, finess: str = SAD, subject: str = "Patient/p", **more: Any
) -> Resource:
    return {
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "HH"},
        "identifier": [{"system": EVENT, "value": f"3{finess}/1-EVN-{id}"}], "subject": {"reference": subject},
        "type": [{"coding": [{"system": CISIS, "code": code}]}], "participant": [{"individual": {"display": "Fictif"}}],
        "serviceProvider": {"reference": f"Organization/finess-{finess}"},
        "period": {"start": f"{day}T08:00:00+01:00", "end": f"{day}T08:30:00+01:00"},
        **more,
    }  # fmt: skip


def put(fhir: Any, *resources: Resource) -> None:
    for resource in resources:
        answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status_code in (200, 201), answer.text


# ------------------------------------------------------------------------------------------------------------- $gir


@pytest.mark.parametrize("form", [PA, PH], ids=["pa", "ph"])
def test_gir__complete_grid__computed(home: Any, form: Any) -> None:
    stored = home.create(grid("AACCBBCC", grid=form))
    found = home.get(f"QuestionnaireResponse/{stored['id']}/$gir").json

    assert [values(found, n) for n in ("basis", "gir", "rank", "profile", "points")] == [
        ["computed"], [2], [6], ["AACCBBCC"], [840],
    ]  # fmt: skip


def test_gir__result_alone__declared_and_kept_with_a_remark(home: Any) -> None:
    alone = grid("AAAAAAAA", declared=3)
    del alone["item"][0]["answer"][0]["item"]
    answer = home.post("QuestionnaireResponse", alone, headers={"Prefer": "return=OperationOutcome"})
    assert "DOM-16" in answer.text
    id = answer.headers["Location"].split("/")[-3]

    found = home.get(f"QuestionnaireResponse/{id}/$gir").json
    assert (values(found, "basis"), values(found, "gir")) == (["declared"], [3])


def test_gir__draft_with_gaps__says_what_is_missing(home: Any) -> None:
    draft = grid("BBBBBBBB", grid=PH, status="in-progress")
    draft["item"][0]["answer"][0]["item"] = [
        i for i in draft["item"][0]["answer"][0]["item"] if i["linkId"] not in ("manger", "s'habiller")
    ]
    found = home.get(f"QuestionnaireResponse/{home.create(draft)['id']}/$gir").json

    assert values(found, "basis") == ["incomplete"]
    assert values(found, "missing") == ["S'habiller", "Manger"]
    assert values(found, "gir") == []


def test_gir__other_questionnaire__refused(home: Any) -> None:
    other = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "urn:exemple:autre"}
    answer = home.get(f"QuestionnaireResponse/{home.create(other)['id']}/$gir")

    assert answer.status_code == 400
    assert "evaluation-not-aggir" in answer.text


def test_aggir_at_home__gir_that_the_grid_denies__refused(home: Any) -> None:
    answer = home.post("QuestionnaireResponse", grid("AACCBBCC", grid=PH, declared=5))

    assert answer.status_code == 422
    assert "GIR 5 transmis, GIR 2 calculé" in answer.text


# ----------------------------------------------------------------------------------------------------------- $serafin


def rated(**needs: int) -> Resource:
    items = [
        {"linkId": link.replace("_", "-"), "text": link, "answer": [{"valueInteger": v}]} for link, v in needs.items()
    ]
    return {
        "resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": "Patient/p"},
        "questionnaire": f"{QUESTIONNAIRES}/tddui-questionnaire-serafin", "authored": MONDAY, "item": items,
        "identifier": {"system": "https://identifiant-medicosocial-evaluation.esante.gouv.fr", "value": f"3{SAMSAH}/1-EVAL-1"},
    }  # fmt: skip


def service(code: str, status: str = "in-progress", **more: Any) -> Resource:
    coded = {"coding": [{"system": SERAFIN, "code": code}]}
    return {
        "resourceType": "Task", "status": status, "intent": "order", "for": {"reference": "Patient/p"},
        "input": [{"type": {"coding": [{"code": "typePrestation"}]}, "valueCodeableConcept": coded}], **more,
    }  # fmt: skip


@pytest.fixture
def samsah(fhir: Any) -> Any:
    """A tenant with a service for disabled adults, and a person."""
    fhir.structure(SAMSAH, "445", ("ph",))
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    return fhir


def test_serafin__needs__strongest_first_with_the_services_of_their_branch(samsah: Any) -> None:
    stored = samsah.create(rated(besoin_mobilite=2, besoin_vivre_logement=30, besoin_douleur=0, besoin_vie_sociale=2))
    for task in (service("2.3.2.1"), service("2.2.1", "cancelled"), service("2.3.4.2", "draft")):
        samsah.create(task)
    found = samsah.get(f"QuestionnaireResponse/{stored['id']}/$serafin").json

    needs = [p for p in found["parameter"] if p["name"] == "need"]
    assert values(found, "rated") == [3]
    assert [[*values(n, "code"), *values(n, "value"), *values(n, "branch"), *values(n, "service")] for n in needs] == [
        ["1.3.2.1", 30, "2.3.2", "2.3.2.1"],
        ["1.2.1.3", 2, "2.2"],
        ["1.3.4.1", 2, "2.3.4", "2.3.4.2"],
    ]
    assert [values(n, "covered") for n in needs] == [[True], [False], [True]]
    assert values(needs[1], "text") == ["Besoins pour la mobilité"]


@pytest.mark.parametrize("answer", [{"valueInteger": -1}, {"valueString": "fort"}, {"valueDecimal": 1.5}])
def test_serafin__need_that_is_no_whole_number__refused(samsah: Any, answer: Resource) -> None:
    response = rated(besoin_mobilite=1)
    response["item"][0]["answer"] = [answer]

    refused = samsah.post("QuestionnaireResponse", response)
    assert refused.status_code == 422
    assert "PH-14" in refused.text


def test_serafin__other_questionnaire__refused(samsah: Any) -> None:
    other = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "urn:exemple:autre"}
    answer = samsah.get(f"QuestionnaireResponse/{samsah.create(other)['id']}/$serafin")

    assert "evaluation-not-serafin" in answer.text


# ----------------------------------------------------------------------------------------------------- $forfait-ssiad

GIR = {1: "CCCCCCCC", 2: "CCCCCCAA", 3: "BBCCBBAA", 4: "BBBBBBBB", 5: "AABAAAAA", 6: "AAAAAAAA"}
VISITS = {"aide": ("MED-1296", MONDAY), "infirmier": ("MED-1298", MONDAY), "week-end": ("MED-1296", SATURDAY)}


@pytest.mark.parametrize(
    ("girs", "visits", "group"),
    [
        ((5, 6), ("aide",), 1), ((5, 6), ("infirmier", "week-end"), 1),
        ((3, 4), ("aide",), 2), ((3, 4), ("infirmier",), 3), ((3, 4), ("week-end",), 4), ((3, 4), ("infirmier", "week-end"), 5),
        ((1, 2), ("aide",), 6), ((1, 2), ("infirmier",), 7), ((1, 2), ("week-end",), 8), ((1, 2), ("infirmier", "week-end"), 9),
    ],
)  # fmt: skip
def test_package__gir_weekend_and_nurse__the_nine_groups(
    home: Any, girs: tuple[int, int], visits: tuple[str, ...], group: int
) -> None:
    put(home, *(visit(name, *VISITS[name]) for name in visits))
    for gir in girs:
        put(home, {**grid(GIR[gir]), "id": "g"})
        found = home.get(f"Patient/p/$forfait-ssiad?week={SATURDAY}").json
        (person,) = values(found, "person")
        assert values({"part": person}, "gir") == [gir]
        assert values({"part": person}, "number") == [group]
    assert values(found, "week") == [{"start": MONDAY, "end": "2026-01-18"}]


def set_parameter(fhir: Any, name: str, value: str) -> None:
    """Set a parameter of the tenant's own: it counts at the next look."""
    store, engine = fhir.engine.stores.open(fhir.tenant), fhir.engine
    values = tenant_settings.load(store)[1]
    changes = own_parameters.changed(values, own_parameters.ALL, name, value, engine.host.parameters(None))
    assert tenant_settings.save(store, engine.extractor, changes)
    engine.standards.of(fhir.tenant, fresh=True)


def test_package__amount__is_that_of_the_year_as_the_tenant_entered_it(home: Any) -> None:
    put(home, {**grid(GIR[6]), "id": "g"}, visit("a", "MED-1296"))
    set_parameter(home, "dom.forfaits_montants", '{"1": 49.38}')
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert values({"part": person}, "amount") == [{"value": 49.38, "currency": "EUR"}]


def test_package__supplements__each_by_what_was_done(home: Any) -> None:
    put(home, {**grid(GIR[1]), "id": "g"})
    put(home, visit("a", "MED-1311"), visit("b", "MED-1299", SATURDAY))
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert values({"part": person}, "number") == [9]
    assert [s["code"] for s in values({"part": person}, "supplement")] == ["gir", "diabete", "conjointe"]
    assert values({"part": person}, "amount") == []


def test_package__group_without_supplement__none(home: Any) -> None:
    put(home, {**grid(GIR[1]), "id": "g"}, visit("a", "MED-1311"))
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert (values({"part": person}, "number"), values({"part": person}, "supplement")) == ([7], [])


@pytest.mark.parametrize(
    "other",
    [
        visit("a", "MED-1296", status="cancelled"), visit("a", "MED-1296", status="planned"), visit("a", "MED-1296", "2026-01-11"),
        visit("a", "MED-1296", "2026-01-19"), visit("a", "AUTRE"), visit("a", "MED-1296", identifier=[{"value": "x"}]),
        visit("a", "MED-1296", serviceProvider={"reference": "Organization/finess-999999999"}),
    ],
    ids=["cancelled", "planned", "before", "after", "help", "no event", "elsewhere"],
)  # fmt: skip
def test_package__no_care_that_week__no_group_and_says_why(home: Any, other: Resource) -> None:
    put(home, {**grid(GIR[1]), "id": "g"}, other)
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert values({"part": person}, "number") == []
    assert "Aucun passage de soins" in values({"part": person}, "reason")[0]


def test_package__midnight_of_monday__counts_in_the_zone_of_the_structure(home: Any) -> None:
    first = visit("a", "MED-1296", period={"start": "2026-01-11T23:30:00Z", "end": "2026-01-12T00:10:00Z"})
    last = visit("b", "MED-1296", period={"start": "2026-01-18T23:30:00Z", "end": "2026-01-18T23:50:00Z"})
    put(home, {**grid(GIR[6]), "id": "g"}, first, last)
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert values({"part": person}, "visits") == [1]
    assert values({"part": person}, "weekend") == [False]


def test_package__no_grid_yet_or_a_later_one__says_so(home: Any) -> None:
    put(home, visit("a", "MED-1296"), {**grid(GIR[1], day="2026-02-01"), "id": "g"})
    person = values(home.get(f"Patient/p/$forfait-ssiad?week={MONDAY}").json, "person")[0]

    assert "Aucun GIR connu" in values({"part": person}, "reason")[0]


def test_package__whole_service__one_line_each_and_the_sum_by_group(home: Any) -> None:
    home.structure(SSIAD, "354", ("dom",))
    for name, finess in (("q", SAD), ("r", SSIAD)):
        put(home, {"resourceType": "Patient", "id": name})
        put(home, {**grid(GIR[4], subject=f"Patient/{name}", finess=finess), "id": f"g{name}"})
        put(home, visit(f"v{name}", "MED-1296", finess=finess, subject=f"Patient/{name}"))
    put(home, visit("vp", "MED-1298"))
    found = home.get(f"Patient/$forfait-ssiad?week={MONDAY}&structure={SAD}").json

    people = [values({"part": person}, "reference")[0]["reference"] for person in values(found, "person")]
    assert people == ["Patient/p", "Patient/q"]
    assert [values({"part": g}, "persons") + values({"part": g}, "number") for g in values(found, "group")] == [[1, 2]]
    assert len(values(home.get(f"Patient/$forfait-ssiad?week={MONDAY}").json, "person")) == 3


@pytest.mark.parametrize(
    ("asked", "id"), [("week=2026-01", "evaluation-week"), (f"structure={EHPAD}", "evaluation-structure")]
)
def test_package__wrong_input__refused(home: Any, asked: str, id: str) -> None:
    home.structure(EHPAD, "500", ("pa",))
    answer = home.get(f"Patient/p/$forfait-ssiad?{asked}")

    assert answer.status_code == 400
    assert id in answer.text

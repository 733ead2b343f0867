"""Answers against their form. Source: FHIR R4, questionnaireresponse.html, questionnaire.html."""

import pytest

from dui_fhir.validation.forms import form_of
from dui_fhir.validation.policy import WriteValidation, read_policy
from dui_fhir.validation.validator import Validator

URL = "urn:essai:questionnaire"
SYSTEM = "urn:essai:codes"
OPTIONS = [{"valueCoding": {"system": SYSTEM, "code": code}} for code in ("A", "B", "C")]


def questionnaire(*items, **others):
    return {"resourceType": "Questionnaire", "status": "active", "url": URL, "item": list(items), **others}


def item(link="q", type="string", **others):
    return {"linkId": link, "text": f"Question {link}", "type": type, **others}


def response(*items, status="completed", **others):
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": URL,
        "status": status,
        "item": list(items),
        **others,
    }


def given(link="q", *values, **others):
    return {"linkId": link, **({"answer": list(values)} if values else {}), **others}


def coding(code, system=SYSTEM):
    return {"valueCoding": {"system": system, "code": code}}


class Codes:
    """A terminology that knows one value set."""

    def validate(self, value_set, system, code, display=None):
        if value_set != "urn:essai:liste":
            return "unknown"
        return "valid" if (system, code) == (SYSTEM, "A") else "invalid"


def faults(form, answers):
    validator = Validator(terminology=Codes()).over(forms=lambda url: form_of(form) if url == URL else None)
    return [(i.id.removeprefix("validation-"), i.severity, i.expression[0]) for i in validator.answers(answers)]


def ids(form, answers):
    return [id for id, _, _ in faults(form, answers)]


@pytest.mark.parametrize(
    ("type", "value", "right"),
    [
        ("boolean", {"valueBoolean": True}, True),
        ("boolean", {"valueString": "oui"}, False),
        ("decimal", {"valueDecimal": 1.5}, True),
        ("decimal", {"valueInteger": 1}, False),
        ("integer", {"valueInteger": 3}, True),
        ("date", {"valueDate": "2026-11-25"}, True),
        ("date", {"valueDateTime": "2026-11-25T10:00:00Z"}, False),
        ("dateTime", {"valueDateTime": "2026-11-25"}, True),
        ("time", {"valueTime": "10:00:00"}, True),
        ("string", {"valueString": "a"}, True),
        ("text", {"valueString": "a"}, True),
        ("url", {"valueUri": "urn:a"}, True),
        ("url", {"valueString": "urn:a"}, False),
        ("attachment", {"valueAttachment": {"title": "a"}}, True),
        ("reference", {"valueReference": {"reference": "Patient/1"}}, True),
        ("quantity", {"valueQuantity": {"value": 1}}, True),
        ("choice", coding("A"), True),
        ("choice", {"valueString": "A"}, False),
        ("open-choice", {"valueString": "autre"}, True),
        ("open-choice", {"valueInteger": 1}, False),
        ("group", {"valueString": "a"}, False),
        ("display", {"valueString": "a"}, False),
    ],
)
def test_answer__of_each_type__is_admitted_only_as_that_type(type, value, right):
    found = ids(questionnaire(item(type=type)), response(given("q", value)))
    wrong = "answer-unexpected" if type in ("group", "display") else "answer-type"
    assert found == ([] if right else [wrong])


def test_item__unknown_link__is_a_fault_at_its_place():
    found = faults(questionnaire(item()), response(given("q", {"valueString": "a"}), given("z", {"valueString": "a"})))
    assert found == [("item-unknown", "error", "QuestionnaireResponse.item[1]")]


def test_item__of_another_group__is_misplaced():
    form = questionnaire(item("g", "group", item=[item("a")]), item("b"))
    assert ids(form, response(given("g"), given("a", {"valueString": "x"}))) == ["item-misplaced"]


def test_item__under_a_question_instead_of_its_answer__is_misplaced():
    form = questionnaire(item("q", "boolean", item=[item("a")]))
    below = [given("a", {"valueString": "x"})]
    assert ids(form, response(given("q", {"valueBoolean": True}, item=below))) == ["item-misplaced"]
    assert ids(form, response(given("q", {"valueBoolean": True, "item": below}))) == []


def test_items__in_another_order__are_a_warning():
    form = questionnaire(item("a"), item("b"))
    told = faults(form, response(given("b", {"valueString": "x"}), given("a", {"valueString": "x"})))
    assert told == [("item-order", "warning", "QuestionnaireResponse")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("completed", ["answer-missing"]),
        ("amended", ["answer-missing"]),
        ("in-progress", []),
        ("stopped", []),
        ("entered-in-error", []),
    ],
)
@pytest.mark.parametrize("items", [[], [given("q")]], ids=["no item", "no answer"])
def test_required__without_answer__is_asked_of_finished_responses_only(status, expected, items):
    assert ids(questionnaire(item(required=True)), response(*items, status=status)) == expected


def test_required__in_a_group_that_is_absent__is_not_asked():
    form = questionnaire(item("g", "group", item=[item("a", required=True), item("b")]))
    assert ids(form, response()) == []
    assert ids(form, response(given("g", item=[given("b", {"valueString": "x"})]))) == ["answer-missing"]


def test_required__group_without_any_answer__is_missing():
    form = questionnaire(item("g", "group", required=True, item=[item("a")]))
    assert ids(form, response(given("g", item=[given("a")]))) == ["answer-missing"]
    assert ids(form, response(given("g", item=[given("a", {"valueString": "x"})]))) == []


def test_required__display__never_asks_for_an_answer():
    assert ids(questionnaire(item("d", "display", required=True)), response()) == []


@pytest.mark.parametrize(("repeats", "expected"), [(False, ["answer-repeated"]), (True, [])])
def test_answers__two__need_a_question_that_repeats(repeats, expected):
    form = questionnaire(item(repeats=repeats))
    assert ids(form, response(given("q", {"valueString": "a"}, {"valueString": "b"}))) == expected


@pytest.mark.parametrize(
    ("type", "repeats", "expected"),
    [("group", True, []), ("group", False, ["item-repeated"]), ("string", True, ["item-repeated"])],
)
def test_items__twice_the_same__only_of_a_group_that_repeats(type, repeats, expected):
    assert ids(questionnaire(item(type=type, repeats=repeats)), response(given("q"), given("q"))) == expected


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        ("choice", coding("A"), []),
        ("choice", coding("Z"), [("answer-option", "error")]),
        ("choice", coding("A", "urn:autre"), [("answer-option", "error")]),
        ("open-choice", coding("Z"), [("answer-option", "warning")]),
        ("open-choice", {"valueString": "Z"}, []),
    ],
)
def test_option__outside_of_those_offered__is_told(type, value, expected):
    found = faults(questionnaire(item(type=type, answerOption=OPTIONS)), response(given("q", value)))
    assert [(id, severity) for id, severity, _ in found] == expected


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        ({"valueInteger": 1}, {"valueInteger": 1}, {"valueInteger": 2}),
        ({"valueString": "a"}, {"valueString": "a"}, {"valueString": "b"}),
        ({"valueDate": "2026-01-01"}, {"valueDate": "2026-01-01"}, {"valueDate": "2026-01-02"}),
        (
            {"valueReference": {"reference": "Location/1"}},
            {"valueReference": {"reference": "Location/1", "display": "x"}},
            {"valueReference": {"reference": "Location/2"}},
        ),
    ],
)
def test_option__not_a_code__is_compared_by_its_value(option, right, wrong):
    form = questionnaire(item(type="choice", answerOption=[option]))
    assert ids(form, response(given("q", right))) == []
    assert ids(form, response(given("q", wrong))) == ["answer-option"]


@pytest.mark.parametrize(
    ("value_set", "value", "expected"),
    [
        ("urn:essai:liste", coding("A"), []),
        ("urn:essai:liste", coding("B"), [("answer-option", "error")]),
        ("urn:essai:liste", {"valueCoding": {"display": "sans code"}}, [("answer-option", "error")]),
        ("urn:essai:inconnue", coding("B"), [("code-not-checked", "information")]),
        ("#absente", coding("B"), [("code-not-checked", "information")]),
        ("#tenue", coding("B"), []),
        ("#tenue", coding("C"), [("answer-option", "error")]),
    ],
)
def test_value_set__of_the_answers__has_three_outcomes(value_set, value, expected):
    held = {
        "resourceType": "ValueSet",
        "id": "tenue",
        "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "A"}, {"code": "B"}]}]},
    }
    form = questionnaire(item(type="choice", answerValueSet=value_set), contained=[held])
    found = faults(form, response(given("q", value)))
    assert [(id, severity) for id, severity, _ in found] == expected


@pytest.mark.parametrize(("size", "expected"), [(4, []), (5, []), (6, ["answer-length"])])
def test_length__beyond_the_maximum__is_a_fault(size, expected):
    assert ids(questionnaire(item(maxLength=5)), response(given("q", {"valueString": "x" * size}))) == expected


def when(operator, expected, link="q"):
    return {"question": link, "operator": operator, **expected}


@pytest.mark.parametrize(
    ("type", "operator", "expected", "value", "asked"),
    [
        ("boolean", "exists", {"answerBoolean": True}, {"valueBoolean": False}, True),
        ("boolean", "exists", {"answerBoolean": True}, None, False),
        ("boolean", "exists", {"answerBoolean": False}, None, True),
        ("boolean", "=", {"answerBoolean": True}, {"valueBoolean": True}, True),
        ("boolean", "=", {"answerBoolean": True}, {"valueBoolean": False}, False),
        ("boolean", "=", {"answerBoolean": True}, None, False),
        ("boolean", "!=", {"answerBoolean": True}, {"valueBoolean": False}, True),
        ("boolean", "!=", {"answerBoolean": True}, None, False),
        ("integer", ">", {"answerInteger": 3}, {"valueInteger": 4}, True),
        ("integer", ">", {"answerInteger": 3}, {"valueInteger": 3}, False),
        ("integer", ">=", {"answerInteger": 3}, {"valueInteger": 3}, True),
        ("decimal", "<", {"answerDecimal": 3.5}, {"valueDecimal": 3.4}, True),
        ("date", "<=", {"answerDate": "2026-11-25"}, {"valueDate": "2026-11-25"}, True),
        ("date", "<", {"answerDate": "2026-11-25"}, {"valueDate": "2026-11-26"}, False),
        ("choice", "=", {"answerCoding": {"system": SYSTEM, "code": "A"}}, coding("A"), True),
        ("choice", "=", {"answerCoding": {"system": SYSTEM, "code": "A"}}, coding("B"), False),
        ("quantity", ">", {"answerQuantity": {"value": 1, "code": "kg", "system": "http://unitsofmeasure.org"}},
         {"valueQuantity": {"value": 1500, "code": "g", "system": "http://unitsofmeasure.org"}}, True),
    ],
)  # fmt: skip
def test_enable_when__each_operator__says_whether_the_item_is_asked(type, operator, expected, value, asked):
    form = questionnaire(item(type=type), item("suite", required=True, enableWhen=[when(operator, expected)]))
    first = given("q", value) if value else given("q")
    assert ids(form, response(first)) == (["answer-missing"] if asked else [])
    answered = ids(form, response(first, given("suite", {"valueString": "x"})))
    assert answered == ([] if asked else ["answer-disabled"])


def test_enable_when__what_does_not_compare__is_neither_asked_nor_refused():
    form = questionnaire(
        item(type="quantity"),
        item("suite", required=True, enableWhen=[when(">", {"answerQuantity": {"value": 1, "code": "kg"}})]),
    )
    metres = given("q", {"valueQuantity": {"value": 2, "code": "m"}})
    assert ids(form, response(metres)) == []
    assert ids(form, response(metres, given("suite", {"valueString": "x"}))) == []


@pytest.mark.parametrize(("behaviour", "asked"), [("any", True), ("all", False)])
def test_enable_when__several_conditions__any_or_all(behaviour, asked):
    conditions = [when("=", {"answerBoolean": True}, "a"), when("=", {"answerBoolean": True}, "b")]
    form = questionnaire(
        item("a", "boolean"),
        item("b", "boolean"),
        item("suite", required=True, enableWhen=conditions, enableBehavior=behaviour),
    )
    found = ids(form, response(given("a", {"valueBoolean": True}), given("b", {"valueBoolean": False})))
    assert found == (["answer-missing"] if asked else [])


def test_enable_when__in_groups_that_repeat__looks_at_the_answers_nearest():
    smoking = [when("=", {"answerBoolean": True}, "fumeur")]
    inner = [item("fumeur", "boolean"), item("paquets", "integer", required=True, enableWhen=smoking)]
    form = questionnaire(item("personne", "group", repeats=True, item=inner))

    def person(smokes, *others):
        return given("personne", item=[given("fumeur", {"valueBoolean": smokes}), *others])

    assert ids(form, response(person(False), person(True, given("paquets", {"valueInteger": 2})))) == []
    told = faults(form, response(person(True), person(False, given("paquets", {"valueInteger": 2}))))
    assert [(id, place) for id, _, place in told] == [
        ("answer-missing", "QuestionnaireResponse.item[0]"),
        ("answer-disabled", "QuestionnaireResponse.item[1].item[1]"),
    ]


def test_enable_when__answer_no_longer_asked__warns_while_in_progress():
    form = questionnaire(item("q", "boolean"), item("suite", enableWhen=[when("=", {"answerBoolean": True})]))
    items = given("q", {"valueBoolean": False}), given("suite", {"valueString": "x"})
    assert [s for _, s, _ in faults(form, response(*items, status="in-progress"))] == ["warning"]
    assert [s for _, s, _ in faults(form, response(*items))] == ["error"]


def test_form__unknown__is_an_information_and_never_an_agreement():
    found = faults(questionnaire(), response(given("z", {"valueString": "x"}), questionnaire="urn:autre"))
    assert found == [("questionnaire-unknown", "information", "QuestionnaireResponse.questionnaire")]


def test_form__held_by_the_response__is_read_there():
    held = {**questionnaire(item("a", required=True)), "id": "f"}
    assert ids(questionnaire(), response(questionnaire="#f", contained=[held])) == ["answer-missing"]
    assert ids(questionnaire(), response(questionnaire="#z", contained=[held])) == ["questionnaire-unknown"]


def test_response__without_form__says_nothing():
    bare = response(given("z", {"valueString": "x"}))
    del bare["questionnaire"]
    assert ids(questionnaire(), bare) == []


@pytest.mark.parametrize(
    "wrong", [None, 3, "x", {}, [None], [3], [[]], [{"linkId": 3, "answer": "x"}], [{"answer": [3]}]]
)
def test_content__of_any_shape__never_raises(wrong):
    form = questionnaire(item("q", "group", required=True, item=wrong), item=wrong)
    assert isinstance(ids(form, {**response(), "item": wrong}), list)
    assert isinstance(ids(questionnaire(item()), {**response(), "item": wrong}), list)


@pytest.mark.parametrize(("mode", "severity"), [("refuse", "error"), ("warn", "warning"), ("off", None)])
def test_write__answers_that_break_the_form__follow_the_policy_of_its_canonical(mode, severity):
    form = form_of(questionnaire(item(required=True)))
    validator = Validator().over(forms=lambda url: form)
    told = WriteValidation(validator, read_policy("refuse", "warn", [f"{mode} {URL}"])).check(response())
    assert [i.severity for i in told if i.id == "validation-answer-missing"] == ([severity] if severity else [])


def test_bundle__response_inside__is_judged_at_its_place():
    validator = Validator().over(forms=lambda url: form_of(questionnaire(item())))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": "urn:uuid:0c2a4a2e-8a3c-4f1e-9d5e-2b7a9a4f1c11", "resource": response(given("z"))}],
    }
    places = [i.expression[0] for i in validator.validate(bundle) if i.id == "validation-item-unknown"]
    assert places == ["Bundle.entry[0].resource.item[0]"]

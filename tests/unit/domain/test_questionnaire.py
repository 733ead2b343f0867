"""Answers of a QuestionnaireResponse, wherever they are."""

from dui_fhir.domain.questionnaire import answers

YES = {"valueBoolean": True}
NO = {"valueBoolean": False}


def test_answers__below_items_and_below_answers__by_link() -> None:
    response = {
        "item": [
            {
                "linkId": "group",
                "item": [{"linkId": "a", "answer": [{**YES, "item": [{"linkId": "b", "answer": [NO]}]}]}],
            },
            {"linkId": "a", "answer": [NO]},
        ]
    }
    found = answers(response)
    assert sorted(found) == ["a", "b", "group"]
    assert [a["valueBoolean"] for a in found["a"]] == [False, True]
    assert (found["b"], found["group"]) == ([NO], [])


def test_answers__nothing_below__absent() -> None:
    assert answers({"item": [{"linkId": "a"}]}) == {}
    assert answers({}) == {}


def test_answers__same_link_twice__the_response_is_left_as_it_was() -> None:
    response = {"item": [{"linkId": "a", "answer": [YES]}, {"linkId": "a", "answer": [NO]}]}
    answers(response)
    assert response["item"][0]["answer"] == [YES]


def test_answers__a_thousand_levels__no_recursion() -> None:
    node: dict[str, object] = {"linkId": "leaf", "answer": [YES]}
    for _ in range(5000):
        node = {"linkId": "g", "item": [node]}
    assert answers({"item": [node]})["leaf"] == [YES]

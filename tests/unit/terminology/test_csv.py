"""Lists brought as CSV."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain.errors import BadRequest
from dui_fhir.terminology import Terminology
from dui_fhir.terminology.csv import Target, read

TARGET = Target(url="urn:liste", version="2026", name="Liste")
TEXT = "\ufeffcode;libelle;parent;inactif;libelle:en\nA;Accueil;;;Intake\nA1;Accueil de jour;A;;\nA2;Ancien accueil;A;oui;\n"


def test_read__list_with_parents__hierarchy_languages_and_states() -> None:
    system, value_set = read(TEXT, TARGET)
    terminology = Terminology([system, value_set])
    assert [code for _, code in terminology.subsumed("urn:liste", "A")] == ["A", "A1", "A2"]
    assert terminology.validate(value_set["url"], "urn:liste", "A1") == "valid"
    assert system["concept"][0]["designation"] == [{"language": "en", "value": "Intake"}]
    found = terminology.registry.code_system("urn:liste")
    assert found is not None
    assert [c for c, concept in found.concepts.items() if found.inactive(concept)] == ["A2"]


@pytest.mark.parametrize(
    ("text", "diagnostics"),
    [
        ("", "columns"),
        ("code;nom\nA;B\n", "columns"),
        ("code;libelle\nA;B\nA;C\n", "line 3"),
        ("code;libelle\n;B\n", "line 2"),
        ("code;libelle;parent\nA;B;Z\n", "parent"),
        ('code;libelle\n"A;B\n', "not a CSV"),
    ],
)
def test_read__faulty_list__refused_with_the_place(text: str, diagnostics: str) -> None:
    with pytest.raises(BadRequest, match=diagnostics) as caught:
        read(text, TARGET)
    assert caught.value.issues[0].id == "terminology-csv"


def test_read__several_faults__all_told_with_their_lines() -> None:
    text = "code;libelle;parent\nA;Un;B\nB;Deux;A\nA;Encore;\n;Sans code;\nC;;\nD;Quatre;Z\nE ;Cinq;\nF  G;Six;\n"
    with pytest.raises(BadRequest) as caught:
        read(text, TARGET)
    assert [issue.text for issue in caught.value.issues] == [
        "Ligne 2 : le code « A » est son propre ancêtre.",
        "Ligne 3 : le code « B » est son propre ancêtre.",
        "Ligne 4 : le code « A » est déjà à la ligne 2.",
        "Ligne 5 : le code manque.",
        "Ligne 6 : le libellé manque.",
        "Ligne 7 : le parent « Z » n'est pas un code de la liste.",
        "Ligne 9 : le code « F  G » contient des blancs en trop.",
    ]


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Z0-9]{1,5}", fullmatch=True), st.from_regex(r"[a-zé]{1,9}", fullmatch=True)))
def test_read__any_codes__all_there(rows: dict[str, str]) -> None:
    text = "code,libelle\n" + "".join(f"{code},{label}\n" for code, label in rows.items())
    system, _ = read(text, TARGET)
    assert {c["code"]: c["display"] for c in system["concept"]} == rows

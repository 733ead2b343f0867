"""Folding: what makes texts comparable."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.search.fold import _COMBINING_END, _folded, _without_accents, fold, fold_token, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Éléonore", "eleonore"),
        ("Jean-Noël", "jean noel"),
        ("L’Haÿ-les-Roses", "l hay les roses"),
        ("D'Œuvre", "d oeuvre"),
        ("Straße", "strasse"),
        ("  deux   espaces ", "deux espaces"),
        ("Łódź", "lodz"),
        ("12, rue d'Ulm", "12, rue d ulm"),
        ("", ""),
    ],
)
def test_fold__text__is_lower_case_without_accents(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_fold__twice__changes_nothing_more(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_fold__other_case__is_the_same_for_letters_of_one_case_pair(text):
    letters = "".join(
        c for c in text if c.lower().upper() == c.upper() and len(c.upper()) == 1 and c.upper().lower() == c
    )
    assert fold(letters) == fold(letters.upper())


@given(st.text())
def test_words__any_text__are_folded_letters_and_digits(text):
    found = words(text)
    assert all(word.isalnum() for word in found)
    assert words(" ".join(found)) == found


def test_fold_token__code__ignores_case_and_keeps_accents():
    assert fold_token("MR-Été") == "mr-été"


def test_combining_characters__all_of_unicode__are_before_the_end_of_the_table():
    beyond = (chr(code) for code in range(_COMBINING_END, sys.maxunicode + 1))
    assert not any(map(unicodedata.combining, beyond))


@given(st.text(alphabet=st.characters(max_codepoint=0x2030)))
def test_fold__usual_letters_by_table__same_as_one_by_one(text):
    assert _without_accents(text) == _folded(text)

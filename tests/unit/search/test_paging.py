"""Continuation tokens."""

import base64
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.errors import BadRequest
from dui_fhir.search import paging
from dui_fhir.search.parse import parse

KEY = b"a secret of the tests"
SEARCH = parse("Patient", [("name", "Dupont"), ("_sort", "-birthdate"), ("_count", "2")])


@given(st.lists(st.none() | st.integers() | st.text() | st.floats(allow_nan=False), max_size=5).map(tuple))
def test_decode__encoded__gives_the_same_search_and_cursor(cursor):
    found = paging.decode(KEY, paging.encode(KEY, SEARCH, cursor, "t1"), "t1")
    assert found == paging.Continuation(type="Patient", params=SEARCH.self_params, cursor=cursor)
    assert parse(found.type, found.params) == SEARCH


def test_encode__infinite_bound__survives():
    assert paging.decode(KEY, paging.encode(KEY, SEARCH, (-inf, inf, "Patient", "1"))).cursor == (
        -inf,
        inf,
        "Patient",
        "1",
    )


def test_encode__name_searched__is_not_readable():
    token = paging.encode(KEY, SEARCH, ("dupont", "Patient", "1"))
    raw = base64.urlsafe_b64decode(token + "==")
    assert b"upont" not in raw
    assert token.replace("-", "a").replace("_", "a").isalnum()


@pytest.mark.parametrize("text", ["", "x", "é", "a" * 500, "=", "AAAA"])
def test_decode__not_a_token__is_refused(text):
    with pytest.raises(BadRequest) as caught:
        paging.decode(KEY, text)
    assert caught.value.issues[0].id == "search-page-token"


@given(st.data())
def test_decode__one_bit_changed__is_refused(data):
    raw = bytearray(base64.urlsafe_b64decode(paging.encode(KEY, SEARCH, ("Patient", "1")) + "=="))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BadRequest):
        paging.decode(KEY, base64.urlsafe_b64encode(raw).decode().rstrip("="))


def test_decode__other_tenant_or_key__is_refused():
    token = paging.encode(KEY, SEARCH, ("Patient", "1"), "t1")
    for key, context in ((KEY, "t2"), (b"other", "t1"), (KEY, "")):
        with pytest.raises(BadRequest):
            paging.decode(key, token, context)

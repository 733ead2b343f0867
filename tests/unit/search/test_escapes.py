"""Escapes of search values."""

from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.search.escapes import escape, split, unescape


def test_split__escaped_separator__stays_in_its_part():
    assert split(r"a\,b,c\\,d", ",") == [r"a\,b", r"c\\", "d"]
    assert split("a|b|c", "|", 1) == ["a", "b|c"]
    assert split("", ",") == [""]
    assert unescape(r"a\,b\\\$\|") == r"a,b\$|"


@given(st.lists(st.text(), min_size=1))
def test_split__texts_escaped_and_joined__come_back(texts):
    joined = ",".join(escape(text) for text in texts)
    assert [unescape(part) for part in split(joined, ",")] == texts

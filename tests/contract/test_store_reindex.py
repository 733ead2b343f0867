"""Index values replaced without a new version: what a search parameter added later needs."""

from dui_fhir.domain.index import DateValue, IndexValues, ReferenceValue, StringValue, TokenValue
from dui_fhir.domain.plan import Committed, Delete, Plan, Reindex
from dui_fhir.domain.query import DateIs, Query, ReferenceIs, SameGroup, SortKey, StringIs, TextIs, TokenIs

COLOUR, SHAPE = TokenValue("colour", "urn:c", "red"), TokenValue("shape", None, "round")


def _ids(store, where, **more):
    return [v.id for v in store.search(Query(types=("Basic",), where=where, **more)).matches]


def _reindex(id="a", expect=1, params=("shape",), **values):
    return Reindex(type="Basic", id=id, expect=expect, params=params, index=IndexValues(**values))


def test_reindex__current_version__is_found_by_the_new_values_and_makes_no_version(store, make):
    first = make.submit(store, make.put("Basic", "a", index=IndexValues(tokens=(COLOUR,))))
    answer = store.submit(Plan(operations=(_reindex(tokens=(SHAPE,)),)))
    assert isinstance(answer, Committed)
    assert (answer.written[0].version, answer.written[0].changed) == (1, False)
    assert _ids(store, TokenIs("shape", None, "round")) == ["a"]
    assert _ids(store, TokenIs("colour", "urn:c", "red")) == ["a"]
    assert len(store.history().versions) == 1
    assert store.read("Basic", "a").instant_ms == first.instant_ms


def test_reindex__again__replaces_the_values_of_its_parameters_and_derived_ones(store, make):
    values = IndexValues(
        tokens=(COLOUR, SHAPE),
        strings=(StringValue("shape:text", "ronde", "Ronde"),),
        dates=(DateValue("when", 1, 2),),
        references=(ReferenceValue("_dui_patient", "Patient", "p"),),
    )
    make.submit(store, make.put("Basic", "a", index=values))
    store.submit(Plan(operations=(_reindex(tokens=(TokenValue("shape", None, "square"),)),)))
    assert _ids(store, TokenIs("shape", None, "round")) == []
    assert _ids(store, StringIs("shape:text", "ronde")) == []
    assert _ids(store, TokenIs("shape", None, "square")) == ["a"]
    assert _ids(store, TokenIs("colour", None, "red")) == ["a"]
    assert _ids(store, DateIs("when", "eq", 1, 2)) == ["a"]
    assert _ids(store, ReferenceIs("_dui_patient", "Patient", "p")) == ["a"]


def test_reindex__composite__its_components_are_replaced_together(store, make):
    def pair(code, low):
        tokens = (TokenValue("pair$0", None, code, 1), TokenValue("other$0", None, code, 2))
        return {"tokens": tokens, "dates": (DateValue("pair$1", low, low, 1), DateValue("other$1", low, low, 2))}

    make.submit(store, make.put("Basic", "a", index=IndexValues(**pair("x", 5))))
    store.submit(Plan(operations=(_reindex(params=("pair",), **pair("y", 7)),)))
    assert _ids(store, SameGroup((TokenIs("pair$0", None, "x"), DateIs("pair$1", "eq", 5, 5)))) == []
    assert _ids(store, SameGroup((TokenIs("pair$0", None, "y"), DateIs("pair$1", "eq", 7, 7)))) == ["a"]
    assert _ids(store, SameGroup((TokenIs("other$0", None, "x"), DateIs("other$1", "eq", 5, 5)))) == ["a"]


def test_reindex__parameter_with_no_more_value__is_found_no_more(store, make):
    make.submit(store, make.put("Basic", "a", index=IndexValues(tokens=(COLOUR, SHAPE))))
    store.submit(Plan(operations=(_reindex(),)))
    assert _ids(store, TokenIs("shape", None, "round")) == []
    assert _ids(store, TokenIs("colour", None, "red")) == ["a"]


def test_reindex__other_version_or_deleted_or_unknown__is_passed_over(store, make):
    make.submit(store, make.put("Basic", "a", index=IndexValues(tokens=(COLOUR,))))
    make.submit(store, make.put("Basic", "b"), make.put("Basic", "c"))
    make.submit(store, Delete(type="Basic", id="b"))
    for operation in (_reindex(expect=2, tokens=(SHAPE,)), _reindex("b", 2, tokens=(SHAPE,)), _reindex("x")):
        answer = store.submit(Plan(operations=(operation,)))
        assert isinstance(answer, Committed)
        assert answer.written[0].changed is False
    assert _ids(store, TokenIs("shape", None, "round")) == []


def test_reindex__words__stay(store, make):
    make.submit(store, make.put("Basic", "a", index=IndexValues(text="chute nocturne", content="chute nocturne bleu")))
    store.submit(Plan(operations=(_reindex(tokens=(SHAPE,)),)))
    assert _ids(store, TextIs(("nocturne",))) == ["a"]
    assert _ids(store, TextIs(("bleu",), "content")) == ["a"]


def test_reindex__sortable_values__order_the_page(store, make):
    make.submit(store, *(make.put("Basic", id) for id in "abc"))
    days = {"a": 20, "b": 10, "c": 30}
    operations = tuple(_reindex(id, params=("when",), dates=(DateValue("when", d, d),)) for id, d in days.items())
    store.submit(Plan(operations=operations))
    assert _ids(store, DateIs("when", "ge", 0, 0), sort=(SortKey("when", "date"),)) == ["b", "a", "c"]
    assert _ids(store, DateIs("when", "ge", 0, 0), sort=(SortKey("when", "date", True),)) == ["c", "a", "b"]


def test_reindex__then_update__replaces_all_values(store, make):
    make.submit(store, make.put("Basic", "a", index=IndexValues(tokens=(COLOUR,))))
    store.submit(Plan(operations=(_reindex(tokens=(SHAPE,)),)))
    make.submit(store, make.put("Basic", "a", content=2, index=IndexValues(tokens=(COLOUR,))))
    assert _ids(store, TokenIs("shape", None, "round")) == []
    assert _ids(store, TokenIs("colour", None, "red")) == ["a"]

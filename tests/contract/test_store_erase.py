"""Erasing: nothing of the content is left, a mark tells that it went."""

from dui_fhir.domain.index import IndexValues, ReferenceValue, StringValue, TokenValue
from dui_fhir.domain.plan import Committed, Delete, Erase, Plan, Refused
from dui_fhir.domain.query import AllOf, Query, StringIs, TextIs, TokenIs

INDEX = IndexValues(
    tokens=(TokenValue("gender", "urn:s", "female"),),
    strings=(StringValue("name", "dubois", "Dubois"),),
    references=(ReferenceValue("organization", "Organization", "o"),),
    text="dubois",
    content="dubois",
)


def _erase(store, *ids: str, **options):
    return store.submit(Plan(operations=tuple(Erase(type="Patient", id=id, **options) for id in ids)))


def test_erase__resource_with_history__leaves_a_mark_only(store, make):
    for content in range(3):
        make.submit(store, make.put("Patient", "a", content=content, index=INDEX))

    answer = _erase(store, "a")

    assert isinstance(answer, Committed)
    assert answer.written[0].version == 4
    assert [store.read_version("Patient", "a", version) for version in (1, 2, 3)] == [None, None, None]
    (mark,) = store.history(type="Patient", id="a").versions
    assert (mark.version, mark.deleted, mark.method) == (4, True, "DELETE")
    assert store.read("Patient", "a") == mark
    assert store.history(total=True).total == 1


def test_erase__index__no_search_finds_it(store, make):
    make.submit(store, make.put("Patient", "a", index=INDEX), make.put("Patient", "b", index=INDEX))

    _erase(store, "a")

    nodes = (TokenIs("gender", "urn:s", "female"), StringIs("name", "dubois"), TextIs(("dubois",)), AllOf(()))
    for node in nodes:
        assert make.keys(store.search(Query(types=("Patient",), where=node)).matches) == ["Patient/b"]
    assert store.targets([("Patient", "a")], None) == ()


def test_erase__deleted_resource__loses_its_history_too(store, make):
    make.submit(store, make.put("Patient", "a", index=INDEX))
    make.submit(store, Delete(type="Patient", id="a"))

    _erase(store, "a")

    assert [v.version for v in store.history(type="Patient", id="a").versions] == [3]
    assert store.read_version("Patient", "a", 1) is None


def test_erase__never_was__does_nothing(store):
    answer = _erase(store, "absent")

    assert (answer.written[0].version, answer.written[0].changed) == (0, False)
    assert store.read("Patient", "absent") is None


def test_erase__expected_version_is_past__is_refused_and_nothing_goes(store, make):
    make.submit(store, make.put("Patient", "a", content=1))
    make.submit(store, make.put("Patient", "a", content=2))

    assert isinstance(_erase(store, "a", expect=1), Refused)
    assert len(store.history(type="Patient", id="a").versions) == 2


def test_erase__unique_keys__are_free_again(store, make):
    make.submit(store, make.put("Patient", "a", unique=("ins|1",)))

    _erase(store, "a")

    assert isinstance(make.submit(store, make.put("Patient", "b", unique=("ins|1",))), Committed)


def test_erase__written_again__continues_the_numbers(store, make):
    make.submit(store, make.put("Patient", "a", content=1))
    _erase(store, "a")
    make.submit(store, make.put("Patient", "a", content=2))

    assert [v.version for v in store.history(type="Patient", id="a").versions] == [3, 2]
    assert store.read_version("Patient", "a", 3) == store.read("Patient", "a")
    _erase(store, "a")
    assert [v.version for v in store.history(type="Patient", id="a").versions] == [4]


def test_erase__sequences__go_on_growing(store, make):
    make.submit(store, make.put("Patient", "a"), make.put("Patient", "b"))
    last = store.history(limit=1).versions[0].sequence

    _erase(store, "a", "b")
    make.submit(store, make.put("Patient", "c"))

    sequences = [v.sequence for v in store.history().versions]
    assert sequences == sorted(sequences, reverse=True)
    assert min(sequences) > last


def test_erase__history_at_a_past_instant__shows_nothing_of_it(store, make):
    written = make.submit(store, make.put("Patient", "a"))
    _erase(store, "a")

    found = store.history(at=(written.instant_ms, written.instant_ms)).versions
    assert [v for v in found if not v.deleted] == []


def test_erase__large_body__goes_whole(store, make):
    make.submit(store, make.put("Binary", "a", content="x" * 20_000_000))
    make.submit(store, make.put("Binary", "b", content="y" * 20_000_000))

    store.submit(Plan(operations=(Erase(type="Binary", id="a"),)))

    assert store.read_version("Binary", "a", 1) is None
    assert len(store.read("Binary", "b").body) > 20_000_000

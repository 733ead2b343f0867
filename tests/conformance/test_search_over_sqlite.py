"""FHIR R4, search.html over HTTP, the real store and its writer process: pages while others write, sorts, texts, partial dates."""

import random
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

PEOPLE = 60
FAMILIES = ["Dubois", "Éluard", "dubois", "Zola", "Aragon", ""]
SORTS = [
    "_id",
    "-_id",
    "family",
    "-family,birthdate",
    "birthdate",
    "_lastUpdated",
    "-_lastUpdated,_id",
    "gender,-birthdate",
]
MANY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    chosen = Settings({"store": "sqlite", "data_dir": str(tmp_path_factory.mktemp("data")), "log_level": "ERROR"})
    engine = build_engine(chosen, writer="own")
    for tenant in ("pages", "textes", "dates"):
        engine.stores.create(tenant)
    yield create_app(chosen, engine=engine)
    engine.stores.close()


@pytest.fixture(scope="module")
def people(app: Flask) -> frozenset[str]:
    """Persons with families, birth dates and genders, some without."""
    client = app.test_client()
    for n in range(PEOPLE):
        patient: dict[str, Any] = {"resourceType": "Patient", "id": f"p{n}", "active": True}
        if family := FAMILIES[n % len(FAMILIES)]:
            patient["name"] = [{"family": family}]
        if n % 4:
            patient["birthDate"] = f"19{30 + n % 7}"
        if n % 3:
            patient["gender"] = "female" if n % 2 else "male"
        _put(client, "pages", patient)
    return frozenset(f"p{n}" for n in range(PEOPLE))


def _put(client: FlaskClient, tenant: str, resource: dict[str, Any]) -> None:
    answer = client.put(f"/t/{tenant}/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


def _ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def _all_pages(client: FlaskClient, first: str) -> Iterator[dict[str, Any]]:
    following: str | None = first
    while following:
        answer = client.get(following.removeprefix("http://localhost"))
        assert answer.status_code == 200, answer.text
        yield answer.json
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        following = links.get("next")


class Writer(threading.Thread):
    """Creates, changes and deletes resources that are not counted, all over the order."""

    def __init__(self, app: Flask, seed: int) -> None:
        super().__init__(daemon=True)
        self._client, self._random, self._ended = app.test_client(), random.Random(seed), threading.Event()
        self.writes = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while not self._ended.is_set():
            n = self._random.randrange(20)
            path = f"/t/pages/fhir/Patient/autre-{n}"
            if self._random.random() < 0.3:
                answer = self._client.delete(path)
            else:
                name = [{"family": self._random.choice(["Aaa", "Dubois", "Mzz", "Zzz"])}]
                answer = self._client.put(path, json={"resourceType": "Patient", "id": f"autre-{n}", "name": name})
            if answer.status_code >= 400:
                self.faults.append(answer.text)
            self.writes += 1

    def finish(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.parametrize("sort", SORTS)
def test_pages__while_others_write__hold_each_of_the_first_set_once(
    app: Flask, people: frozenset[str], sort: str
) -> None:
    writer, chance = Writer(app, seed=len(sort)), random.Random(sort)
    writer.start()
    try:
        for _ in range(3):
            size = chance.randint(1, 13)
            found = [
                id
                for page in _all_pages(app.test_client(), f"/t/pages/fhir/Patient?_sort={sort}&_count={size}")
                for id in _ids(page)
            ]
            counted = [id for id in found if id in people]
            assert sorted(counted) == sorted(people), (sort, size)
    finally:
        writer.finish()
    assert writer.faults == []
    assert writer.writes > 0


@MANY
@given(
    sort=st.lists(st.sampled_from([s for sort in SORTS for s in sort.split(",")]), min_size=1, max_size=3),
    criteria=st.sampled_from(
        ["", "gender=female", "family=dub", "birthdate=gt1932", "gender:missing=true", "family:not-here"]
    ),
)
def test_sort__added__never_changes_the_set(app: Flask, people: frozenset[str], sort: list[str], criteria: str) -> None:
    client, base = app.test_client(), f"/t/pages/fhir/Patient?_count=1000&active=true&{criteria}"

    plain, ordered = client.get(base), client.get(f"{base}&_sort={','.join(dict.fromkeys(sort))}")

    assert plain.status_code == ordered.status_code
    if plain.status_code == 200:
        assert sorted(_ids(ordered.json)) == sorted(_ids(plain.json))


@MANY
@given(
    text=st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=12
    )
)
def test_text__whatever_it_is__is_found_as_written(app: Flask, text: str) -> None:
    client = app.test_client()
    _put(client, "textes", {"resourceType": "Patient", "id": "texte", "name": [{"family": text}]})
    escaped = text
    for character in "\\|$,":
        escaped = escaped.replace(character, f"\\{character}")

    answer = client.get("/t/textes/fhir/Patient", query_string={"family:exact": escaped})

    assert answer.status_code == 200, answer.text
    assert _ids(answer.json) == ["texte"]
    assert f"family%3Aexact={_quoted(escaped)}" in answer.json["link"][0]["url"]


def _quoted(text: str) -> str:
    from urllib.parse import quote_plus

    return quote_plus(text)


DATES = st.dates(date(1900, 1, 1), date(2099, 12, 30)).flatmap(
    lambda d: st.sampled_from([f"{d:%Y}", f"{d:%Y-%m}", d.isoformat()])
)


def _bounds(text: str) -> tuple[date, date]:
    """Return the first day of a partial date, and the day after its last."""
    parts = [int(part) for part in text.split("-")]
    first = date(*(parts + [1, 1])[:3])
    if len(parts) == 3:
        return first, first + timedelta(days=1)
    return first, date(parts[0] + (len(parts) == 1 or parts[1] == 12), 1 if len(parts) == 1 else parts[1] % 12 + 1, 1)


@MANY
@given(held=DATES, asked=DATES, prefix=st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]))
def test_partial_date__each_prefix__compares_the_intervals(app: Flask, held: str, asked: str, prefix: str) -> None:
    client = app.test_client()
    _put(client, "dates", {"resourceType": "Patient", "id": "date", "birthDate": held})
    (low, high), (from_, to) = _bounds(held), _bounds(asked)
    inside = from_ <= low and high <= to
    expected = {
        "eq": inside, "ne": not inside, "gt": high > to, "lt": low < from_, "ge": high > to or inside,
        "le": low < from_ or inside, "sa": low >= to, "eb": high <= from_,
    }[prefix]  # fmt: skip

    found = _ids(client.get(f"/t/dates/fhir/Patient?birthdate={prefix}{asked}").json)

    assert (found == ["date"]) is expected, (held, prefix, asked)

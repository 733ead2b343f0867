"""FHIR R4, search.html: what a search finds is what a naive reading of every resource finds (kinds × modifiers × prefixes).

The naive reading shares nothing with the server: elements are picked by hand, every criterion is tried on every resource, dates
are read with ``datetime``, units are a table of four.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

Resource = dict[str, Any]
Test = Callable[[Resource], bool]
PARIS = ZoneInfo("Europe/Paris")
GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "mg": Decimal("0.001"), "ug": Decimal("0.000001")}
UCUM = "http://unitsofmeasure.org"
ISSUED = {"gender": "http://hl7.org/fhir/administrative-gender"}
"""System of an element of type code: that of its binding."""


def pick(resource: Any, path: str) -> list[Any]:
    """Return the values at a dotted path, lists opened."""
    found = [resource]
    for step in path.split("."):
        found = [v for one in found if isinstance(one, dict) and step in one for v in _opened(one[step])]
    return found


def _opened(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# strings


def folded(text: str) -> str:
    """Lower case, no accents."""
    return "".join(
        c
        for c in unicodedata.normalize("NFD", text.replace("Œ", "OE").replace("œ", "oe"))
        if not unicodedata.combining(c)
    ).lower()


def string(path: str, modifier: str, wanted: str) -> Test:
    """A string criterion."""
    compare: dict[str, Callable[[str], bool]] = {
        "": lambda v: folded(v).startswith(folded(wanted)),
        ":contains": lambda v: folded(wanted) in folded(v),
        ":exact": lambda v: v == wanted,
    }
    return lambda r: any(compare[modifier](v) for v in pick(r, path))


# tokens


def codes(resource: Resource, path: str) -> Iterator[tuple[str | None, str]]:
    """Return (system, code) of the tokens at a path."""
    for value in pick(resource, path):
        if isinstance(value, bool):
            yield None, str(value).lower()
        elif isinstance(value, str):
            yield ISSUED.get(path), value
        else:
            for coding in value.get("coding", [value]):
                yield coding.get("system"), coding.get("code", coding.get("value", ""))


def token(path: str, modifier: str, wanted: str) -> Test:
    """A token criterion: ``code``, ``system|code``, ``|code``, ``system|``; ``:not`` is the complement."""
    if modifier == ":text":
        return lambda r: any(folded(t).startswith(folded(wanted)) for t in _labels(r, path))
    system, bar, code = wanted.rpartition("|")

    def agrees(found: tuple[str | None, str]) -> bool:
        same_code = not code or found[1].lower() == code.lower()
        return same_code and (not bar or (found[0] == system if system else found[0] is None or path in ISSUED))

    positive: Test = lambda r: any(agrees(c) for c in codes(r, path))  # noqa: E731
    return (lambda r: not positive(r)) if modifier == ":not" else positive


def _labels(resource: Resource, path: str) -> Iterator[str]:
    for value in pick(resource, path):
        if isinstance(value, dict):
            yield from (t for t in (value.get("text"), *pick(value, "coding.display"), *pick(value, "type.text")) if t)


# dates


def span(text: str) -> tuple[datetime, datetime]:
    """Return the first instant of a date and the first after it."""
    if "T" in text:
        precise = re.search(r":\d\d:\d\d", text)
        if not re.search(r"(Z|[+-]\d\d:\d\d)$", text):
            low = datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)
        else:
            low = datetime.fromisoformat(text).astimezone(UTC)
        return low, low + (timedelta(seconds=1) if precise else timedelta(minutes=1))
    parts = [int(p) for p in text.split("-")]
    low_day = datetime(*(parts + [1, 1])[:3])
    if len(parts) == 1:
        high_day = datetime(parts[0] + 1, 1, 1)
    elif len(parts) == 2:
        high_day = datetime(parts[0] + parts[1] // 12, parts[1] % 12 + 1, 1)
    else:
        high_day = low_day + timedelta(days=1)
    return low_day.replace(tzinfo=PARIS).astimezone(UTC), high_day.replace(tzinfo=PARIS).astimezone(UTC)


FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _span_of(value: Any) -> tuple[datetime, datetime]:
    if isinstance(value, str):
        return span(value)
    return (
        span(value["start"])[0] if "start" in value else FIRST,
        span(value["end"])[1] if "end" in value else LAST,
    )


def date(path: str, prefix: str, wanted: str) -> Test:
    """A date criterion; half-open intervals."""
    low, high = span(wanted)
    within: Callable[[datetime, datetime], bool] = lambda a, b: low <= a and b <= high  # noqa: E731
    compare: dict[str, Callable[[datetime, datetime], bool]] = {
        "": within,
        "eq": within,
        "ne": lambda a, b: not within(a, b),
        "gt": lambda a, b: b > high,
        "lt": lambda a, b: a < low,
        "ge": lambda a, b: b > high or within(a, b),
        "le": lambda a, b: a < low or within(a, b),
        "sa": lambda a, b: a >= high,
        "eb": lambda a, b: b <= low,
    }
    return lambda r: any(compare[prefix](*_span_of(v)) for p in path.split("|") for v in pick(r, p))


# quantities


def quantity(path: str, prefix: str, wanted: str) -> Test:
    """A quantity criterion: ``number``, ``number|system|code``, ``number||unit``."""
    text, _, unit = wanted.partition("|")
    system, _, code = unit.partition("|")
    factor = GRAMS.get(code) if system == UCUM else None
    number, half = Decimal(text), Decimal(1).scaleb(Decimal(text).as_tuple().exponent) / 2  # type: ignore[arg-type]

    def agrees(value: Resource) -> bool:
        found = Decimal(str(value["value"]))
        bounds = number, number - half, number + half
        if factor is not None:
            if value.get("system") != UCUM or value.get("code") not in GRAMS:
                return False
            found, bounds = (
                found * GRAMS[value["code"]],
                (number * factor, (number - half) * factor, (number + half) * factor),
            )
        elif unit and not _same_unit(value, system, code):
            return False
        exact, low, high = bounds
        return {
            "": low <= found < high, "eq": low <= found < high, "ne": not low <= found < high,
            "gt": found > exact, "lt": found < exact, "ge": found >= exact, "le": found <= exact,
            "sa": found > exact, "eb": found < exact,
        }[prefix]  # fmt: skip

    return lambda r: any(agrees(v) for v in pick(r, path))


def _same_unit(value: Resource, system: str, code: str) -> bool:
    if system:
        return bool(value.get("system") == system and value.get("code") == code)
    return code in (value.get("unit"), value.get("code"))


# references and sets


def reference(path: str, wanted: str) -> Test:
    """A reference criterion: ``Type/id``."""
    return lambda r: wanted in pick(r, f"{path}.reference")


def missing(path: str, wanted: bool) -> Test:
    """``:missing``."""
    return lambda r: (not any(pick(r, p) for p in path.split("|"))) is wanted


def chained(resources: Iterable[Resource], path: str, kind: str, test: Test) -> Test:
    """``path.x=…``: points to a resource of that type which passes."""
    good = {f"{kind}/{r['id']}" for r in resources if r["resourceType"] == kind and test(r)}
    return lambda r: any(ref in good for ref in pick(r, f"{path}.reference"))


def pointed(resources: Iterable[Resource], kind: str, path: str, test: Test) -> Test:
    """``_has``: a resource of that type which passes points to it."""
    good = {ref for r in resources if r["resourceType"] == kind and test(r) for ref in pick(r, f"{path}.reference")}
    return lambda r: f"{r['resourceType']}/{r['id']}" in good


def both_of(*tests: Test) -> Test:
    """All of them (parameters repeated)."""
    return lambda r: all(t(r) for t in tests)


def some(*tests: Test) -> Test:
    """One of them (values separated by commas)."""
    return lambda r: any(t(r) for t in tests)


SEARCHES = 300
PEOPLE, MEASURES = 60, 240
FAMILIES = ["Élodie", "ELOI", "Dupont", "Du Pont", "d'Œuvre", "Martín", "Çelik", "martin", "Nuñez", "Ødegård", "Lê"]
GIVEN = ["Éloïse", "Eloise", "Jean-Noël", "Zoé", "ZOE", "Anaïs"]
DATES = [
    "1931", "1931-02", "1931-02-28", "1932", "1932-02-29", "1940-12", "1940-12-31", "1941-01-01", "1941", "1950-06-15",
]  # fmt: skip
MOMENTS = [
    "2024", "2024-03", "2024-03-31", "2024-03-30T23:30:00Z", "2024-03-31T01:30:00+01:00", "2024-03-31T02:30:00+02:00",
    "2024-03-31T23:59:59-05:00", "2024-04-01T00:00:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00",
    "2024-10-27", "2024-12-31T23:00:00Z", "2025-01-01", "2025-01-01T00:00:00Z",
]  # fmt: skip
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]
NUMBERS = [0.5, 1, 1.0, 2, 5.4, 5.40, 99.5, 100, 100.5, 500, 1000, 0.001, -3]
WANTED = ["1", "1.0", "2", "5.4", "100", "100.0", "0.5", "1000", "-3", "500", "99.5"]
UNITS: list[tuple[str | None, str]] = [(UCUM, "g"), (UCUM, "mg"), (UCUM, "kg"), ("urn:autre", "g"), (None, "g")]
CODES = [("urn:a", "x"), ("urn:a", "Y"), ("urn:b", "x"), (None, "x"), (None, "z")]
LABELS = ["Évaluation du poids", "evaluation", "Poids", "Température"]


def _patient(r: random.Random, n: int) -> Resource:
    patient: Resource = {"resourceType": "Patient", "id": f"p{n}"}
    if r.random() < 0.9:
        patient["name"] = [
            {"family": r.choice(FAMILIES), "given": r.sample(GIVEN, r.randint(1, 2))} for _ in range(r.randint(1, 2))
        ]
    if r.random() < 0.85:
        patient["birthDate"] = r.choice(DATES)
    if r.random() < 0.8:
        patient["gender"] = r.choice(["male", "female", "other", "unknown"])
    if r.random() < 0.5:
        patient["active"] = r.random() < 0.5
    if r.random() < 0.6:
        patient["identifier"] = [{"system": s, "value": c} if s else {"value": c} for s, c in r.sample(CODES, 2)]
    return patient


def _measure(r: random.Random, n: int) -> Resource:
    coding = [{"system": s, "code": c} if s else {"code": c} for s, c in r.sample(CODES, r.randint(1, 2))]
    coding[0]["display"] = r.choice(LABELS)
    measure: Resource = {
        "resourceType": "Observation", "id": f"o{n}", "status": r.choice(["final", "amended"]), "code": {"coding": coding},
    }  # fmt: skip
    if r.random() < 0.3:
        measure["code"]["text"] = r.choice(LABELS)
    if r.random() < 0.9:
        measure["subject"] = {"reference": f"Patient/p{r.randrange(PEOPLE)}"}
    if r.random() < 0.4:
        measure["effectiveDateTime"] = r.choice(MOMENTS)
    elif r.random() < 0.8:
        ends = sorted(r.sample(range(len(MOMENTS)), 2), key=lambda i: span(MOMENTS[i])[0])
        period = {"start": MOMENTS[ends[0]], "end": MOMENTS[ends[1]]}
        for end in r.sample(["start", "end"], r.randint(0, 1)):
            del period[end]
        measure["effectivePeriod"] = period
    if r.random() < 0.6:
        system, code = r.choice(UNITS)
        quantity = {"value": r.choice(NUMBERS), "unit": code}
        measure["valueQuantity"] = quantity | ({"system": system, "code": code} if system else {})
    if r.random() < 0.3 and n:
        measure["hasMember"] = [{"reference": f"Observation/o{r.randrange(n)}"} for _ in range(2)]
    if "valueQuantity" not in measure:  # obs-7: a value and a component of the same code exclude each other
        measure["component"] = [
            {"code": {"coding": [{"system": "urn:a", "code": c}]}, "valueQuantity": {"value": v}}
            for c, v in zip("xY", r.sample(NUMBERS, 2), strict=True)
        ]
    return measure


Criterion = tuple[str, str, Test]
"""Name with its modifier, value, and what it means."""


def _of_patient(r: random.Random) -> Criterion:
    kind = r.choice(["family", "given", "gender", "active", "birthdate", "identifier", "missing", "or"])
    if kind in ("family", "given"):
        word = r.choice(FAMILIES + GIVEN)
        modifier = r.choice(["", ":contains", ":exact"])
        wanted = word if modifier == ":exact" else r.choice([word, word[:3], word[1:3].upper(), folded(word)])
        return kind + modifier, wanted, string(f"name.{kind}", modifier, wanted)
    if kind == "gender":
        code = r.choice(["male", "FEMALE", "|other", f"{ISSUED['gender']}|unknown", f"{ISSUED['gender']}|"])
        modifier = r.choice(["", ":not"])
        return kind + modifier, code, token("gender", modifier, code)
    if kind == "active":
        modifier, code = r.choice(["", ":not"]), r.choice(["true", "false"])
        return kind + modifier, code, token("active", modifier, code)
    if kind == "birthdate":
        prefix, day = r.choice(PREFIXES), r.choice(DATES)
        return kind, prefix + day, date("birthDate", prefix, day)
    if kind == "identifier":
        return _token(r, "identifier", "identifier")
    if kind == "missing":
        name, path = r.choice(
            [("family", "name.family"), ("gender", "gender"), ("birthdate", "birthDate"), ("active", "active")]
        )
        wanted_missing = r.random() < 0.5
        return f"{name}:missing", str(wanted_missing).lower(), missing(path, wanted_missing)
    words = r.sample(FAMILIES, 2)
    return "family", ",".join(words), some(*(string("name.family", "", w) for w in words))


def _token(r: random.Random, name: str, path: str) -> Criterion:
    system, code = r.choice(CODES)
    wanted = r.choice([code, f"{system or ''}|{code}", f"{system or 'urn:a'}|"])
    modifier = r.choice(["", "", ":not"])
    return name + modifier, wanted, token(path, modifier, wanted)


def _of_measure(r: random.Random, every: list[Resource]) -> Criterion:
    kind = r.choice(
        ["code", "text", "date", "date", "quantity", "quantity", "missing", "subject", "chain", "member", "pair"]
    )
    if kind == "code":
        return _token(r, "code", "code")
    if kind == "text":
        label = r.choice(LABELS)[: r.randint(3, 12)].strip()
        return "code:text", label, token("code", ":text", label)
    if kind == "date":
        prefix, moment = r.choice(PREFIXES), r.choice(MOMENTS)
        return "date", prefix + moment, date("effectiveDateTime|effectivePeriod", prefix, moment)
    if kind == "quantity":
        prefix, wanted = r.choice(PREFIXES), r.choice(WANTED) + r.choice(["", f"|{UCUM}|g", f"|{UCUM}|mg", "||g"])
        return "value-quantity", prefix + wanted, quantity("valueQuantity", prefix, wanted)
    if kind == "missing":
        name, path = r.choice(
            [("date", "effectiveDateTime|effectivePeriod"), ("value-quantity", "valueQuantity"), ("subject", "subject")]
        )
        wanted_missing = r.random() < 0.5
        return f"{name}:missing", str(wanted_missing).lower(), missing(path, wanted_missing)
    if kind == "subject":
        person = f"Patient/p{r.randrange(PEOPLE)}"
        return "subject", person, reference("subject", person)
    if kind == "pair":
        return _pair(r)
    if kind == "member":
        name, value, test = _of_patient(r)
        through = chained(every, "subject", "Patient", test)
        return f"has-member.subject:Patient.{name}", value, chained(every, "hasMember", "Observation", through)
    name, value, test = _of_patient(r)
    return f"{r.choice(['subject:Patient', 'patient'])}.{name}", value, chained(every, "subject", "Patient", test)


def _pair(r: random.Random) -> Criterion:
    code, prefix, number = r.choice(["urn:a|x", "urn:a|Y", "x"]), r.choice(PREFIXES), r.choice(WANTED)
    both = both_of(token("code", "", code), quantity("valueQuantity", prefix, number))
    if r.random() < 0.5:
        on_top = r.choice([True, False])
        inside: Test = lambda o: any(both(c) for c in o.get("component", ()))  # noqa: E731
        if on_top:
            return "combo-code-value-quantity", f"{code}${prefix}{number}", some(both, inside)
        return "component-code-value-quantity", f"{code}${prefix}{number}", inside
    return "code-value-quantity", f"{code}${prefix}{number}", both


def _has(r: random.Random, every: list[Resource]) -> Criterion:
    name, value, test = _of_measure(r, every)
    return f"_has:Observation:subject:{name}", value, pointed(every, "Observation", "subject", test)


@pytest.fixture(scope="module")
def population() -> list[Resource]:
    r = random.Random(11)
    return [_patient(r, n) for n in range(PEOPLE)] + [_measure(r, n) for n in range(MEASURES)]


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, population: list[Resource]
) -> Iterator[Flask]:
    chosen = Settings({"store": request.param, "data_dir": str(tmp_path_factory.mktemp("data")), "log_level": "ERROR"})
    engine = build_engine(chosen, writer="own")
    engine.stores.create("demo")
    made = create_app(chosen, engine=engine)
    entries = [
        {"resource": p, "request": {"method": "PUT", "url": f"{p['resourceType']}/{p['id']}"}} for p in population
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = made.test_client().post("/fhir", json=bundle)
    assert answer.status_code == 200, answer.text
    yield made
    engine.stores.close()


def _found(app: Flask, kind: str, params: list[tuple[str, str]], count: int) -> list[str]:
    client, ids = app.test_client(), []
    answer = client.get(f"/fhir/{kind}", query_string=[*params, ("_count", str(count))])
    while True:
        assert answer.status_code == 200, (params, answer.text)
        body: dict[str, Any] = answer.json  # type: ignore[assignment]
        ids += [e["resource"]["id"] for e in body.get("entry", ())]
        following = next((link["url"] for link in body["link"] if link["relation"] == "next"), None)
        if following is None:
            return ids
        answer = client.get(following.removeprefix("http://localhost"))


def _wrong(app: Flask, population: list[Resource], r: random.Random) -> str | None:
    """Try one search; return what is wrong with its answer."""
    kind = r.choice(["Patient", "Observation", "Observation"])
    makers = (
        [lambda: _of_patient(r), lambda: _has(r, population)]
        if kind == "Patient"
        else [lambda: _of_measure(r, population)]
    )
    criteria = [r.choice(makers)() for _ in range(r.choice([1, 1, 2]))]
    params = [(name, value) for name, value, _ in criteria]
    expected = [p["id"] for p in population if p["resourceType"] == kind and all(t(p) for _, _, t in criteria)]
    sort = r.choice([None, "_id", "-birthdate,family" if kind == "Patient" else "-date,code,_id"])
    found = _found(app, kind, params + ([("_sort", sort)] if sort else []), r.choice([7, 500]))
    if sorted(found) == sorted(expected):
        return None
    extra, missed = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    return f"{kind}?{params} sort={sort}: {len(found)} rows, too many {extra}, missed {missed}"


def test_searches__drawn_at_random__find_what_a_naive_reading_finds(app: Flask, population: list[Resource]) -> None:
    r = random.Random(5)
    wrong = [fault for _ in range(SEARCHES) if (fault := _wrong(app, population, r)) is not None]
    assert not wrong, "\n".join(wrong[:20])

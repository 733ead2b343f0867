"""``near`` on every engine, compared with the distance on the earth."""

import random
from math import asin, cos, radians, sin, sqrt

import pytest

from dui_fhir.domain.query import Query
from dui_fhir.search import near
from dui_fhir.search.extract import extract
from dui_fhir.search.parse import parse

# a town, the antimeridian, a pole
CENTRES = {"a": (48.85, 2.35), "b": (-17.0, 179.95), "c": (89.9, 40.0)}


def distance_km(latitude, longitude, north, east):
    a, b, c, d = map(radians, (latitude, longitude, north, east))
    return 2 * asin(sqrt(sin((a - c) / 2) ** 2 + cos(a) * cos(c) * sin((b - d) / 2) ** 2)) * near.EARTH_KM


@pytest.fixture(scope="module")
def places(stores, make):
    """Places around each centre, by id, and the store that has them."""
    chance = random.Random(1)
    found = {}
    for name, (latitude, longitude) in CENTRES.items():
        for number in range(60):
            north = min(90.0, latitude + chance.uniform(-0.25, 0.25))
            east = longitude + chance.uniform(-0.25, 0.25) / max(cos(radians(latitude)), 1 / 720)
            found[f"{name}{number:02}"] = (north, near.longitude_of(east))
    store = stores.create("search-near")
    indexes = {"Location/none": extract({"resourceType": "Location", "id": "none"})}
    for id, (north, east) in found.items():
        position = {"latitude": north, "longitude": east}
        indexes[f"Location/{id}"] = extract({"resourceType": "Location", "id": id, "position": position})
    make.fill(store, indexes)
    return store, found


def ids(store, value):
    query = parse("Location", [("near", value)]).query
    found = {v.id for v in store.search(Query(types=("Location",), where=query.where, limit=1000)).matches}
    assert store.count(query) == len(found)
    return found


@pytest.mark.parametrize("centre", CENTRES.values(), ids=CENTRES)
@pytest.mark.parametrize("radius_km", [0.5, 5, 15, 60])
def test_near__disc__finds_what_a_measure_finds(places, centre, radius_km):
    store, known = places
    away = {id: distance_km(*centre, *place) for id, place in known.items()}
    found = ids(store, f"{centre[0]}|{centre[1]}|{radius_km}|km")
    assert {id for id, km in away.items() if km <= radius_km} <= found
    assert found <= {id for id, km in away.items() if km <= radius_km * (1 + near.EXCESS)}


def test_near__several_discs__finds_what_is_in_one_of_them(places):
    store, known = places
    both = ids(store, "48.85|2.35|100|km,-17|179.95|60|[mi_us]")
    assert both == {id for id in known if id[0] in "ab"}


def test_near__missing__finds_places_without_position(places):
    store, known = places
    for value, found in (("true", {"none"}), ("false", set(known))):
        query = parse("Location", [("near:missing", value)]).query
        assert {v.id for v in store.search(Query(types=("Location",), where=query.where, limit=1000)).matches} == found

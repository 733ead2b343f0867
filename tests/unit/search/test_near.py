"""The bands that cover a disc, compared with the distance on the earth."""

from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.query import AllOf, AnyOf
from dui_fhir.search import near
from dui_fhir.search.extract import extract

PRECISE_KM = 10_000.0
latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 0.0, 89.99, 90.0])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 0.0, 179.999, 180.0])


def distance_km(latitude, longitude, north, east):
    a, b, c, d = map(radians, (latitude, longitude, north, east))
    found = sin((a - c) / 2) ** 2 + cos(a) * cos(c) * sin((b - d) / 2) ** 2
    return 2 * asin(min(1.0, sqrt(found))) * near.EARTH_KM


def place(latitude, longitude, bearing, km):
    """The point at some distance of another, as its position is indexed."""
    a, angle = radians(latitude), min(km / near.EARTH_KM, pi)
    north = asin(max(-1.0, min(1.0, sin(a) * cos(angle) + cos(a) * sin(angle) * cos(bearing))))
    east = radians(longitude) + atan2(sin(bearing) * sin(angle) * cos(a), cos(angle) - sin(a) * sin(north))
    return degrees(north), near.longitude_of(degrees(east))


def holds(node, north, east):
    if isinstance(node, AllOf):
        return all(holds(one, north, east) for one in node.nodes)
    if isinstance(node, AnyOf):
        return any(holds(one, north, east) for one in node.nodes)
    return node.low <= {near.LATITUDE: north, near.LONGITUDE: east}[node.param] <= node.high


@given(
    latitudes, longitudes, st.floats(-4, 4.3),
    st.lists(st.tuples(st.floats(0, 2 * pi), st.floats(0, 1.2) | st.floats(0.98, 1.02)), min_size=20, max_size=40),
)  # fmt: skip
def test_near__any_place_and_radius__finds_what_is_inside_and_little_else(latitude, longitude, exponent, points):
    radius_km = 10**exponent
    node = near.node(near.Disc(latitude, longitude, radius_km))
    for bearing, part in points:
        north, east = place(latitude, longitude, bearing, radius_km * part)
        away_km = distance_km(latitude, longitude, north, east)
        if away_km <= radius_km:
            assert holds(node, north, east)
        elif radius_km <= PRECISE_KM and away_km > radius_km * (1 + near.EXCESS) + 1e-6:
            assert not holds(node, north, east)


@given(latitudes, st.floats(0.001, 20_000))
def test_bands__any__touch_and_are_few(latitude, radius_km):
    found = list(near.bands(near.Disc(latitude, 0.0, radius_km)))
    assert len(found) <= 130
    assert all(one.north == other.south for one, other in zip(found, found[1:], strict=False))


@pytest.mark.parametrize(
    ("parts", "radius_km"),
    [
        (["48.85", "2.35", "5", "km"], 5), (["48.85", "2.35", "5"], 5), (["48.85", "2.35", "5", ""], 5),
        (["48.85", "2.35", "500", "m"], 0.5), (["48.85", "2.35", "1", "[mi_us]"], 1.609347218694),
        (["48.85", "2.35"], 20), (["48.85", "2.35", ""], 20),
    ],
)  # fmt: skip
def test_disc__parts__are_read(parts, radius_km):
    assert near.disc(parts, 20.0) == near.Disc(48.85, 2.35, radius_km)


def position(**of):
    numbers = extract({"resourceType": "Location", "id": "l", "position": of}).numbers
    return {value.param: value.low for value in numbers if value.group == 0}


def test_extract__position__is_latitude_and_longitude():
    assert position(latitude=48.85, longitude=2.25) == {near.LATITUDE: 48.85, near.LONGITUDE: 2.25}
    assert position(latitude=0, longitude=180) == {near.LATITUDE: 0, near.LONGITUDE: -180}


def test_extract__position_of_no_place__is_left_out():
    assert position(latitude=95, longitude=2) == position(latitude=2) == position(latitude="2", longitude="3") == {}

"""``near``: a disc on the earth → ranges of latitude and longitude, which every store can look for.

The disc is covered by bands of latitude, each as wide as the disc is at its widest in that band: what is inside is always found,
and what is found is at most :data:`EXCESS` of the radius outside. Source: FHIR R4, location.html#positional.
"""

from collections.abc import Iterator, Sequence
from math import asin, cos, degrees, inf, isfinite, radians, sin, sqrt
from typing import Final, NamedTuple

from dui_fhir.domain.query import AllOf, AnyOf, Node, NumberIs

CODE: Final = "near"
LATITUDE: Final = f"{CODE}:lat"
LONGITUDE: Final = f"{CODE}:lon"
"""Names under which ``Location.position`` is indexed, in degrees; longitudes from -180 to 180 (excluded)."""
EXCESS: Final = 0.01
EARTH_KM: Final = 6371.0088
"""Mean radius. Source: IUGG, GRS 80."""
UNITS_KM: Final = {"km": 1.0, "m": 0.001, "[mi_us]": 1.609347218694, "[mi_i]": 1.609344, "[nmi_i]": 1.852}
"""UCUM codes of the distances understood."""

# a tenth of a millimetre: what rounding may take away
_MARGIN_DEG = 1e-9
_HALVINGS = 10
_HIGHEST = 0.3
"""A band in the middle of a disc is that high, in radii."""
_BANDS_MAX = 400
_ALL_KM = 20_000.0
"""A little less than to the other side of the earth."""


class Disc(NamedTuple):
    """Centre in degrees, radius in kilometres."""

    latitude: float
    longitude: float
    radius_km: float


class Band(NamedTuple):
    """Latitudes, and how far from the centre's longitude (180 = all), in degrees."""

    south: float
    north: float
    half_width: float


def longitude_of(degrees_east: float) -> float:
    """Return a longitude from -180 to 180 (excluded)."""
    return (degrees_east + 180.0) % 360.0 - 180.0


def disc(parts: Sequence[str], default_km: float) -> Disc:
    """Read latitude, longitude, distance (none: ``default_km``) and unit (none: km). Raises: ValueError."""
    if not 2 <= len(parts) <= 4:
        raise ValueError("not 2 to 4 parts")
    latitude, longitude = float(parts[0]), float(parts[1])
    distance, unit = [*parts[2:], "", ""][:2]
    if unit and not distance:
        raise ValueError("a unit without a distance")
    radius_km = float(distance) * UNITS_KM.get(unit or "km", inf) if distance else default_km
    if not (abs(latitude) <= 90 and abs(longitude) <= 360 and isfinite(radius_km) and radius_km >= 0):
        raise ValueError("out of range")
    return Disc(latitude, longitude, radius_km)


def node(disc: Disc) -> Node:
    """Return what the positions in a disc satisfy, and those at most :data:`EXCESS` outside it."""
    found = list(bands(disc))
    widest = max(band.half_width for band in found)
    within = _tree(found, disc.longitude)
    return within if widest >= 180 else AllOf((_longitudes(disc.longitude, widest), within))


def _tree(bands: Sequence[Band], longitude: float) -> Node:
    """Halve again and again: a position is compared with few bands."""
    latitudes = NumberIs(LATITUDE, "eq", bands[0].south, bands[-1].north)
    if len(bands) > 1:
        middle = len(bands) // 2
        return AllOf((latitudes, AnyOf((_tree(bands[:middle], longitude), _tree(bands[middle:], longitude)))))
    half_width = bands[0].half_width
    return latitudes if half_width >= 180 else AllOf((latitudes, _longitudes(longitude, half_width)))


def _longitudes(centre: float, half_width: float) -> Node:
    west = longitude_of(centre - half_width)
    east = west + 2 * half_width
    if east < 180:
        return NumberIs(LONGITUDE, "eq", west, east)
    return AnyOf((NumberIs(LONGITUDE, "eq", west, 180.0), NumberIs(LONGITUDE, "eq", -180.0, east - 360)))


def bands(disc: Disc) -> Iterator[Band]:
    """Yield the bands that cover a disc, from south to north; they touch."""
    circle = _Circle(disc)
    south, last = circle.south, circle.north
    least = (last - south) / _BANDS_MAX
    while True:
        north = min(max(circle.reach(south, last), south + least), last)
        yield Band(south, north, circle.half_width(south, north))
        if north >= last:
            return
        south = north


class _Circle:
    """The edge of a disc; angles in radians inside, degrees outside. Haversines, for they keep short distances exact."""

    def __init__(self, disc: Disc) -> None:
        self._all = disc.radius_km >= _ALL_KM
        self._centre = radians(disc.latitude)
        self._cos = cos(self._centre)
        self._radius = disc.radius_km / EARTH_KM
        self._inside, self._allowed = _haversine(self._radius), _haversine(self._radius * (1 + EXCESS))
        tangent = sin(self._centre) / cos(self._radius)
        self._tangent = asin(tangent) if abs(tangent) <= 1 else None
        self._reach = degrees(self._radius) + _MARGIN_DEG
        self.south, self.north = max(disc.latitude - self._reach, -90.0), min(disc.latitude + self._reach, 90.0)

    def reach(self, south: float, last: float) -> float:
        """Return how far north a band may go that begins at ``south``."""
        if self._fits(south, last):
            return last
        fits, too_far = south, min(last, south + self._reach * _HIGHEST)
        for _ in range(_HALVINGS):
            middle = (fits + too_far) / 2
            fits, too_far = (middle, too_far) if self._fits(south, middle) else (fits, middle)
        return fits

    def _fits(self, south: float, north: float) -> bool:
        width = _haversine(radians(self.half_width(south, north)))
        return self._all or all(self._far(radians(latitude), width) <= self._allowed for latitude in (south, north))

    def _far(self, latitude: float, width: float) -> float:
        return _haversine(latitude - self._centre) + self._cos * cos(latitude) * width

    def half_width(self, south: float, north: float) -> float:
        """Return half the width of the disc, in degrees of longitude, where it is widest between two latitudes."""
        if self._all:
            return 180.0
        low, high = radians(south), radians(north)
        width = max(self._half_width_at(low), self._half_width_at(high))
        if self._tangent is not None and low < self._tangent < high:  # where a meridian touches the circle
            width = max(width, self._half_width_at(self._tangent))
        # degrees of longitude are short near the poles
        return min(180.0, width + _MARGIN_DEG / max(min(cos(low), cos(high)), 1e-12))

    def _half_width_at(self, latitude: float) -> float:
        left = self._inside - _haversine(latitude - self._centre)
        across = self._cos * cos(latitude)
        if left >= across:
            return 180.0
        return degrees(2 * asin(sqrt(left / across))) if left > 0 else 0.0


def _haversine(angle: float) -> float:
    return float(sin(angle / 2) ** 2)

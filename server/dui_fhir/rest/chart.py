"""A line over the months as SVG: no script, nothing from elsewhere, readable without colours. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 26, 14, 30
_STEPS = (1, 2, 2.5, 5, 10, 20)  # the last for a logarithm that rounding took below a power of ten


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One month. ``value`` None = no rate, ``text`` says why or how much."""

    label: str
    value: float | None
    text: str


def chart(id: str, title: str, points: Sequence[Point], *, unit: str, target: float | None) -> str:
    """Return the SVG of one indicator; months without a rate leave a gap, and a cross on the axis says that they exist."""
    top = scale_top([p.value for p in points if p.value is not None] + ([target] if target is not None else []))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d" class="chart">',
        f'<title id="{id}-t">{escape(title)}</title>',
        f'<desc id="{id}-d">{escape(_described(points))}</desc>',
        *_grid(top, unit),
        *(_target(target, top, unit) if target is not None else ()),
        *_lines(points, top),
        *_marks(points, top),
        "</svg>",
    ]
    return "".join(parts)


def scale_top(values: Sequence[float]) -> float:
    """Return a round number not below any value: 1, 2, 2.5 or 5 times a power of ten."""
    highest = max(values, default=0)
    if highest <= 0:
        return 1
    power = 10.0 ** floor(log10(highest))
    return next(step * power for step in _STEPS if step * power >= highest)


def _x(index: int, count: int) -> float:
    span = WIDTH - LEFT - RIGHT
    return LEFT + span / 2 if count == 1 else LEFT + span * index / (count - 1)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _grid(top: float, unit: str) -> Iterator[str]:
    for part in range(5):
        value = top * part / 4
        y = _y(value, top)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>'
    yield f'<text class="axis" x="4" y="{TOP - 3}">{escape(unit)}</text>'


def _target(target: float, top: float, unit: str) -> Iterator[str]:
    y = _y(target, top)
    yield f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    label = f"cible {number(target)} {escape(unit)}"
    yield f'<text class="target-label" x="{WIDTH - RIGHT}" y="{y - 4:.1f}" text-anchor="end">{label}</text>'


def _lines(points: Sequence[Point], top: float) -> Iterator[str]:
    run: list[str] = []
    for index, point in enumerate([*points, Point(label="", value=None, text="")]):
        if point.value is not None:
            run.append(f"{_x(index, len(points)):.1f},{_y(point.value, top):.1f}")
        elif run:
            yield f'<polyline class="line" points="{" ".join(run)}"/>'
            run = []


def _marks(points: Sequence[Point], top: float) -> Iterator[str]:
    every = ceil(len(points) / 12) or 1
    for index, point in enumerate(points):
        x = _x(index, len(points))
        shown = f"<title>{escape(f'{point.label} : {point.text}')}</title>"
        if point.value is None:
            yield f'<text class="none" x="{x:.1f}" y="{HEIGHT - BOTTOM - 4}" text-anchor="middle">×{shown}</text>'
        else:
            yield f'<circle class="dot" cx="{x:.1f}" cy="{_y(point.value, top):.1f}" r="4">{shown}</circle>'
        if index % every == 0:
            yield f'<text class="axis" x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(point.label)}</text>'


def _described(points: Sequence[Point]) -> str:
    return " ; ".join(f"{p.label} : {p.text}" for p in points)


def number(value: float) -> str:
    """Return a number as it is read in French, without useless decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")

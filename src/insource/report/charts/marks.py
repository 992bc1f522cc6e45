"""What plots are made of: points with intervals, named rows and lines, and how a series looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from insource.report import vega

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")
GLYPHS = ("●", "■", "◆", "▲", "▼", "✚")
HOLLOW_GLYPHS = ("○", "□", "◇", "△", "▽", "✛")
NARROW = 480


@dataclass(frozen=True)
class Point:
    """A value with its interval. ``series`` is the index of colour and shape; ``hollow`` means assumed."""

    value: float
    low: float | None = None
    high: float | None = None
    series: int = 0
    hollow: bool = False


@dataclass(frozen=True)
class DotRow:
    """One row of a dot plot: its label, its points from top to bottom, and a note at the right."""

    label: str
    points: tuple[Point, ...]
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """A named point of a scatter plot. ``low`` and ``high`` are the ends of its horizontal interval.

    ``number`` stands beside the point where there is no room for the name.
    """

    label: str
    x: float
    point: Point
    low: float | None = None
    high: float | None = None
    number: int = 0


@dataclass(frozen=True)
class Line:
    """A named line. ``dashed`` means assumed."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    series: int = 0
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class RuleLine:
    """A vertical line at ``x`` with a label. ``low`` and ``high`` are the ends of its interval."""

    label: str
    x: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SwingBar:
    """One input of a tornado: the result at its low and at its high end, and a note at the right.

    ``flips`` says that the result changes its sign within the range of the input.
    """

    label: str
    at_low: float
    at_high: float
    note: str = ""
    flips: bool = False


def colour(series: int) -> str:
    """Return the CSS variable of a series. No two of 36 series have both the same colour and shape."""
    return f"var(--s{(series + series // len(SHAPES)) % len(SHAPES)})"


def glyph(series: int, *, hollow: bool = False) -> str:
    """Return the character that looks like the mark of a series."""
    return (HOLLOW_GLYPHS if hollow else GLYPHS)[series % len(GLYPHS)]


def look(point: Point) -> dict[str, Any]:
    """Return the colour, fill and shape of a point."""
    return {
        "colour": colour(point.series),
        "fill": "var(--card)" if point.hollow else colour(point.series),
        "shape": SHAPES[point.series % len(SHAPES)],
    }


def above_zero(point: Point) -> Point:
    """Return the point for a logarithmic axis: without its interval when that reaches zero."""
    if point.low is not None and point.low <= 0:
        return replace(point, low=None, high=None)
    return point


def bounds(points: Iterable[Point]) -> list[float]:
    """Return every value and every end of an interval, or 0 and 1 when there is none."""
    found = [end for p in points for end in (p.value, p.low, p.high) if end is not None]
    return found or [0.0, 1.0]


def points_layer(values: list[dict[str, Any]], *, x: str, y: str) -> vega.Layer:
    """Return the marks of points that have the values of ``look``."""
    style = {"size": 72, "strokeWidth": 2, "opacity": 1}
    return vega.layer(
        values,
        "point",
        style,
        x=vega.quantitative(x),
        y=vega.quantitative(y),
        stroke=vega.as_given("colour"),
        fill=vega.as_given("fill"),
        shape=vega.as_given("shape"),
    )

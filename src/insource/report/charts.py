"""Vega-Lite specifications for the report's plots: pure functions from values to plain dicts.

Colours are CSS variables of the page, so one drawing serves light, dark and print. Rows are placed in pixels,
so a plot has the requested width whatever its labels are. A narrow plot is not scaled down: it is drawn again
with the labels above their rows, so that they stay readable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from insource.report import vega
from insource.report.page import Spec

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
    """A named point of a scatter plot."""

    label: str
    x: float
    point: Point


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
    """A vertical line at ``x`` with a label."""

    label: str
    x: float


def colour(series: int) -> str:
    """Return the CSS variable of a series."""
    return f"var(--s{series % len(SHAPES)})"


def glyph(series: int, *, hollow: bool = False) -> str:
    """Return the character that looks like the mark of a series."""
    return (HOLLOW_GLYPHS if hollow else GLYPHS)[series % len(GLYPHS)]


def above_zero(point: Point) -> Point:
    """Return the point for a logarithmic axis: without its interval when that reaches zero."""
    if point.low is not None and point.low <= 0:
        return replace(point, low=None, high=None)
    return point


def dot_plot(
    rows: Sequence[DotRow],
    axis: vega.Axis,
    *,
    width: int,
    zero: bool = False,
    shaded: tuple[float, float] | None = None,
    joined: bool = False,
) -> Spec:
    """Draw points with intervals in named rows.

    ``zero`` adds the line of no difference, ``shaded`` a band, ``joined`` a bar between the points of a row.
    """
    layout = _Rows(rows, width)
    layers = [layout.separators()]
    if shaded is not None:
        layers.append(layout.band(*shaded))
    if zero:
        layers.append(layout.upright(0.0))
    if joined:
        layers.append(layout.spans())
    layers += [
        vega.layer(
            layout.whiskers(),
            "rule",
            vega.stroke(2),
            x=vega.x_channel(axis, (layout.gutter, width - layout.right), "low"),
            x2="high",
            y=vega.quantitative("y"),
            stroke=vega.as_given("colour"),
        ),
        _points(layout.dots(), x="value", y="y"),
        *layout.words(),
    ]
    return layout.chart(layers)


def stacked_bars(
    rows: Sequence[tuple[str, Sequence[tuple[str, int]]]], colours: dict[str, str], *, width: int
) -> Spec:
    """Draw shares of a whole in named rows. Parts are (name, count), in the order of drawing."""
    layout = _Rows([DotRow(label, (Point(0),)) for label, _ in rows], width)
    bars: list[dict[str, Any]] = []
    for (_, parts), middle in zip(rows, layout.middles(), strict=True):
        total, start = sum(count for _, count in parts) or 1, 0
        for name, count in parts:
            bars.append(
                {"low": start / total, "high": (start + count) / total, "colour": colours[name]}
                | {"top": middle - 7, "bottom": middle + 7}
            )
            start += count
    axis = vega.Axis("Share of fields", (0, 1))
    bar = vega.layer(
        bars,
        "rect",
        {"stroke": "var(--card)", "strokeWidth": 1},
        x2="high",
        y2="bottom",
        fill=vega.as_given("colour"),
    )
    bar["encoding"] |= {
        "x": vega.x_channel(axis, (layout.gutter, width - vega.MARGIN_RIGHT), "low"),
        "y": vega.quantitative("top"),
    }
    layers = [bar, *layout.words()]
    return layout.chart(layers)


def scatter(marks: Sequence[Mark], x_axis: vega.Axis, y_axis: vega.Axis, *, width: int) -> Spec:
    """Draw named points with vertical whiskers. Names stand beside their points and do not overlap."""
    height = 260 if width <= NARROW else 300
    marks = _side_by_side(marks, x_axis, width)
    values = [
        {"x": mark.x, "value": mark.point.value, "low": mark.point.low, "high": mark.point.high}
        | _look(mark.point)
        for mark in marks
    ]
    scale = height / (y_axis.domain[1] - y_axis.domain[0])
    left = [mark for mark in marks if vega.position(mark.x, x_axis) <= 0.5]
    right = [mark for mark in marks if mark not in left]
    layers = [
        vega.layer(
            [row for row in values if row["low"] is not None and row["high"] is not None],
            "rule",
            vega.stroke(2),
            x=vega.x_channel(x_axis),
            y=vega.y_channel(y_axis, "low"),
            y2="high",
            stroke=vega.as_given("colour"),
        ),
        _points(values, x="x", y="value"),
    ]
    if width > NARROW:  # on a narrow page, only the legend has the names
        layers += [_names(left, scale, "left", 14), _names(right, scale, "right", -14)]
    return vega.chart(layers, width, height, fit=True)


def line_plot(
    lines: Sequence[Line], rules: Sequence[RuleLine], x_axis: vega.Axis, y_axis: vega.Axis, *, width: int
) -> Spec:
    """Draw lines over a common axis, with labelled vertical rules."""
    height = 250 if width <= NARROW else 300
    layers: list[vega.Layer] = []
    for line in lines:
        values = [{"x": x, "y": y} for x, y in zip(line.xs, line.ys, strict=True)]
        mark: dict[str, Any] = {"stroke": colour(line.series), "strokeWidth": 2, "clip": False}
        if line.dashed:
            mark["strokeDash"] = [6, 4]
        layers.append(
            vega.layer(
                values, "line", mark, x=vega.x_channel(x_axis, field="x"), y=vega.y_channel(y_axis, "y")
            )
        )
        if line.dots:
            dot = {"fill": colour(line.series), "size": 28, "shape": SHAPES[line.series % len(SHAPES)]}
            layers.append(
                vega.layer(
                    values,
                    "point",
                    dot | {"opacity": 1, "stroke": None},
                    x=vega.quantitative("x"),
                    y=vega.quantitative("y"),
                )
            )
    for index, rule in enumerate(rules):
        layers += _upright(rule, index, late=vega.position(rule.x, x_axis) > 0.6)
    return vega.chart(layers, width, height, fit=True)


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return positions at or above the wanted ones, with at least ``gap`` between any two."""
    placed = [0.0] * len(wanted)
    last = -math.inf
    for index in sorted(range(len(wanted)), key=lambda i: wanted[i]):
        last = placed[index] = max(wanted[index], last + gap)
    return placed


class _Rows:
    """The layout of the rows of a plot, in pixels from the top."""

    LINE = 14

    def __init__(self, rows: Sequence[DotRow], width: int) -> None:
        self.rows, self.width = rows, width
        self.narrow = width <= NARROW
        noted = any(row.note for row in rows)
        self.gutter = 8 if self.narrow else min(260, 24 + round(6.6 * max(len(row.label) for row in rows)))
        self.right = vega.MARGIN_RIGHT if self.narrow or not noted else 170
        self.head = (36 if noted else 20) if self.narrow else 0
        self.step = max(len(row.points) for row in rows) * self.LINE + 14
        self.height = len(rows) * (self.head + self.step)

    def top(self, index: int) -> float:
        return index * (self.head + self.step)

    def middles(self) -> list[float]:
        return [self.top(index) + self.head + self.step / 2 for index in range(len(self.rows))]

    def dots(self) -> list[dict[str, Any]]:
        return [
            {"value": point.value, "low": point.low, "high": point.high, "y": y} | _look(point)
            for row, middle in zip(self.rows, self.middles(), strict=True)
            for point, y in zip(row.points, self._lines(middle, len(row.points)), strict=True)
        ]

    def whiskers(self) -> list[dict[str, Any]]:
        return [dot for dot in self.dots() if dot["low"] is not None and dot["high"] is not None]

    def spans(self) -> vega.Layer:
        bars = [
            {"low": min(p.value for p in row.points), "high": max(p.value for p in row.points), "y": middle}
            for row, middle in zip(self.rows, self.middles(), strict=True)
            if row.points
        ]
        style = vega.stroke(4, "var(--line)")
        return vega.layer(bars, "rule", style, **_bar("low", "high"), y=vega.quantitative("y"))

    def band(self, low: float, high: float) -> vega.Layer:
        """Return a shaded range of values over the whole height."""
        style = {"color": "var(--band)"}
        return vega.layer([{"low": low, "high": high}], "rect", style, **_bar("low", "high"), **self._tall)

    def upright(self, value: float) -> vega.Layer:
        """Return a line at one value over the whole height."""
        style = {"color": "var(--muted)"}
        return vega.layer([{"x": value}], "rule", style, x=vega.quantitative("x"), **self._tall)

    @property
    def _tall(self) -> dict[str, Any]:
        return {"y": {"value": 0}, "y2": {"value": self.height}}

    def separators(self) -> vega.Layer:
        lines = [{"y": self.top(index)} for index in range(1, len(self.rows))]
        span = {"x": {"value": 0}, "x2": {"value": self.width}}
        return vega.layer(lines, "rule", {"color": "var(--grid)"}, y=vega.quantitative("y"), **span)

    def words(self) -> list[vega.Layer]:
        """Return labels at the left and notes at the right. In a narrow plot, both are above their row."""
        at = [self.top(i) + 13 for i in range(len(self.rows))] if self.narrow else self.middles()
        rows = [{"y": y, "label": row.label, "note": row.note} for row, y in zip(self.rows, at, strict=True)]
        name = vega.text_style(align="left", limit=self.width - 16 if self.narrow else self.gutter - 12)
        layers = [
            vega.layer(
                rows, "text", name, x={"value": 0}, y=vega.quantitative("y"), text=vega.nominal("label")
            )
        ]
        if any(row.note for row in self.rows):
            side = {"align": "left", "dy": 16} if self.narrow else {"align": "right"}
            note = vega.text_style(color="var(--muted)", **side)
            at_side = {"value": 0 if self.narrow else self.width}
            layers.append(
                vega.layer(rows, "text", note, x=at_side, y=vega.quantitative("y"), text=vega.nominal("note"))
            )
        return layers

    def chart(self, layers: list[vega.Layer]) -> Spec:
        """Return the layers over one vertical scale, in pixels from the top."""
        pixels = {"domain": [0, self.height], "range": [0, self.height], "nice": False}
        for layer in layers:
            if "field" in layer["encoding"]["y"]:
                layer["encoding"]["y"] |= {"scale": pixels, "axis": None}
        return vega.chart(layers, self.width, self.height)

    def _lines(self, middle: float, count: int) -> list[float]:
        return [middle + (index - (count - 1) / 2) * self.LINE for index in range(count)]


def _side_by_side(marks: Sequence[Mark], axis: vega.Axis, width: int) -> list[Mark]:
    """Move marks of equal cost a few pixels apart, so that no whisker hides another."""
    pixel = math.log(axis.domain[1] / axis.domain[0]) / width
    costs = [mark.x for mark in marks]
    shifts = [7 * (costs[:i].count(x) - (costs.count(x) - 1) / 2) for i, x in enumerate(costs)]
    return [replace(m, x=m.x * math.exp(pixel * shift)) for m, shift in zip(marks, shifts, strict=True)]


def _names(marks: Sequence[Mark], scale: float, align: str, offset: int) -> vega.Layer:
    """Return the names beside their marks. ``scale`` is pixels per unit of value."""
    placed = spread([mark.point.value * scale for mark in marks], 15)
    rows = [
        {"x": mark.x, "y": at / scale, "label": mark.label} for mark, at in zip(marks, placed, strict=True)
    ]
    style = vega.text_style(align=align, dx=offset)
    return vega.layer(rows, "text", style, **_at("x", "y"), text=vega.nominal("label"))


def _upright(rule: RuleLine, index: int, *, late: bool) -> list[vega.Layer]:
    """Return a dashed line and its label above the plot; with ``late``, the label is left of the line."""
    row = [{"x": rule.x, "label": rule.label}]
    x = vega.quantitative("x")
    dashes = {"color": "var(--muted)", "strokeDash": [3, 3]}
    words = vega.text_style(align="right" if late else "left", dx=-6 if late else 6)
    above = {"value": -8 - 16 * index}
    return [
        vega.layer(row, "rule", dashes, x=x),
        vega.layer(row, "text", words, x=x, y=above, text=vega.nominal("label")),
    ]


def _at(x: str, y: str) -> dict[str, Any]:
    return {"x": vega.quantitative(x), "y": vega.quantitative(y)}


def _bar(low: str, high: str) -> dict[str, Any]:
    return {"x": vega.quantitative(low), "x2": high}


def _look(point: Point) -> dict[str, Any]:
    return {
        "colour": colour(point.series),
        "fill": "var(--card)" if point.hollow else colour(point.series),
        "shape": SHAPES[point.series % len(SHAPES)],
    }


def _points(values: Sequence[dict[str, Any]], *, x: str, y: str) -> vega.Layer:
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

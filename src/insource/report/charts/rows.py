"""Plots of named rows: points with intervals, bars, and shares of a whole."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from insource.report import vega
from insource.report.charts.marks import NARROW, DotRow, Point, SwingBar, colour, look, points_layer
from insource.report.page import Spec

WIDEST_LABEL = 42  # letters; a longer label takes another line


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
        points_layer(layout.dots(), x="value", y="y"),
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


def bars(rows: Sequence[tuple[str, int, str]], axis: vega.Axis, *, width: int) -> Spec:
    """Draw counts in named rows, as (label, count, note)."""
    layout = _Rows([DotRow(label, (Point(0),), note) for label, _, note in rows], width)
    values = [
        {"low": 0, "high": count, "top": middle - 7, "bottom": middle + 7}
        for (_, count, _), middle in zip(rows, layout.middles(), strict=True)
    ]
    bar = vega.layer(values, "rect", {"color": "var(--b-wrong)"}, x2="high", y2="bottom")
    bar["encoding"] |= {
        "x": vega.x_channel(axis, (layout.gutter, width - layout.right), "low"),
        "y": vega.quantitative("top"),
    }
    return layout.chart([layout.separators(), bar, *layout.words()])


def tornado(rows: Sequence[SwingBar], axis: vega.Axis, *, width: int, stated: float) -> Spec:
    """Draw, for each input, bars from the ``stated`` result to those at its low and at its high end.

    Where both ends lie on one side of it, the shorter bar is drawn in front. A diamond on the line at 0 marks
    an input that changes the sign of the result within its range.
    """
    layout = _Rows([DotRow(row.label, (Point(0),), row.note) for row in rows], width)
    values, diamonds = [], []
    for row, middle in zip(rows, layout.middles(), strict=True):
        ends = [(row.at_low, colour(0)), (row.at_high, colour(1))]
        for end, fill in sorted(ends, key=lambda bar: -abs(bar[0] - stated)):
            span = {"low": min(stated, end), "high": max(stated, end), "colour": fill}
            values.append(span | {"top": middle - 7, "bottom": middle + 7})
        if row.flips:
            diamonds.append({"value": 0.0, "y": middle})
    bar = vega.layer(values, "rect", {}, x2="high", y2="bottom", fill=vega.as_given("colour"))
    bar["encoding"] |= {
        "x": vega.x_channel(axis, (layout.gutter, width - layout.right), "low"),
        "y": vega.quantitative("top"),
    }
    place = {"x": vega.quantitative("value"), "y": vega.quantitative("y")}
    look_of = {"shape": "diamond", "size": 90, "fill": "var(--ink)", "stroke": "var(--card)", "opacity": 1}
    mark = vega.layer(diamonds, "point", look_of, **place)
    return layout.chart([layout.separators(), bar, layout.upright(0.0), mark, *layout.words()])


class _Rows:
    """The layout of the rows of a plot, in pixels from the top."""

    LINE = 14

    def __init__(self, rows: Sequence[DotRow], width: int) -> None:
        self.rows, self.width = rows, width
        self.narrow = width <= NARROW
        noted = any(row.note for row in rows)
        self.labels = [textwrap.wrap(row.label, WIDEST_LABEL) or [""] for row in rows]
        longest = max(len(line) for lines in self.labels for line in lines)
        self.gutter = 8 if self.narrow else 24 + round(6.6 * longest)
        self.right = vega.MARGIN_RIGHT if self.narrow or not noted else 180
        self.lines = max(len(lines) for lines in self.labels)
        self.head = (4 + 16 * (self.lines + noted)) if self.narrow else 0
        deepest = max(len(row.points) for row in rows)
        self.step = max(deepest, 1 if self.narrow else self.lines) * self.LINE + 14
        self.height = len(rows) * (self.head + self.step)

    def top(self, index: int) -> float:
        return index * (self.head + self.step)

    def middles(self) -> list[float]:
        return [self.top(index) + self.head + self.step / 2 for index in range(len(self.rows))]

    def dots(self) -> list[dict[str, Any]]:
        return [
            {"value": point.value, "low": point.low, "high": point.high, "y": y} | look(point)
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
        tops = [self.top(i) + 13 for i in range(len(self.rows))] if self.narrow else self.middles()
        lines = [
            {"y": y + self.LINE * (place if self.narrow else place - (len(label) - 1) / 2), "label": line}
            for y, label in zip(tops, self.labels, strict=True)
            for place, line in enumerate(label)
        ]
        y, name = vega.quantitative("y"), vega.text_style(align="left")
        layers = [vega.layer(lines, "text", name, x={"value": 0}, y=y, text=vega.nominal("label"))]
        notes = [
            {"y": y + (self.LINE * len(label) if self.narrow else 0), "note": row.note}
            for y, row, label in zip(tops, self.rows, self.labels, strict=True)
            if row.note
        ]
        if notes:
            style = vega.text_style(color="var(--muted)", align="left" if self.narrow else "right")
            at_side = {"value": 0 if self.narrow else self.width}
            note = vega.nominal("note")
            layers.append(vega.layer(notes, "text", style, x=at_side, y=vega.quantitative("y"), text=note))
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


def _bar(low: str, high: str) -> dict[str, Any]:
    return {"x": vega.quantitative(low), "x2": high}

"""Plots of two axes: named points, lines, and steps with points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from insource.report import vega
from insource.report.charts.marks import (
    NARROW,
    SHAPES,
    Line,
    Mark,
    Point,
    RuleLine,
    colour,
    look,
    points_layer,
)
from insource.report.page import Spec

NEAR = 4  # marks less apart, in pixels, hide each other
LETTER = 6.6  # the width of a letter of a name, in pixels


def scatter(
    marks: Sequence[Mark],
    x_axis: vega.Axis,
    y_axis: vega.Axis,
    *,
    width: int,
    band: tuple[float, float] | None = None,
    front: Sequence[tuple[float, float]] = (),
    level: tuple[str, float] | None = None,
    rules: Sequence[RuleLine] = (),
) -> Spec:
    """Draw named points with whiskers; a narrow plot has their numbers instead of their names.

    ``band`` is a shaded range of the vertical axis, ``front`` the corners of a dashed staircase, ``level`` a
    horizontal line, named in a wide plot; ``rules`` are vertical lines, named above it.
    """
    height = 280 if width <= NARROW else 340
    marks = _side_by_side(marks, x_axis, width)
    values = [
        {"x": mark.x, "left": mark.low, "right": mark.high}
        | {"value": mark.point.value, "low": mark.point.low, "high": mark.point.high}
        | look(mark.point)
        for mark in marks
    ]
    layers = [_axes(x_axis, y_axis)]
    if band is not None:
        layers.append(_across(*band))
    if level is not None:
        layers += _level(*level)[: 1 if width <= NARROW else 2]
    for index, rule in enumerate(rules):
        layers += _upright(rule, index, late=vega.position(rule.x, x_axis) > 0.6)
    if front:
        corners = [{"x": x, "y": y} for x, y in front]
        stairs = {"stroke": "var(--muted)", "strokeDash": [2, 3], "interpolate": "step-after"}
        layers.append(vega.layer(corners, "line", stairs, **_at("x", "y")))
    layers += [_whiskers(values), _sideways(values, x_axis.domain), points_layer(values, x="x", y="value")]
    scale = height / (y_axis.domain[1] - y_axis.domain[0])
    named = marks if width > NARROW else [replace(mark, label=str(mark.number or "")) for mark in marks]
    layers += _names(named, x_axis, scale, width)
    return vega.chart(layers, width, height, fit=True)


def steps(
    marks: Sequence[Mark],
    line: Line,
    rules: Sequence[RuleLine],
    x_axis: vega.Axis,
    y_axis: vega.Axis,
    *,
    level: float,
    width: int,
) -> Spec:
    """Draw points with whiskers, the line fitted to them, and where it falls to a ``level``."""
    height = 250 if width <= NARROW else 280
    values = [_placed(mark) for mark in marks]
    layers = [_axes(x_axis, y_axis)]
    for rule in rules:
        if rule.low is not None and rule.high is not None:
            low, high = x_axis.domain
            span = [{"low": max(rule.low, low), "high": min(rule.high, high)}]
            tall = {"x": vega.quantitative("low"), "x2": "high", "y": {"value": 0}, "y2": {"value": height}}
            layers.append(vega.layer(span, "rect", {"color": "var(--band)"}, **tall))
    for value, style in ((0.0, {}), (level, {"strokeDash": [6, 4]})):
        layers.append(
            vega.layer([{"y": value}], "rule", {"color": "var(--muted)"} | style, y=vega.quantitative("y"))
        )
    fitted = [{"x": x, "y": y} for x, y in zip(line.xs, line.ys, strict=True)]
    layers += [
        vega.layer(fitted, "line", {"stroke": colour(line.series), "strokeWidth": 2}, **_at("x", "y")),
        _whiskers(values),
        points_layer(values, x="x", y="value"),
    ]
    for index, rule in enumerate(rules):
        layers += _upright(rule, index, late=vega.position(rule.x, x_axis) > 0.6)
    return vega.chart(layers, width, height, fit=True)


def line_plot(
    lines: Sequence[Line],
    rules: Sequence[RuleLine],
    x_axis: vega.Axis,
    y_axis: vega.Axis,
    *,
    width: int,
    marks: Sequence[Mark] = (),
) -> Spec:
    """Draw lines over a common axis, with labelled vertical rules and points with whiskers."""
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
    values = [_placed(mark) for mark in marks]
    layers += [_whiskers(values), points_layer(values, x="x", y="value")] if values else []
    for index, rule in enumerate(rules):
        layers += _upright(rule, index, late=vega.position(rule.x, x_axis) > 0.6)
    return vega.chart(layers, width, height, fit=True)


def spread(
    wanted: Sequence[float], gap: float, spans: Sequence[tuple[float, float]] | None = None
) -> list[float]:
    """Return positions at or above the wanted ones, with at least ``gap`` between any two that overlap.

    ``spans`` are the horizontal extents of the labels; without them, all overlap.
    """
    placed: dict[int, float] = {}
    for index in sorted(range(len(wanted)), key=lambda i: wanted[i]):
        at = wanted[index]
        for other, taken in sorted(placed.items(), key=lambda item: item[1]):
            apart = spans and (spans[other][1] < spans[index][0] or spans[index][1] < spans[other][0])
            if not apart and at < taken + gap:
                at = taken + gap
        placed[index] = at
    return [placed[index] for index in range(len(wanted))]


def _side_by_side(marks: Sequence[Mark], axis: vega.Axis, width: int) -> list[Mark]:
    """Move marks of nearly equal place a few pixels apart where one whisker would hide another."""
    at = [vega.position(mark.x, axis) * width for mark in marks]
    order = sorted(range(len(marks)), key=lambda index: (at[index], -marks[index].point.value))
    groups: list[list[int]] = []
    for index in order:
        near = groups and at[index] - at[groups[-1][-1]] < NEAR
        if near and any(_overlap(marks[index].point, marks[other].point) for other in groups[-1]):
            groups[-1].append(index)
        else:
            groups.append([index])
    changed = list(marks)
    for group in groups:
        for place, index in enumerate(group):
            shift = 2 * NEAR * (place - (len(group) - 1) / 2)
            changed[index] = replace(marks[index], x=vega.moved(marks[index].x, shift, axis, width))
    return changed


def _overlap(one: Point, other: Point) -> bool:
    """Return whether two whiskers meet; a point without an interval is as high as its mark."""
    first, second = (
        (p.value, p.value) if p.low is None or p.high is None else (p.low, p.high) for p in (one, other)
    )
    return first[0] <= second[1] and second[0] <= first[1]


def _names(marks: Sequence[Mark], axis: vega.Axis, scale: float, width: int) -> list[vega.Layer]:
    """Return the names beside their marks, a little above them, on the side with fewer other marks.

    ``scale`` is pixels per unit of value. A halo keeps lines behind a name from crossing it.
    """
    places = [(vega.position(m.x, axis) * width, m.point.value * scale) for m in marks]
    sides, spans = [], []
    for mark, (x, y) in zip(marks, places, strict=True):
        length = 14 + LETTER * len(mark.label)
        found = {"left": (x, x + length), "right": (x - length, x)}  # by the alignment of the text
        crossed = {side: _crossed(span, x, y, places, width) for side, span in found.items()}
        sides.append(min(crossed, key=lambda side: crossed[side]))
        spans.append(found[sides[-1]])
    placed = spread([y for _, y in places], 14, spans)
    layers = []
    for halo in ({"stroke": "var(--card)", "strokeWidth": 3}, {}):
        for side, offset in (("left", 9), ("right", -9)):
            rows = [
                {"x": mark.x, "y": at / scale, "label": mark.label}
                for mark, at, found in zip(marks, placed, sides, strict=True)
                if found == side
            ]
            style = vega.text_style(align=side, dx=offset, dy=-9) | halo
            layers.append(vega.layer(rows, "text", style, **_at("x", "y"), text=vega.nominal("label")))
    return layers


def _crossed(
    span: tuple[float, float], x: float, y: float, places: Sequence[tuple[float, float]], width: int
) -> int:
    """Return how many other marks lie under a name, many when it leaves the plot."""
    low, high = span
    if low < 0 or high > width * 0.97:
        return 100
    return sum(low - 8 < at < high + 8 and abs(level - y - 9) < 13 for at, level in places if at != x)


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


def _placed(mark: Mark) -> dict[str, Any]:
    """Return a mark's place, its interval and how it looks."""
    ends = {"value": mark.point.value, "low": mark.point.low, "high": mark.point.high}
    return {"x": mark.x} | ends | look(mark.point)


def _at(x: str, y: str) -> dict[str, Any]:
    return {"x": vega.quantitative(x), "y": vega.quantitative(y)}


def _axes(x_axis: vega.Axis, y_axis: vega.Axis) -> vega.Layer:
    """Return a layer without marks that has both axes, so that they exist whatever else is drawn."""
    return vega.layer([], "point", {}, x=vega.x_channel(x_axis), y=vega.y_channel(y_axis, "y"))


def _across(low: float, high: float) -> vega.Layer:
    """Return a shaded range of the vertical axis over the whole width."""
    y = {"y": vega.quantitative("low"), "y2": "high"}
    wide = {"x": {"value": 0}, "x2": {"value": "width"}}
    return vega.layer([{"low": low, "high": high}], "rect", {"color": "var(--band)"}, **y, **wide)


def _level(label: str, value: float) -> list[vega.Layer]:
    """Return a horizontal line with its name below it, at the left."""
    row, y = [{"y": value, "label": label}], vega.quantitative("y")
    style = vega.text_style(align="left", color="var(--muted)", dx=4, dy=9, fontSize=11)
    return [
        vega.layer(row, "rule", {"color": "var(--muted)", "strokeDash": [8, 3]}, y=y),
        vega.layer(row, "text", style, x={"value": 0}, y=y, text=vega.nominal("label")),
    ]


def _whiskers(values: Sequence[dict[str, Any]]) -> vega.Layer:
    """Return the vertical intervals of points."""
    return vega.layer(
        [row for row in values if row["low"] is not None and row["high"] is not None],
        "rule",
        vega.stroke(2),
        x=vega.quantitative("x"),
        y=vega.quantitative("low"),
        y2="high",
        stroke=vega.as_given("colour"),
    )


def _sideways(values: Sequence[dict[str, Any]], domain: tuple[float, float]) -> vega.Layer:
    """Return the horizontal intervals of points, cut at the ends of the axis."""
    cut = [
        row | {"left": max(row["left"], domain[0]), "right": min(row["right"], domain[1])}
        for row in values
        if row["left"] is not None and row["right"] is not None
    ]
    return vega.layer(
        cut,
        "rule",
        vega.stroke(1),
        x=vega.quantitative("left"),
        x2="right",
        y=vega.quantitative("value"),
        stroke=vega.as_given("colour"),
    )

"""Build Vega-Lite axes, layers and channels with the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from insource.report.page import Spec

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MARGIN_RIGHT = 18

Layer = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A value axis. ``values`` sets the ticks; ``expression`` is a Vega expression for their labels."""

    title: str
    domain: tuple[float, float]
    format: str = "~%"
    values: tuple[float, ...] = ()
    expression: str = ""
    scale: Literal["linear", "log"] = "linear"


def ratio_axis(title: str, values: Sequence[float], *, floor: float = 0.0, ceiling: float = 1.0) -> Axis:
    """Return an axis around the values, with padding, within the possible range."""
    low, high = min(values), max(values)
    pad = max((high - low) * 0.08, 0.01)
    return Axis(title, (max(floor, low - pad), min(ceiling, high + pad)))


def decades(low: float, high: float) -> tuple[float, ...]:
    """Return ticks of a logarithmic range: powers of ten, with 2s and 5s when there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = math.log10(high / low) < 2.5
    ticks = [digit * 10.0**power for power in powers for digit in ((1, 2, 5) if few else (1,))]
    return tuple(float(f"{tick:.6g}") for tick in ticks if low <= tick <= high)


def log_axis(title: str, values: Sequence[float], expression: str, *, margin: float = 2.0) -> Axis:
    """Return a logarithmic axis around positive values, extended by the factor ``margin`` on either side."""
    low, high = min(values) / margin, max(values) * margin
    return Axis(title, (low, high), values=decades(low, high), expression=expression, scale="log")


def position(value: float, axis: Axis) -> float:
    """Return the position of a value on an axis: 0 at its start, 1 at its end."""
    low, high = axis.domain
    if axis.scale == "log":
        low, high, value = math.log10(low), math.log10(high), math.log10(value)
    return (value - low) / (high - low)


def moved(value: float, pixels: float, axis: Axis, width: int) -> float:
    """Return the value that lies so many pixels to the right of another one on an axis of that width."""
    low, high = axis.domain
    if axis.scale == "log":
        return float(value * (high / low) ** (pixels / width))
    return value + (high - low) * pixels / width


def layer(values: Sequence[dict[str, Any]], mark: str, style: dict[str, Any], **encoding: Any) -> Layer:
    """Return a layer of marks with their values. A channel given as a string is the field of that name."""
    channels = {
        name: {"field": channel} if isinstance(channel, str) else channel
        for name, channel in encoding.items()
    }
    return {"data": {"values": list(values)}, "mark": {"type": mark} | style, "encoding": channels}


def quantitative(field: str) -> dict[str, Any]:
    """Return a channel of numbers."""
    return {"field": field, "type": "quantitative"}


def nominal(field: str) -> dict[str, Any]:
    """Return a channel of strings."""
    return {"field": field, "type": "nominal"}


def as_given(field: str) -> dict[str, Any]:
    """Return a channel whose values are colours or shapes."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def stroke(width: int, stroke: str | None = None) -> dict[str, Any]:
    """Return the style of a line."""
    return {"strokeWidth": width} if stroke is None else {"strokeWidth": width, "stroke": stroke}


def text_style(*, align: str, color: str = "var(--ink)", **more: Any) -> dict[str, Any]:
    """Return the style of text in a plot."""
    return {"align": align, "baseline": "middle", "fontSize": 12, "color": color} | more


def x_channel(axis: Axis, pixels: tuple[int, int] | None = None, field: str = "x") -> dict[str, Any]:
    """Return the horizontal channel. ``pixels`` sets where its axis starts and ends."""
    channel = quantitative(field) | {"scale": _scale(axis), "axis": _axis(axis, grid=True)}
    if pixels is not None:
        channel["scale"]["range"] = list(pixels)
    return channel


def y_channel(axis: Axis, field: str) -> dict[str, Any]:
    """Return the vertical channel."""
    return quantitative(field) | {"scale": _scale(axis), "axis": _axis(axis, grid=True)}


def _scale(axis: Axis) -> dict[str, Any]:
    return {"domain": list(axis.domain), "type": axis.scale, "nice": False, "zero": False}


def _axis(axis: Axis, *, grid: bool) -> dict[str, Any]:
    drawn: dict[str, Any] = {"title": axis.title, "grid": grid, "labelFlush": False}
    drawn |= {"values": list(axis.values), "labelOverlap": "parity"} if axis.values else {"tickCount": 5}
    return drawn | ({"labelExpr": axis.expression} if axis.expression else {"format": axis.format})


def chart(layers: list[Layer], width: int, height: float, *, fit: bool = False) -> Spec:
    """Return the whole drawing. ``fit`` makes room for a vertical axis."""
    return {
        "$schema": SCHEMA,
        "width": width,
        "height": height,
        "autosize": {"type": "fit" if fit else "pad", "contains": "padding"},
        "padding": {"left": 0, "right": MARGIN_RIGHT if fit else 0, "top": 4, "bottom": 6},
        "background": "transparent",
        "layer": layers,
        "config": {
            "aria": False,  # the page labels each drawing once and gives its data as a table
            "font": "Liberation Sans, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelColor": "var(--muted)",
                "titleColor": "var(--muted)",
                "titleFontWeight": "normal",
                "titleFontSize": 12,
                "titlePadding": 8,
                "labelFontSize": 11,
                "gridColor": "var(--grid)",
                "domain": False,
                "ticks": False,
                "labelPadding": 6,
            },
        },
    }

"""Vega-Lite specifications for the report's plots: pure functions from values to plain dicts.

Colours are CSS variables of the page, so one drawing serves light, dark and print. Rows are placed in pixels,
so a plot has the requested width whatever its labels are. A narrow plot is not scaled down: it is drawn again
with the labels above their rows, so that they stay readable.
"""

from insource.report.charts.marks import (
    NARROW,
    DotRow,
    Line,
    Mark,
    Point,
    RuleLine,
    SwingBar,
    above_zero,
    bounds,
    colour,
    glyph,
)
from insource.report.charts.planes import line_plot, scatter, spread, steps
from insource.report.charts.rows import bars, dot_plot, stacked_bars, tornado

__all__ = [
    "NARROW",
    "DotRow",
    "Line",
    "Mark",
    "Point",
    "RuleLine",
    "SwingBar",
    "above_zero",
    "bars",
    "bounds",
    "colour",
    "dot_plot",
    "glyph",
    "line_plot",
    "scatter",
    "spread",
    "stacked_bars",
    "steps",
    "tornado",
]

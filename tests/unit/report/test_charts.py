"""Plot specifications: valid Vega-Lite, exact values, nothing lost at the edges."""

import json
import math
from itertools import pairwise

import altair
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.example_results import example_comparison, example_evaluation, example_result

from insource.report import charts, vega
from insource.report.page import Plot
from insource.report.sections.contents import sections
from insource.types import RunResult


def plots(result: RunResult) -> dict[str, Plot]:
    return {block.question: block for s in sections(result) for block in s.blocks if isinstance(block, Plot)}


@pytest.mark.parametrize("width", [320, 864])
def test_every_plot_is_valid_vega_lite(width):
    for plot in plots(example_result()).values():
        spec = plot.draw(width)
        altair.LayerChart.from_dict(spec)
        json.dumps(spec, allow_nan=False)


@pytest.mark.parametrize("width", [320, 864])
def test_every_channel_has_its_values(width):
    """A channel without values draws nothing, and nobody would notice."""
    for plot in plots(example_result()).values():
        for layer in plot.draw(width)["layer"]:
            fields = {channel["field"] for channel in layer["encoding"].values() if "field" in channel}
            assert all(fields <= row.keys() for row in layer["data"]["values"])


def test_every_plot_asks_answers_and_explains():
    for plot in plots(example_result()).values():
        assert plot.question.endswith("?")
        assert plot.answer.endswith(".")
        assert plot.caption.endswith(".")
        assert plot.table.rows


def test_the_forest_draws_the_estimates_and_the_margin():
    spec = plots(example_result())["Does field accuracy differ?"].draw(864)
    values = [row for layer in spec["layer"] for row in layer["data"]["values"]]
    points = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")["data"]["values"]
    drawn = [(row["value"], row["low"], row["high"]) for row in points]
    wanted = [(c.difference.value, c.difference.low, c.difference.high) for c in example_result().comparisons]
    assert drawn == wanted
    assert {(row["low"], row["high"]) for row in values if row.keys() == {"low", "high"}} == {(-0.02, 0.0)}


def test_where_less_is_better_the_margin_lies_on_the_other_side():
    fewer = example_comparison("base", -0.1, 0.05).model_copy(update={"metric": "hallucination_rate"})
    spec = plots(example_result(comparisons=(fewer,)))["Does hallucination rate differ?"].draw(864)
    bands = [r for layer in spec["layer"] for r in layer["data"]["values"] if r.keys() == {"low", "high"}]
    assert (bands[0]["low"], bands[0]["high"]) == (0.0, 0.02)


def test_an_arm_of_unknown_cost_is_named_instead_of_drawn():
    tuned, cloud = example_evaluation("tuned", 100), example_evaluation("cloud", 100)
    unknown = tuned.model_copy(update={"arm": tuned.arm.model_copy(update={"cost_per_1000_usd": None})})
    plot = plots(example_result(evaluations=(unknown, cloud), comparisons=()))["What does quality cost?"]
    assert "Not drawn, because cost or metric is unknown: tuned." in plot.caption


def test_a_free_arm_is_drawn_at_the_left_edge_and_says_so():
    tuned, cloud = example_evaluation("tuned", 100), example_evaluation("cloud", 100)
    free = tuned.model_copy(update={"arm": tuned.arm.model_copy(update={"cost_per_1000_usd": 0.0})})
    plot = plots(example_result(evaluations=(free, cloud), comparisons=()))["What does quality cost?"]
    assert "drawn at the left edge" in plot.caption
    labels = [r.get("label") for layer in plot.draw(864)["layer"] for r in layer["data"]["values"]]
    assert "tuned, $0" in labels


def test_no_break_even_says_that_local_never_costs_less():
    economics = example_result().break_even.model_copy(
        update={"documents_per_month": None, "reason": "dearer"}
    )
    found = plots(example_result(break_even=economics))["What does a month cost at your volume?"]
    assert found.answer.startswith("Running locally costs no less than the cloud")


def test_a_diverged_training_curve_leaves_out_what_is_not_a_number():
    training = example_result().training
    broken = tuple(p.model_copy(update={"loss": math.nan}) if p.step > 100 else p for p in training.curve)
    result = example_result(training=training.model_copy(update={"curve": broken}))
    json.dumps(plots(result)["Did the loss fall, and when did training stop?"].draw(320), allow_nan=False)


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6))
def test_ticks_lie_within_the_axis(low, factor):
    ticks = vega.decades(low, low * factor)
    assert all(low <= tick <= low * factor for tick in ticks)
    assert list(ticks) == sorted(ticks)


@given(st.lists(st.floats(-1000, 1000), max_size=12), st.floats(1, 50))
def test_spread_labels_keep_their_distance_and_order(wanted, gap):
    placed = charts.spread(wanted, gap)
    assert all(at >= want for at, want in zip(placed, wanted, strict=True))
    ordered = sorted(placed)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ordered))

"""Plot specifications: valid Vega-Lite, exact values, nothing lost at the edges."""

import json
import math
from itertools import pairwise

import altair
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.example_results import example_comparison, example_evaluation, example_result
from support.measured_runs import agreement_run, demo_run, labels_run, unfair_run

from insource.report import charts, vega
from insource.report.page import Plot
from insource.report.sections.contents import sections
from insource.report.sections.ladder import Rung, cost_of_correct, front
from insource.types import Estimate, RunResult
from insource.types.comparison import BreakPoint


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
    found = sections(example_result(evaluations=(unknown, cloud), comparisons=()))[0]
    plot, beside = found.blocks
    assert "tuned" not in [key.label for key in plot.legend]
    assert beside.items == ("tuned: its cost is unknown (amortised machine).",)


def test_a_free_arm_is_drawn_at_the_left_edge_and_says_so():
    tuned, cloud = example_evaluation("tuned", 100), example_evaluation("cloud", 100)
    free = tuned.model_copy(update={"arm": tuned.arm.model_copy(update={"cost_per_1000_usd": 0.0})})
    plot = plots(example_result(evaluations=(free, cloud), comparisons=()))[
        "Which rung gives the most for its cost?"
    ]
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


MEASURED = [demo_run, labels_run, unfair_run, agreement_run]


@pytest.mark.parametrize("run", MEASURED)
@pytest.mark.parametrize("width", [320, 864])
def test_every_plot_of_a_measured_run_is_valid_and_says_how_it_was_measured(run, width):
    for plot in plots(run(60)).values():
        altair.LayerChart.from_dict(plot.draw(width))
        json.dumps(plot.draw(width), allow_nan=False)
        assert plot.question.endswith("?")
        assert plot.answer.endswith(".")
        assert "n = " in plot.caption or "Calculated" in plot.caption, plot.question
        assert plot.table.rows


def test_the_ladder_draws_quality_against_the_cost_of_a_correct_document():
    result = demo_run(60)
    marks = _values(plots(result)["Which rung gives the most for its cost?"].draw(864), "point")
    drawn = {round(row["value"], 9): row for row in marks if "value" in row}
    for evaluation in result.evaluations:
        cost, rate = evaluation.arm.cost_per_1000_usd, evaluation.metrics["exact_match"]
        if not cost or not rate.value:
            continue
        row = drawn[round(evaluation.metrics["field_accuracy"].value, 9)]
        assert row["x"] == pytest.approx(
            cost / rate.value, rel=0.15
        )  # moved apart where one would hide another
        assert row["left"] == pytest.approx(cost / rate.high)
        assert (row["low"], row["high"]) == (
            evaluation.metrics["field_accuracy"].low,
            evaluation.metrics["field_accuracy"].high,
        )
        assert (row["fill"] == "var(--card)") == evaluation.arm.simulated


def _values(spec, mark):
    return [
        row for layer in spec["layer"] if layer["mark"]["type"] == mark for row in layer["data"]["values"]
    ]


def test_the_band_begins_a_margin_below_the_cloud():
    result = labels_run(60)
    spec = plots(result)["Which rung gives the most for its cost?"].draw(864)
    cloud = next(e for e in result.evaluations if e.arm.role == "reference")
    (band,) = _values(spec, "rect")
    assert band["low"] == pytest.approx(cloud.metrics["accuracy"].value - result.choice.margin)


@given(st.lists(st.tuples(st.floats(0.001, 100), st.floats(0, 1)), min_size=1, max_size=9), st.booleans())
def test_no_rung_equals_one_of_the_front_for_less(pairs, lower):
    rungs = [
        Rung(place, example_evaluation("tuned", 10), Estimate(value=quality), Estimate(value=cost))
        for place, (cost, quality) in enumerate(pairs)
    ]
    kept, sign = front(rungs, lower_is_better=lower), -1 if lower else 1
    places = {rung.place for rung in kept}
    for place, (cost, quality) in enumerate(pairs):
        beaten = any(
            (c <= cost and sign * q >= sign * quality and (c, q) != (cost, quality)) for c, q in pairs
        )
        twin = any(pairs[other] == (cost, quality) for other in places)
        assert (place in places or twin) == (not beaten)


@pytest.mark.parametrize(
    ("cost", "rate", "expected"),
    [
        (2.0, Estimate(value=0.5, low=0.4, high=0.8, n=10), (4.0, 2.5, 5.0)),
        (2.0, Estimate(value=0.5, low=0.0, high=0.8, n=10), (4.0, None, None)),
        (2.0, Estimate(value=0.0, low=0.0, high=0.2, n=10), (None, None, None)),
        (None, Estimate(value=0.5, low=0.4, high=0.8, n=10), (None, None, None)),
    ],
)
def test_the_cost_of_correct_documents(cost, rate, expected):
    found = cost_of_correct(cost, rate)
    assert (found.value, found.low, found.high) == expected


def test_a_break_point_is_drawn_with_its_margin_fit_and_interval():
    found = BreakPoint(
        candidate="tuned", baseline="cloud", metric="accuracy", margin=0.02, difficulty="length",
        unit="characters", status="found", at=Estimate(value=300.0, low=250.0, high=340.0, n=90),
        points=[
            {"low": low, "high": low + 99, "centre": low + 50, "n": 30,
             "difference": Estimate(value=value, low=value - 0.1, high=value + 0.1, n=30)}
            for low, value in ((100, 0.05), (200, 0.0), (300, -0.2))
        ],
        fitted=(0.05, 0.0, -0.2), sentence="From a length of 300 characters tuned falls below cloud.",
    )  # fmt: skip
    spec = plots(example_result(break_points=(found,)))[
        "Does tuned fall behind cloud (simulated cloud) with length?"
    ].draw(864)
    assert {"low": 250.0, "high": 340.0} in _values(spec, "rect")
    assert [row["y"] for row in _values(spec, "line")] == [0.05, 0.0, -0.2]
    assert {row["y"] for row in _values(spec, "rule") if row.keys() == {"y"}} == {0.0, -0.02}


def test_series_beyond_the_shapes_differ_in_colour():
    looks = {(charts.colour(series), charts.glyph(series)) for series in range(36)}
    assert len(looks) == 36


@given(st.lists(st.floats(-1000, 1000), max_size=12), st.floats(1, 50))
def test_spread_labels_keep_their_distance_and_order(wanted, gap):
    placed = charts.spread(wanted, gap)
    assert all(at >= want for at, want in zip(placed, wanted, strict=True))
    ordered = sorted(placed)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ordered))


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=1, max_size=8),
    st.sampled_from([320, 864]),
)
def test_no_mark_of_a_scatter_hides_another(pairs, width):
    """Marks whose whiskers meet are at least a few pixels apart, and none moves far."""
    marks = [charts.Mark(str(n), x, charts.Point(y, y - 0.05, y + 0.05)) for n, (x, y) in enumerate(pairs)]
    axis = vega.log_axis("Cost", [mark.x for mark in marks], "datum.value")
    spec = charts.scatter(marks, axis, vega.Axis("Quality", (-0.1, 1.1)), width=width)
    drawn = [row for row in _values(spec, "point") if "value" in row]
    for mark, row in zip(marks, drawn, strict=True):
        moved = abs(vega.position(row["x"], axis) - vega.position(mark.x, axis)) * width
        assert moved <= 4 * len(pairs) + 1e-6
    if len(pairs) == 2 and abs(pairs[0][1] - pairs[1][1]) < 0.09:
        apart = abs(vega.position(drawn[0]["x"], axis) - vega.position(drawn[1]["x"], axis)) * width
        assert apart >= 4 - 1e-6


def test_the_ceiling_of_the_labels_is_drawn_where_it_is_that_of_the_metric():
    question = "Which rung gives the most for its cost?"
    result = labels_run(60)
    lines = [row["y"] for row in _values(plots(result)[question].draw(864), "rule") if "label" in row]
    assert lines == [result.ceiling.ceiling.value]
    fields = demo_run(60).model_copy(update={"ceiling": result.ceiling})  # of documents, not of fields
    assert not [row for row in _values(plots(fields)[question].draw(864), "rule") if "label" in row]

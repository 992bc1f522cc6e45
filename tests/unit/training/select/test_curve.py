"""The curve in the terminal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.training.select.checkpoints import Checkpoint
from insource.training.select.curve import LEVELS, WIDTH, checkpoint_line, progress_line, sparkline
from insource.types import Estimate, TrainingPoint


@pytest.mark.parametrize(
    ("values", "bars"),
    [([], ""), ([1.0], "▁"), ([3.0, 2.0, 1.0], "█▅▁"), ([math.nan, 2.0, 1.0], "█▁"), ([2.0, 2.0], "▁▁")],
)
def test_values_are_bars(values, bars):
    assert sparkline(values) == bars


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500))
def test_a_long_curve_fits_its_width(values):
    bars = sparkline(values)
    assert len(bars) == min(len(values), WIDTH)
    assert set(bars) <= set(LEVELS)


def test_a_line_says_the_loss_and_draws_its_curve():
    points = [TrainingPoint(step=n, epoch=0.1, loss=2.0 / n, tokens_per_s=450.0) for n in (1, 2)]
    assert progress_line(points) == "loss 1.000, 450 tokens/s  █▁"
    points.append(TrainingPoint(step=2, epoch=0.1, validation_loss=0.9))
    assert progress_line(points) == "validation loss 0.900  █▁"


def test_a_checkpoint_says_its_losses_its_score_and_whether_it_is_the_best():
    score = Estimate(value=0.9, low=0.8, high=0.96, n=40)
    seen = [Checkpoint(10, 0.5, 1.0, 1.2), Checkpoint(20, 1.0, 0.5, 0.6, score)]
    assert checkpoint_line(seen, "field_accuracy", best=True) == (
        "step 20: loss 0.500, validation 0.600 █▁  field accuracy 0.900 [0.800, 0.960], n = 40, "
        "the best so far"
    )

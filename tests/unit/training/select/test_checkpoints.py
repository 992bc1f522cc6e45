"""What a curve says: the checkpoint to keep, whether to go on, whether the run overfits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.training.select.checkpoints import (
    Checkpoint,
    checkpoints_of,
    exhausted,
    gap,
    overfitting,
    ranked,
)
from insource.types import Estimate, TrainingPoint


def curve(*evaluations, every=10):
    """Points of a run: (training loss, validation loss, score or None) of each evaluation."""
    points = []
    for index, (loss, validation, score) in enumerate(evaluations, start=1):
        step = index * every
        points += [
            TrainingPoint(step=step - 1, epoch=index, loss=loss + 0.1),
            TrainingPoint(step=step, epoch=index, loss=loss - 0.1),
            TrainingPoint(step=step, epoch=index, validation_loss=validation),
        ]
        if score is not None:
            points.append(TrainingPoint(step=step, epoch=index, task_metric=Estimate(value=score, n=40)))
    return points


def best_step(points, sign=1.0):
    return ranked(checkpoints_of(points), sign)[0].step


def test_the_training_loss_of_an_evaluation_is_the_mean_since_the_one_before():
    first, second = checkpoints_of(curve((1.0, 2.0, None), (0.5, 1.0, 0.7)))
    assert (first.training_loss, second.training_loss) == (pytest.approx(1.0), pytest.approx(0.5))
    assert (first.score, second.score.value) == (None, 0.7)


@pytest.mark.parametrize(
    ("evaluations", "sign", "step"),
    [
        ([(1, 0.30, 0.90), (1, 0.20, 0.80)], 1, 10),  # the metric decides, not the loss
        ([(1, 0.30, 0.90), (1, 0.20, 0.90)], 1, 20),  # the loss decides between equals
        ([(1, 0.20, 0.90), (1, 0.20, 0.90)], 1, 10),  # then the earlier step
        ([(1, 0.30, 0.90), (1, 0.20, 0.80)], -1, 20),  # a metric of which less is better
        ([(1, 0.30, None), (1, 0.20, None)], 1, 20),  # nothing scored
        ([(1, 0.30, 0.10), (1, 0.20, None)], 1, 10),  # a finalist that was scored
        ([(1, math.nan, None), (1, 5.0, None)], 1, 20),  # a loss that is no number is the worst
    ],
)
def test_the_task_s_metric_chooses_the_checkpoint(evaluations, sign, step):
    assert best_step(curve(*evaluations), sign) == step


@pytest.mark.parametrize(
    ("evaluations", "stops"),
    [
        ([(1, 1.0, 0.5), (1, 1.1, 0.5), (1, 1.1, 0.4), (1, 1.2, 0.5)], True),
        ([(1, 1.0, 0.5), (1, 1.1, 0.5), (1, 1.1, 0.4)], False),  # two are not enough
        ([(1, 1.0, 0.5), (1, 0.9, 0.5), (1, 0.8, 0.4), (1, 0.7, 0.5)], False),  # the loss still falls
        ([(1, 1.0, 0.5), (1, 1.1, 0.6), (1, 1.2, 0.7), (1, 1.3, 0.8)], False),  # the metric still rises
        ([(1, 1.0, None), (1, 1.1, None), (1, 1.1, None), (1, 1.2, None)], True),
    ],
)
def test_training_stops_when_neither_metric_nor_loss_improves(evaluations, stops):
    reason = exhausted(checkpoints_of(curve(*evaluations)), 3, 1.0, "field_accuracy")
    assert bool(reason) is stops
    scored = evaluations[0][2] is not None
    assert not reason or ("neither field accuracy nor validation loss" in reason) is scored


@pytest.mark.parametrize(
    ("losses", "named"),
    [
        ([(1.0, 1.0), (0.5, 0.5), (0.3, 0.53), (0.2, 0.55)], True),
        ([(1.0, 1.0), (0.5, 0.5), (0.3, 0.53), (0.2, 0.51)], False),  # one evaluation above only
        ([(1.0, 1.0), (0.5, 0.5), (0.4, 0.524), (0.3, 0.524)], False),  # less than 5 % above
        ([(1.0, 1.0), (0.5, 0.5), (0.6, 0.60), (0.7, 0.70)], False),  # the run diverges: no overfitting
        ([(1.0, 1.0), (0.5, 0.5), (0.3, 0.53), (0.2, 0.55), (0.1, 0.4)], True),  # named once it happened
        ([(1.0, 1.0), (0.5, 1.2)], False),
    ],
)
def test_overfitting_is_named(losses, named):
    sentence = overfitting(checkpoints_of(curve(*((loss, seen, None) for loss, seen in losses))))
    assert bool(sentence) is named
    if named:
        assert sentence.startswith("Overfitting from step 30: at step 40 the validation loss is 0.550, 10%")
        assert "its minimum of 0.500 at step 20" in sentence
        assert "the training loss fell from 0.500 to 0.200" in sentence


def test_the_gap_says_how_it_was_measured():
    found = gap(Checkpoint(10, 1.0, 0.2, 0.5), 32)
    assert (found.value, found.n, found.low) == (pytest.approx(0.3), 32, None)
    assert "no interval" in found.note
    assert gap(Checkpoint(10, 1.0, None, 0.5), 32) is None


losses = st.floats(0.01, 10)
evaluations = st.lists(st.tuples(losses, losses, st.none() | st.floats(0, 1)), min_size=1, max_size=12)


@given(evaluations, st.sampled_from([1.0, -1.0]))
def test_no_checkpoint_is_better_than_the_one_kept(found, sign):
    seen = checkpoints_of(curve(*found))
    kept = ranked(seen, sign)[0]
    scored = [one for one in seen if one.score is not None]
    if scored:
        assert sign * kept.score.value == max(sign * one.score.value for one in scored)
    else:
        assert kept.validation_loss == min(one.validation_loss for one in seen)


@given(evaluations, st.integers(1, 4))
def test_a_run_never_stops_at_an_evaluation_that_improved(found, patience):
    seen = checkpoints_of(curve(*found))
    lowest = all(seen[-1].validation_loss < one.validation_loss for one in seen[:-1])
    assert not (lowest and exhausted(seen, patience, 1.0, "accuracy"))
    assert not exhausted(seen[:patience], patience, 1.0, "accuracy")

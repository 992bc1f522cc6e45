import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.training.recipe import ENOUGH_STEPS, default_batch, default_epochs, learning_rate_prior, plan


@pytest.mark.parametrize(
    ("examples", "epochs"), [(1, 8), (200, 8), (201, 5), (1000, 5), (5000, 3), (5001, 2)]
)
def test_more_passes_over_less_data(examples, epochs):
    assert default_epochs(examples)[0] == epochs


def test_the_learning_rate_prior_falls_with_width_and_is_clamped():
    assert learning_rate_prior(2000) == pytest.approx(5e-4)
    assert learning_rate_prior(4096) == pytest.approx(5e-4 * (2000 / 4096) ** 0.781)
    assert learning_rate_prior(64) == 1e-3
    assert learning_rate_prior(1_000_000) == 1e-4


def test_given_values_win_and_say_so():
    recipe = plan(
        examples=100,
        hidden_size=576,
        longest_row_tokens=200,
        seed=1,
        epochs=2,
        learning_rate=3e-4,
        batch_size=4,
        rank=8,
    )
    assert (recipe.epochs, recipe.learning_rate, recipe.batch_size, recipe.rank) == (2, 3e-4, 4, 8)
    assert recipe.steps == 50
    given_choices = {choice.name for choice in recipe.choices if choice.reason == "given"}
    assert given_choices == {"method", "learning rate", "epochs", "batch"}


@given(
    examples=st.integers(1, 20_000),
    epochs=st.none() | st.floats(0.01, 20),
    batch=st.none() | st.integers(1, 64),
)
def test_every_plan_can_be_run(examples, epochs, batch):
    recipe = plan(
        examples=examples, hidden_size=576, longest_row_tokens=10, seed=0, epochs=epochs, batch_size=batch
    )
    assert recipe.steps >= 1
    assert 1 <= recipe.evaluate_every <= recipe.steps
    assert recipe.steps >= math.floor(examples / recipe.batch_size * recipe.epochs)
    assert all(choice.reason for choice in recipe.choices)


@given(rows_seen=st.floats(1, 1e6))
def test_the_batch_is_the_largest_that_leaves_enough_steps(rows_seen):
    size, reason = default_batch(rows_seen)
    assert size in (2, 4, 8, 16)
    assert size == 2 or rows_seen / size >= ENOUGH_STEPS
    assert size == 16 or rows_seen / (2 * size) < ENOUGH_STEPS
    assert reason

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recipes import CARD, LAPTOP, SMOLLM2_135M, recipe, rows

from insource.config.training import TrainingSection
from insource.training.defaults import (
    ENOUGH_STEPS,
    default_batch,
    default_epochs,
    default_rank,
    learning_rate_prior,
)


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


def test_qwen_s_rate_hardly_depends_on_its_width():
    assert learning_rate_prior(1024, "qwen3") == pytest.approx(5e-4 * (2000 / 1024) ** 0.0775)
    assert learning_rate_prior(8192, "qwen2") > 4e-4


def test_the_rank_grows_when_the_adapters_could_not_hold_the_answers():
    few, many = 50_000, 10_000_000
    assert default_rank(SMOLLM2_135M, few)[0] == 16
    rank, reason = default_rank(SMOLLM2_135M, many)
    assert rank == 64
    assert "19.5 million parameters" in reason


GIVEN = {
    "epochs": 2,
    "learning_rate": 3e-4,
    "scheduler": "linear",
    "warmup": 0.1,
    "weight_decay": 0.01,
    "max_grad_norm": 0.5,
    "optimizer": "adamw",
    "batch_size": 4,
    "micro_batch_tokens": 400,
    "rank": 8,
    "alpha": 16,
    "dropout": 0.1,
    "target_modules": ("q_proj", "v_proj"),
    "precision": "float32",
    "gradient_checkpointing": True,
    "evaluate_every": 5,
    "patience": 0,
    "seed": 7,
}


def test_given_values_win_and_say_so():
    made = recipe(**GIVEN)
    assert made.steps == 50
    renamed = {"gradient_checkpointing": "checkpointing", "target_modules": "targets"}
    for name, value in GIVEN.items():
        assert getattr(made, renamed.get(name, name)) == value, name
    not_given = {choice.name for choice in made.choices if choice.reason != "given"}
    assert not_given == {"method", "length"}  # what was not given, and what no setting changes


def test_every_setting_is_shown_with_a_reason():
    """A setting without a line would be chosen silently."""
    choices = recipe().choices
    assert len({choice.name for choice in choices}) == len(choices) == 18
    assert all(choice.reason and choice.value for choice in choices)
    assert not [choice.name for choice in choices if choice.reason == "given"]


def test_steps_take_the_place_of_epochs():
    made = recipe(rows(100), steps=30, batch_size=4)
    assert made.steps == 30
    assert made.epochs == pytest.approx(1.2)


def test_full_fine_tuning_takes_a_tenth_of_the_rate_and_exact_weights():
    full, adapters = recipe(method="full"), recipe()
    assert full.learning_rate == pytest.approx(adapters.learning_rate / 10)
    assert (full.precision, adapters.precision) == ("float32", "bfloat16")
    assert not {"rank", "scaling", "layers", "dropout"} & {choice.name for choice in full.choices}


@pytest.mark.parametrize(
    ("method", "said"),
    [("dora", "only be served merged"), ("rslora", "alpha·√rank"), ("full", "served merged")],
)
def test_what_gguf_cannot_carry_is_said_before_training(method, said):
    (choice,) = (one for one in recipe(method=method).choices if one.name == "method")
    assert said in choice.reason
    assert choice.reason.startswith("given; ")


@given(
    examples=st.integers(1, 20_000),
    epochs=st.none() | st.floats(0.01, 20),
    batch=st.none() | st.integers(1, 64),
    machine=st.sampled_from([LAPTOP, CARD]),
    method=st.sampled_from(["lora", "rslora", "dora", "full"]),
)
def test_every_plan_can_be_run(examples, epochs, batch, machine, method):
    made = recipe(rows(examples), machine=machine, epochs=epochs, batch_size=batch, method=method)
    assert made.steps >= 1
    assert 1 <= made.evaluate_every <= made.steps
    assert made.steps >= math.floor(examples / made.batch_size * made.epochs)
    assert made.micro_batch_tokens >= made.max_tokens
    assert all(choice.reason for choice in made.choices)


@given(rows_seen=st.floats(1, 1e6))
def test_the_batch_is_the_largest_that_leaves_enough_steps(rows_seen):
    size, reason = default_batch(rows_seen)
    assert size in (2, 4, 8, 16)
    assert size == 2 or rows_seen / size >= ENOUGH_STEPS
    assert size == 16 or rows_seen / (2 * size) < ENOUGH_STEPS
    assert reason


def test_every_knob_of_the_recipe_is_a_configuration_key():
    keys = set(TrainingSection.model_fields)
    assert keys >= {*GIVEN, "steps", "max_tokens", "max_memory_gb", "method"}

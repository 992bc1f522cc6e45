"""The list of arms, and what it promises about each."""

from typing import get_args

import pytest
from support import orders
from support.arms import TRAINING, dataset_of, inputs_of

from insource.arms import factory
from insource.arms.factory import ArmNeeds
from insource.arms.registry import ARMS
from insource.config.evaluation import EvaluationSection, Rung
from insource.config.reference import ReferenceSection
from insource.types import Estimate, SweepTrial, TrainingPoint


@pytest.fixture
def inputs(rows, label_task, tmp_path):
    lines = [row | {"cloud_outputs": {"gpt": "billing"}} for row in rows.tickets(9)]
    examples = rows.examples(lines)
    dataset = dataset_of(examples[:4], examples[4:], label_task, clouds=("gpt",))
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "desks.md").write_text("Billing answers questions about refunds.")
    settings = EvaluationSection(prompted=get_args(Rung), knowledge=str(tmp_path / "knowledge"))
    reference = ReferenceSection(
        with_schema=True,
        model="openai/big",
        also=({"model": "openai/small"},),
        decisions=({"model": "openai/decider"},),
    )
    made = inputs_of(label_task, dataset, tmp_path)
    return made._replace(settings=settings, reference=reference)


@pytest.fixture
def json_inputs(tmp_path):
    return inputs_of(
        orders.TASK, dataset_of(orders.orders(30), orders.orders(4, seed=1), orders.TASK), tmp_path
    )


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.kind)
def test_every_arm_says_what_it_is_and_its_plans_agree(arm, request):
    inputs = request.getfixturevalue("inputs" if "labels" in arm.needs.outputs else "json_inputs")
    assert arm.why_not(inputs) == ""
    plans = arm.make(inputs)
    assert plans
    for plan in plans:
        assert plan.arm.role == arm.role
        assert plan.arm.kind == arm.kind
        assert {one.row_id for one in plan.examples} <= {one.row_id for one in inputs.test}
        assert plan.arm.description
        assert plan.identity


def test_names_are_different(inputs):
    names = [plan.arm.name for arm in ARMS if not arm.why_not(inputs) for plan in arm.make(inputs)]
    assert len(set(names)) == len(names)
    assert {"gpt", "floor", "base", "base + schema", "tuned"} <= set(names)


def test_the_tuned_arm_is_a_candidate_and_knows_its_confidence(inputs):
    (tuned,) = (arm for arm in ARMS if arm.kind == "tuned")
    (plan,) = tuned.make(inputs)
    assert (tuned.role, plan.confidence(inputs.test[0], None)) == ("candidate", 0.9)


def test_an_early_arm_needs_no_trained_model(inputs):
    before = inputs._replace(local=None)
    for arm in ARMS:
        if arm.early and not arm.why_not(before):
            assert arm.make(before)


def test_an_arm_and_its_factory_state_one_role(inputs):
    wrong = ARMS[0]._replace(role="candidate")
    with pytest.raises(ValueError, match="gpt is a reference, its factory makes a candidate"):
        wrong.make(inputs)


def test_a_missing_extra_is_named_with_its_line(inputs, monkeypatch):
    monkeypatch.setattr(factory, "find_spec", lambda module: None)
    assert ArmNeeds(extra="serve", module="xllamacpp").missing(inputs) == (
        "it needs the extra `serve`: pip install 'insource[serve]'"
    )
    assert ArmNeeds().missing(inputs) == ""


def test_the_tuned_arm_says_how_often_a_checkpoint_was_scored(inputs):
    (tuned,) = (arm for arm in ARMS if arm.kind == "tuned")
    losses = {1: 2.0, 2: None, 3: 1.0}
    curve = tuple(TrainingPoint(step=n, epoch=0.1 * n, validation_loss=loss) for n, loss in losses.items())
    said = {"curve": curve, "choices": (("method", "LoRA", "why"),), "best_step": 3}
    training = TRAINING.model_copy(update=said)
    (plan,) = tuned.make(inputs._replace(training=training))
    assert plan.effort.validation_evaluations == 2
    assert plan.effort.settings == {"method": "LoRA", "step": "3"}


def test_what_chose_the_checkpoint_does_not_compare_the_tuned_arm(inputs):
    (tuned,) = (arm for arm in ARMS if arm.kind == "tuned")
    curve = (
        TrainingPoint(step=1, epoch=0.1, validation_loss=2.0),
        TrainingPoint(step=1, epoch=0.1, task_metric=Estimate(value=0.5, n=40)),
    )
    trial = SweepTrial(rung=0, learning_rate=1e-3, batch_size=4, rows=160, validation_loss=1.0)
    said = {"curve": curve, "metric": "accuracy", "trials": (trial, trial), "chosen_on": ("r1", "r2")}
    (plan,) = tuned.make(inputs._replace(training=TRAINING.model_copy(update=said)))
    assert plan.chosen_on == {"r1", "r2"}
    assert plan.effort.validation_evaluations == 3
    assert plan.effort.note == "checkpoints, by accuracy, and 2 trials of a sweep"

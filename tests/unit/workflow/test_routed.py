"""What the policy did on the test split, and what routing by expected gain would have done."""

from __future__ import annotations

import pytest
from support.arms import dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.types.choice import Choice
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.route import calibrate
from insource.workflow.routed import LEAST_LEARNED, routing_of

CHOICE = Choice(candidate="tuned", baseline="cloud", metric="accuracy", margin=0.02, trials=(), reason="")


@pytest.fixture
def measured(project, rows, label_task, tmp_path):
    """A cloud that is always right, and a local model that is sure of two documents in three."""

    def run(calibration=LEAST_LEARNED + 30, **routing):
        lines = "".join(f"{key} = {value!r}\n" for key, value in routing.items())
        walk = session_on(project(config=f"[task]\nname = 'tickets'\n[routing]\n{lines}"), FakeDisplay())
        examples = tuple(
            one.model_copy(update={"cloud_outputs": {"cloud": one.target}})
            for one in rows.examples(rows.tickets(calibration + 12 + 30))
        )
        dataset = dataset_of(examples[:9], examples[-30:], label_task)
        splits = dataset.splits | {"calibration": examples[12:-30]}
        manifest = dataset.manifest.model_copy(update={"cloud_models": ("cloud",)})
        dataset = dataset.model_copy(update={"splits": splits, "manifest": manifest})
        place = {one.row_id: at for at, one in enumerate(examples)}
        made = made_of(label_task, tmp_path, examples)._replace(
            confidence=lambda example, completion: 0.2 if place[example.row_id] % 3 == 0 else 0.9
        )
        calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
        evaluated = evaluate_arms(walk, dataset, label_task, made, choice=CHOICE)
        return calibrated, lambda given: routing_of(walk, dataset, label_task, given, evaluated, CHOICE)

    return run


def test_what_is_reported_is_of_the_test_split(measured):
    calibrated, routed = measured()
    found = routed(calibrated)
    assert found.policy.basis == "guaranteed"
    assert len(calibrated.cloud) == calibrated.policy.calibration_n
    (every,) = found.served  # nothing is handed over, so there is no other router to compare with
    assert (every.name, every.documents, every.share.value, every.loss.value) == ("all", 30, 1.0, 0.0)
    assert every.quality.value == 1.0


@pytest.mark.parametrize("calibration", [LEAST_LEARNED + 30, LEAST_LEARNED - 1])
def test_another_router_hands_over_as_many_where_enough_is_known(measured, calibration):
    calibrated, routed = measured(calibration)
    policy = calibrated.policy.model_copy(update={"threshold": 0.5})
    every, *other = routed(calibrated._replace(policy=policy)).served
    assert 0.5 < every.share.value < 0.8
    assert [one.name for one in other] == ["by expected gain"] * (calibration >= LEAST_LEARNED)
    assert [one.share.value for one in other] == [every.share.value] * len(other)


def test_without_a_threshold_nothing_is_served(measured):
    calibrated, routed = measured(max_error=0.001)
    assert (calibrated.policy.threshold, routed(calibrated).served) == (None, ())

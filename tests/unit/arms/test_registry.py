"""The list of arms, and what it promises about each."""

import pytest
from support.arms import dataset_of, inputs_of

from insource.arms import factory
from insource.arms.factory import ArmNeeds
from insource.arms.registry import ARMS


@pytest.fixture
def inputs(rows, label_task, tmp_path):
    lines = [row | {"cloud_outputs": {"gpt": "billing"}} for row in rows.tickets(9)]
    examples = rows.examples(lines)
    dataset = dataset_of(examples[:4], examples[4:], label_task, clouds=("gpt",))
    return inputs_of(label_task, dataset, tmp_path)


@pytest.fixture
def json_inputs(rows, example_task, tmp_path):
    examples = rows.examples(rows.pumps(9))
    return inputs_of(example_task, dataset_of(examples[:6], examples[6:], example_task), tmp_path)


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


def test_one_candidate_is_served_and_knows_its_confidence(inputs):
    (served,) = (arm for arm in ARMS if arm.serves)
    (plan,) = served.make(inputs)
    assert (served.role, plan.confidence(inputs.test[0], None)) == ("candidate", 0.9)


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

"""The floor: the same answer to everything."""

import json

import pytest
from support.arms import dataset_of, inputs_of

from insource.arms.floor import FACTORY, empty_answer, most_common, plans
from insource.types import Text


def test_the_most_common_label_wins_and_a_tie_is_sorted(rows):
    examples = rows.examples(rows.tickets(7))  # billing three times, delivery and technical twice
    assert most_common(examples) == "billing"
    assert most_common(examples[1:3]) == "delivery"


def test_every_field_asked_for_is_empty(rows, example_task):
    (example,) = rows.examples(rows.pumps(1))
    assert json.loads(empty_answer(example_task, example)) == {"model": None, "voltage": None}
    asked = example.model_copy(update={"attributes": ("voltage",)})
    assert json.loads(empty_answer(example_task, asked)) == {"voltage": None}
    own = example.model_copy(update={"contract": {"type": "object", "properties": {"flow": {}}}})
    assert json.loads(empty_answer(example_task, own)) == {"flow": None}


def test_the_plan_answers_every_test_document_and_is_no_look(rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(9))
    (plan,) = plans(inputs_of(label_task, dataset_of(examples[:4], examples[4:], label_task), tmp_path))
    assert (plan.arm.role, plan.examples, plan.is_look) == ("baseline", examples[4:], False)
    with plan.model() as model:
        assert {model.generate(plan.ask(one)).text for one in plan.examples} == {"billing"}


@pytest.mark.parametrize(
    ("output", "train", "reason"),
    [
        (Text(), 3, "not measured: it answers json or labels, and this task asks for text"),
        (None, 0, "not measured: it needs 1 training rows, and there are 0"),
        (None, 3, ""),
    ],
)
def test_it_needs_rows_and_an_answer_that_can_be_constant(rows, label_task, tmp_path, output, train, reason):
    task = label_task.model_copy(update={"output": output}) if output else label_task
    examples = rows.examples(rows.tickets(6))
    dataset = dataset_of(examples[:train], examples[3:], task)
    assert FACTORY.why_not(inputs_of(task, dataset, tmp_path)) == reason

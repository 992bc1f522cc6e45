"""The arm of span ranking: fitted once, read back, with the figure that cross-validation expects."""

import json

from support.arms import dataset_of, inputs_of

from insource.arms.classical import fields
from insource.arms.registry import ARMS
from insource.types import Example, JsonSchema, Labels, Task

FIELDS = {"ref": {"type": ["string", "null"]}, "volts": {"type": ["integer", "null"]}}
TASK = Task(
    name="t",
    instruction="x",
    output=JsonSchema(definition={"type": "object", "properties": FIELDS, "required": ["ref", "volts"]}),
)


def examples(count):
    return tuple(
        Example(
            row_id=f"r{n}",
            digest=f"d{n}",
            input=f"Ref: A-{n + 100}\nVoltage: {n * 10 + 5} V" if n % 3 else f"Ref: A-{n + 100}",
            target=json.dumps({"ref": f"A-{n + 100}", "volts": n * 10 + 5 if n % 3 else None}),
            group=f"g{n % 8}",
            provenance={"source": "t"},
        )
        for n in range(count)
    )


def planned(tmp_path):
    rows = examples(40)
    return rows, fields.plans(inputs_of(TASK, dataset_of(rows, rows[:3], TASK), tmp_path))[0]


def test_a_plan_answers_with_confidence_and_says_what_to_expect(tmp_path):
    rows, plan = planned(tmp_path)
    assert plan.expected.n == len(rows)
    assert plan.expected.value > 0.9
    assert "cross-validation" in plan.expected.method
    assert plan.effort.validation_evaluations == 1
    with plan.model() as model:
        completion = model.generate(plan.ask(rows[4]))
    assert completion.text == rows[4].target.replace(" ", "")
    assert 0 < plan.confidence(rows[4], completion) <= 1
    assert set(completion.field_confidences) == {"ref", "volts"}


def test_the_second_plan_is_read_back(tmp_path):
    identities = [planned(tmp_path)[1].identity for _ in range(2)]
    assert identities[0] == identities[1]


def test_a_metric_without_a_value_by_document_has_no_expected_figure():
    assert not fields.expected_of(TASK.model_copy(update={"primary_metric": "f1"}), ()).measured


def test_it_answers_json_early_and_says_why_not_otherwise(tmp_path):
    assert fields.FACTORY in ARMS
    assert fields.FACTORY.early
    labels = Task(name="t", instruction="x", output=Labels(names=("a", "b")))
    inputs = inputs_of(labels, dataset_of(examples(3), (), labels), tmp_path)
    assert "answers json" in fields.FACTORY.why_not(inputs)

"""A field goes to another arm only where validation shows a gain beyond its standard error."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.arms import dataset_of, inputs_of

from insource.arms.hybrid import FOLDS, chosen_fields, field_of, hybrid_plan
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import ProviderError
from insource.models.assembled import AssembledModel
from insource.models.protocol import ModelInfo, Request
from insource.models.replay import ReplayModel
from insource.runs.folders import Run
from insource.types import Arm, Completion, EvalRecord, Evaluation, Example, JsonSchema, Message, Task
from insource.types.choice import HybridParts

SCHEMA = {
    "type": "object",
    "properties": {name: {"type": ["string", "null"]} for name in ("model", "voltage", "phase")},
    "required": ["model", "voltage", "phase"],
    "additionalProperties": False,
}
TASK = Task(name="specs", instruction="Extract.", output=JsonSchema(definition=SCHEMA))
TARGET = {"model": "AX", "voltage": "480 V", "phase": "3"}
FIELDS = tuple(TARGET)


def examples(n, groups=0):
    return tuple(
        Example(
            row_id=f"r{i}",
            digest=str(i),
            input=f"text {i}",
            target=json.dumps(TARGET),
            provenance={"source": "t"},
            group=f"g{i % groups}" if groups else None,
        )
        for i in range(n)
    )


def arm(name, documents, rates, seed=0, role="candidate", fails=0.0):
    """An arm that gets each field right at its rate, independently, and none at the rate ``fails``."""
    random = np.random.default_rng([seed, *name.encode()])
    score = build_scorer(TASK)
    records = []
    for example in documents:
        if random.random() < fails:
            failed = {"row_id": example.row_id, "group": example.group, "status": "failed"}
            records.append(EvalRecord(**failed, reason="timeout"))
            continue
        answer = {f: v if random.random() < rates[f] else "wrong" for f, v in TARGET.items()}
        completion = Completion(text=json.dumps(answer), latency_s=0.1)
        records.append(
            EvalRecord(
                row_id=example.row_id,
                group=example.group,
                status="scored",
                completion=completion,
                score=score(example, completion),
                confidence=0.9,
            )
        )
    said = Arm(name=name, model=name, kind=name, role=role, local=True)
    evaluation = Evaluation(
        arm=said, split="validation", n=len(records), scored=0, failed=0, unscored=0, metrics={}, fields=()
    )
    run = Run(stage="evaluate", run_id=name, path=Path(name), manifest={"key": name})
    return Evaluated(run, evaluation, tuple(records))


GOOD = {"model": 0.95, "voltage": 0.95, "phase": 0.3}
OTHER = {"model": 0.3, "voltage": 0.3, "phase": 0.95}


@pytest.mark.parametrize("groups", [0, 20])
def test_the_field_that_another_arm_does_better_is_taken_from_it(groups):
    documents = examples(100, groups)
    found = chosen_fields(arm("a", documents, GOOD), [arm("b", documents, OTHER)], "field_accuracy")
    assert (found.parts.default, found.parts.source) == ("a", {"phase": "b"})
    assert found.parts.names == ("a", "b")
    assert found.expected.value > 0.9
    assert found.effort.validation_evaluations == FOLDS + 1


def test_equal_arms_seldom_make_a_hybrid_and_never_a_better_looking_one():
    """What is chosen by chance has to fail by nested folds: the expected figure is not above the truth."""
    equal = dict.fromkeys(FIELDS, 0.7)
    documents = examples(60)
    figures = []
    for seed in range(40):
        others = [arm(name, documents, equal, seed) for name in "bcd"]
        found = chosen_fields(arm("a", documents, equal, seed), others, "field_accuracy")
        if found is not None:
            figures.append(found.expected.value)
    assert len(figures) < 32
    assert np.mean(figures or [0.7]) < 0.78


@pytest.mark.parametrize("metric", ["field_accuracy", "exact_match"])
def test_what_fails_is_no_gain_and_the_figure_is_that_of_the_assembled_answers(metric, tmp_path):
    """The default fails on a part of the documents, the other arm on another part: nothing is left out."""
    documents = examples(400)
    default, other = arm("a", documents, GOOD, fails=0.3), arm("b", documents, OTHER, fails=0.4)
    found = chosen_fields(default, [other], metric)
    assert found.parts.source == {"phase": "b"}
    assert len(found.values) == found.expected.n == len(documents)
    plan = hybrid_plan(
        inputs_of(TASK, dataset_of((), documents, TASK), tmp_path), found.parts, [default, other]
    )
    score, values = build_scorer(TASK), []
    with plan.model() as model:
        for example in documents:
            try:
                given = score(example, model.generate(plan.ask(example)))
            except ProviderError:
                values.append(0.0)
            else:
                values.append(given.field_accuracy if metric == "field_accuracy" else given.exact)
    assert found.expected.value == pytest.approx(np.mean(values), abs=1e-9)


def test_an_arm_that_answers_easy_documents_only_gains_nothing_by_that():
    documents = examples(200)
    sure = arm("b", documents, dict.fromkeys(FIELDS, 0.6), fails=0.7)
    assert chosen_fields(arm("a", documents, dict.fromkeys(FIELDS, 0.9)), [sure], "field_accuracy") is None


def test_a_metric_that_does_not_follow_from_the_fields_makes_none():
    documents = examples(100)
    assert (
        chosen_fields(arm("a", documents, GOOD), [arm("b", documents, OTHER)], "hallucination_rate") is None
    )


@pytest.mark.parametrize("n", [0, 1, 2 * FOLDS - 1])
def test_too_few_documents_make_none(n):
    documents = examples(n)
    assert chosen_fields(arm("a", documents, GOOD), [arm("b", documents, OTHER)], "exact_match") is None


def test_one_group_makes_none():
    documents = examples(40, groups=1)
    assert chosen_fields(arm("a", documents, GOOD), [arm("b", documents, OTHER)], "field_accuracy") is None


@pytest.mark.parametrize(
    ("path", "field"), [("power.voltage", "power"), ("power[].unit", "power"), ("model", "model"), ("*", "*")]
)
def test_a_slot_belongs_to_a_top_level_field(path, field):
    assert field_of(path) == field


def test_the_plan_assembles_what_is_on_record(tmp_path):
    documents = examples(30)
    parts = HybridParts(default="a", source={"phase": "b"})
    arms = [
        arm("a", documents, dict.fromkeys(FIELDS, 1.0) | {"phase": 0.0}),
        arm("b", documents[:20], dict.fromkeys(FIELDS, 0.0) | {"phase": 1.0}),
    ]
    plan = hybrid_plan(inputs_of(TASK, dataset_of(documents, documents, TASK), tmp_path), parts, arms)
    assert len(plan.examples) == 20
    with plan.model() as model:
        answers = [model.generate(plan.ask(one)) for one in plan.examples]
    assert {json.dumps(json.loads(one.text)) for one in answers} == {json.dumps(TARGET)}
    assert plan.confidence(documents[0], answers[0]) == 0.9
    assert answers[0].latency_s == pytest.approx(0.2)
    assert plan.arm.local


REQUEST = Request(messages=(Message(role="user", content="x"),), max_tokens=1, document="x")
WHOLE = json.dumps(TARGET, separators=(",", ":"))
CASES = {
    "another model has no JSON": ("no idea", WHOLE),
    "another model has another kind of value": ('["3"]', WHOLE),
    "another model lacks the field": ('{"model": "B"}', WHOLE),
    "what is assembled breaks the schema": ('{"phase": 3}', WHOLE),
    "the field is taken": ('{"phase": "1", "model": "B"}', WHOLE.replace('"3"', '"1"')),
}


@pytest.mark.parametrize(("second", "answer"), CASES.values(), ids=CASES)
def test_the_first_model_stands_in_for_what_another_cannot_answer(second, answer):
    models = [ReplayModel("m", {REQUEST.messages: text}) for text in (WHOLE, second)]
    model = AssembledModel("h", models, {"phase": 1}, TASK.output)
    assert model.generate(REQUEST).text == answer


def test_the_first_model_s_unreadable_answer_is_the_answer():
    models = [ReplayModel("m", {REQUEST.messages: text}) for text in ("no idea", WHOLE)]
    assert AssembledModel("h", models, {"phase": 1}, TASK.output).generate(REQUEST).text == "no idea"


def test_a_model_that_fails_leaves_its_fields_to_the_first():
    models = [ReplayModel("m", {REQUEST.messages: WHOLE}), ReplayModel("m", {})]
    assert AssembledModel("h", models, {"phase": 1}, TASK.output).generate(REQUEST).text == WHOLE


class Sure:
    """Answers every request with this text, and is this sure of each field."""

    def __init__(self, text, sure):
        self.info = ModelInfo(name="m", local=True)
        self._answer = Completion(text=text, field_confidences=dict.fromkeys(FIELDS, sure))

    def generate(self, request):
        return self._answer


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (WHOLE, {"model": 0.9, "voltage": 0.9, "phase": 0.4}),
        ('{"model":"AX","voltage":"480 V","phase":3}', dict.fromkeys(FIELDS, 0.9)),  # breaks the schema
    ],
)
def test_the_confidence_of_a_field_is_of_the_model_that_answered_it(second, expected):
    models = [Sure(WHOLE, 0.9), Sure(second, 0.4)]
    found = AssembledModel("h", models, {"phase": 1}, TASK.output).generate(REQUEST)
    assert found.field_confidences == expected

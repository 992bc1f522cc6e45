"""Answers that are none, several right answers, abstention, and what automation needs."""

import json

import pytest

from insource.evaluation.metrics import document_value, summarise
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.types import (
    Arm,
    Completion,
    EvalRecord,
    Example,
    JsonSchema,
    Labels,
    Provenance,
    Score,
    Task,
    Text,
)

TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {**TEXT, "x-insource": {"compare": "quantity"}},
        "due": {**TEXT, "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "power": {"type": "object", "properties": {"phase": TEXT}},
    },
}
GOLD = {"voltage": "480 V", "due": "2026-03-01", "tags": ["a", "b"], "power": {"phase": None}}
TASK = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))
LABELS = Task(name="t", instruction="i", output=Labels(names=("billing", "delivery", "other")))
FREE = Task(name="t", instruction="i", output=Text())
ARM = Arm(name="a", model="m", kind="a", role="candidate")


def example(gold, **fields):
    target = gold if isinstance(gold, str) else json.dumps(gold)
    return Example(
        row_id="r", digest="0", input="…", target=target, provenance=Provenance(source="s"), **fields
    )


def scored(answer, gold=GOLD, task=TASK, finish="stop", **fields):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return build_scorer(task)(example(gold, **fields), Completion(text=text, finish_reason=finish))


def buckets(score):
    return {slot.path: slot.bucket for slot in score.slots}


def record(score, row_id="r"):
    status = "failed" if score.failure else "scored"
    return EvalRecord(row_id=row_id, status=status, reason=score.failure, score=score)


@pytest.mark.parametrize(("task", "gold"), [(TASK, GOLD), (LABELS, "billing"), (FREE, "The parcel is late.")])
@pytest.mark.parametrize(
    ("finish", "text", "reason"),
    [
        ("length", None, "cut"),
        ("content_filter", None, "blocked"),
        ("error", None, "provider"),
        ("stop", "", "empty"),
        ("stop", " \n", "empty"),
    ],
)
def test_no_answer_is_a_failure_even_if_its_text_were_right(task, gold, finish, text, reason):
    right = gold if isinstance(gold, str) else json.dumps(gold)
    found = scored(right if text is None else text, gold, task, finish)
    assert reason in found.failure
    assert (found.exact, found.parsed, found.field_accuracy) == (False, False, 0)
    assert all(slot.bucket == "missed" for slot in found.slots)
    evaluation = summarise(ARM, "test", [record(found)], all_null=empty_scores(task, [example(gold)]))
    assert (evaluation.failed, list(evaluation.failures)) == (1, [found.failure])
    assert evaluation.metrics["field_accuracy"].value == 0


@pytest.mark.parametrize(("task", "gold"), [(TASK, GOLD), (LABELS, "billing"), (FREE, "The parcel is late.")])
def test_a_refusal_is_a_failure(task, gold):
    found = scored("I'm sorry, but I cannot assist with this request.", gold, task)
    assert found.failure.startswith("refused")


def test_a_text_that_is_to_be_a_refusal_is_not_one():
    refusal = "I'm sorry, but I cannot assist with this request."
    assert scored(refusal, refusal, FREE).exact


@pytest.mark.parametrize(
    ("change", "path", "bucket", "gold"),
    [
        ({"voltage": "0.5 kV"}, "voltage", "correct", "500 V"),
        ({"voltage": "480V"}, "voltage", "correct", "480 V"),
        ({"voltage": "400 V"}, "voltage", "wrong", "480 V"),
        ({"due": None}, "due", "correctly_empty", None),
        ({"due": "2026-03-02"}, "due", "wrong", "2026-03-01"),
        ({"tags": ["c"]}, "tags[]", "correct", "c"),
        ({"power": {"phase": "3"}}, "power.phase", "correct", "3"),
    ],
)
def test_any_acceptable_value_is_right_and_is_then_the_label(change, path, bucket, gold):
    acceptable = {
        "voltage": ("500 V",),
        "due": (None,),
        "tags": (["c"],),
        "power.phase": ("1", "3"),
    }
    found = scored(GOLD | change, acceptable=acceptable)
    slot = next(slot for slot in found.slots if slot.path == path)
    assert (slot.bucket, slot.gold) == (bucket, gold)


def test_without_acceptable_values_nothing_changes():
    for answer in (GOLD, {}, GOLD | {"voltage": "500 V", "x": 1}):
        assert scored(answer, acceptable={}) == scored(answer)


def test_acceptable_labels_and_texts():
    assert scored("other", "billing", LABELS, acceptable={"": ("other",)}).exact
    assert not scored("delivery", "billing", LABELS, acceptable={"": ("other",)}).exact
    found = scored("It is late.", "The parcel is late.", FREE, acceptable={"": ("It is late.",)})
    assert found.exact
    assert found.metrics["token_f1"] == found.metrics["chrf"] == 1


def test_abstention_has_a_bucket_of_its_own():
    task = TASK.model_copy(update={"abstain_with": ("UNREADABLE",)})
    found = scored(GOLD | {"voltage": "unreadable", "power": {"phase": "UNREADABLE"}}, task=task)
    assert buckets(found)["voltage"] == buckets(found)["power.phase"] == "abstained"
    assert not found.exact
    metrics = summarise(ARM, "test", [record(found, str(n)) for n in range(3)]).metrics
    assert metrics["abstention_rate"].value == 2 / 5
    assert metrics["precision"].value == 1  # what it said is right
    assert metrics["recall"].value == 3 / 4
    assert metrics["edit_burden"].value == 2
    assert metrics["invented_per_null_slot"].value == 0
    assert buckets(scored(GOLD | {"voltage": "UNREADABLE"}))["voltage"] == "wrong"


def test_an_abstention_that_the_label_expects_is_right():
    task = TASK.model_copy(update={"abstain_with": ("UNREADABLE",)})
    gold = GOLD | {"power": {"phase": "UNREADABLE"}}
    assert scored(gold, gold, task).exact
    labels = LABELS.model_copy(update={"abstain_with": ("unsure",)})
    assert scored("unsure", "billing", labels).slots[0].bucket == "abstained"


def test_exact_match_counts_what_automation_needs():
    properties = SCHEMA["properties"] | {
        "due": {**TEXT, "format": "date", "x-insource": {"automation": True}}
    }
    task = TASK.model_copy(update={"output": JsonSchema(definition=SCHEMA | {"properties": properties})})
    assert scored(GOLD | {"voltage": "1 V"}, task=task).exact
    assert not scored(GOLD | {"due": None}, task=task).exact
    assert not scored(GOLD | {"voltage": "1 V"}).exact


def test_a_correction_costs_what_is_declared():
    properties = SCHEMA["properties"] | {"due": {**TEXT, "x-insource": {"cost": 5}}}
    task = TASK.model_copy(update={"output": JsonSchema(definition=SCHEMA | {"properties": properties})})
    answers = [GOLD, GOLD | {"due": None}, GOLD | {"voltage": "1 V"}, GOLD | {"due": "x", "voltage": None}]
    scores = [scored(answer, task=task) for answer in answers]
    assert [one.correction_cost for one in scores] == [0, 5, 1, 6]
    found = summarise(ARM, "test", [record(one, str(n)) for n, one in enumerate(scores)])
    assert found.metrics["correction_cost"].value == 3
    assert "correction_cost" not in summarise(ARM, "test", [record(scored(GOLD))]).metrics


def test_a_metric_of_an_own_scorer_is_zero_on_a_failed_call_and_none_where_there_is_nothing_to_judge():
    failed = EvalRecord(row_id="r", status="failed", reason="timeout")
    assert document_value(failed, "mine") == 0
    plain = Score(slots=(), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=True)
    assert document_value(EvalRecord(row_id="r", status="scored", score=plain), "required_facts") is None


def test_all_null_against_one_of_ten_filled_is_no_success():
    names = [f"f{n}" for n in range(10)]
    schema = {"type": "object", "properties": dict.fromkeys(names, TEXT)}
    task = Task(name="t", instruction="i", output=JsonSchema(definition=schema))
    gold = dict.fromkeys(names) | {"f0": "480 V"}
    found = scored(dict.fromkeys(names), gold, task)
    metrics = summarise(ARM, "test", [record(found)], all_null=empty_scores(task, [example(gold)])).metrics
    assert metrics["field_accuracy"].value == metrics["all_null_floor"].value == 0.9
    assert metrics["recall"].value == metrics["f1"].value == 0
    assert not found.exact


@pytest.mark.parametrize(
    ("kind", "gold", "answer", "right"),
    [
        ("quantity", "480V", "480 V", True),
        ("quantity", "480V", "400V", False),
        ("number", 100, 105, False),
        ("number", 1000, 1100, False),
        ("number", 480, "480", True),
        ("date", "2024-03-01", "2024-03-02", False),
        ("text", None, None, True),
        ("text", None, "x", False),
        ("text", "x", None, False),
    ],
)
def test_the_golden_cases_of_other_scorers_faults(kind, gold, answer, right):
    schema = {"type": "object", "properties": {"f": {"x-insource": {"compare": kind}}}}
    task = Task(name="t", instruction="i", output=JsonSchema(definition=schema))
    assert scored({"f": answer}, {"f": gold}, task).exact is right

"""Summaries by hand: what is divided by what, and which interval a sample allows."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.estimators import mean, rate, ratio, sampling_units
from insource.evaluation.metrics import document_value, summarise
from insource.types import Arm, Completion, EvalRecord, Score, SlotScore

ARM = Arm(name="tuned", model="local/tuned", kind="tuned")
GOLD = {"correct": "x", "wrong": "x", "missed": "x", "invented": None, "correctly_empty": None}


def score(buckets, *, parsed=True, canonical=True, paths="abcdefgh"):
    slots = tuple(SlotScore(path=p, bucket=b, gold=GOLD[b]) for p, b in zip(paths, buckets, strict=False))
    exact = set(buckets) <= {"correct", "correctly_empty"}
    return Score(
        slots=slots, parsed=parsed, repairable=True, schema_valid=parsed, canonical=canonical, exact=exact
    )


def records(*scores, groups=None, seen=None):
    return [
        EvalRecord(
            row_id=str(i),
            group=groups[i] if groups else None,
            group_seen=seen[i] if seen else None,
            status="scored",
            score=one,
            completion=Completion(text="", latency_s=0.1 * (i + 1)),
        )
        for i, one in enumerate(scores)
    ]


A = score(["correct", "correct", "wrong", "correctly_empty"])
B = score(["correct", "missed", "correct", "invented"], canonical=False)
EMPTY = score(["missed", "missed", "missed", "correctly_empty"])


def test_the_definitions_by_hand():
    metrics = summarise(ARM, "test", records(A, B), all_null={"0": EMPTY, "1": EMPTY}).metrics
    assert {name: round(estimate.value, 4) for name, estimate in metrics.items()} == {
        "field_accuracy": 0.625,  # (3/4 + 2/4) / 2
        "field_accuracy_micro": 0.625,
        "field_accuracy_macro": 0.625,
        "all_null_floor": 0.25,
        "precision": 0.6667,  # 4 correct / (4 + 1 wrong + 1 invented)
        "recall": 0.6667,  # 4 / (4 + 1 wrong + 1 missed)
        "f1": 0.6667,
        "exact_match": 0.0,
        "edit_burden": 1.5,
        "format_consistency": 0.5,
        "parse_rate": 1.0,
        "repairable_rate": 1.0,
        "schema_valid_rate": 1.0,
        "hallucination_rate": 0.5,
        "invented_per_null_slot": 0.5,
        "invented_per_document": 0.5,
    }


def test_failed_calls_are_failures_and_unscored_rows_are_only_counted():
    failed = EvalRecord(row_id="1", status="failed", reason="timeout")
    unscored = EvalRecord(row_id="2", status="unscored")
    result = summarise(ARM, "test", [*records(A), failed, unscored], all_null={"0": EMPTY, "1": EMPTY})
    assert (result.n, result.scored, result.failed, result.unscored) == (3, 1, 1, 1)
    assert result.failures == {"timeout": 1}
    metrics = result.metrics
    assert metrics["field_accuracy"].value == 0.375  # (3/4 + 0) / 2
    assert metrics["field_accuracy_micro"].value == 0.375  # the null slot of the failed call earns nothing
    assert metrics["parse_rate"].value == 0.5
    assert metrics["recall"].value == pytest.approx(2 / 6)
    assert metrics["edit_burden"].value == 2.0  # one wrong, three missed
    assert metrics["field_accuracy"].n == 2


def test_failed_calls_with_unknown_slots_are_said():
    failed = EvalRecord(row_id="1", status="failed", reason="timeout")
    metrics = summarise(ARM, "test", [*records(A), failed]).metrics
    assert metrics["field_accuracy"].value == 0.375
    assert "1 failed" in metrics["recall"].note
    assert not metrics["all_null_floor"].measured


def test_one_field_is_a_rate_with_a_wilson_interval():
    result = summarise(ARM, "test", records(*[A] * 20, *[B] * 10))
    field = {field.path: field for field in result.fields}["b"]
    assert field.buckets == {
        "correct": 20,
        "wrong": 0,
        "missed": 10,
        "invented": 0,
        "correctly_empty": 0,
        "abstained": 0,
    }
    assert (field.accuracy.low, field.accuracy.high) == pytest.approx(
        proportion_confint(20, 30, method="wilson")
    )


def test_undeclared_keys_are_counted_but_are_no_field():
    extra = score(["correct", "invented"], paths=["a", "*"])
    result = summarise(ARM, "test", records(extra, score(["correct"])))
    assert result.metrics["field_accuracy_macro"].value == 1.0
    assert not result.fields[1].accuracy.measured
    assert result.metrics["hallucination_rate"].value == 0.5


def test_slices_by_group_seen_in_training():
    seen = [True] * 12 + [False] * 12
    groups = [f"g{i // 2}" for i in range(24)]
    result = summarise(ARM, "test", records(*[A] * 12, *[B] * 12, groups=groups, seen=seen))
    assert result.slices["seen groups"]["field_accuracy"].value == 0.75
    assert result.slices["unseen groups"]["hallucination_rate"].value == 1.0
    assert "6 groups" in result.slices["unseen groups"]["hallucination_rate"].method


def test_labels_have_accuracy_and_macro_f1():
    def labelled(gold, predicted):
        bucket = "correct" if gold == predicted else "missed" if predicted is None else "wrong"
        slot = SlotScore(path="(label)", bucket=bucket, gold=gold, predicted=predicted)
        return A.model_copy(update={"slots": (slot,), "exact": gold == predicted})

    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b"), ("c", None)]
    metrics = summarise(ARM, "test", records(*[labelled(*pair) for pair in pairs])).metrics
    assert metrics["accuracy"].value == 0.6
    assert metrics["macro_f1"].value == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert "precision" not in metrics


def test_latency_is_measured_or_assumed():
    result = summarise(ARM, "test", records(*[A] * 80))
    assert result.latency_s["p50"].value == pytest.approx(4.0)
    assert result.latency_s["p95"].low < result.latency_s["p95"].value < result.latency_s["p95"].high
    assumed = ARM.model_copy(update={"assumed_latency_s": 1.2})
    assert summarise(assumed, "test", records(A)).latency_s["p95"].method == "assumed"


def test_no_documents_is_not_measured():
    result = summarise(ARM, "test", [])
    assert result.n == 0
    assert not any(estimate.measured for estimate in result.metrics.values())


def test_no_error_is_not_certainty():
    perfect = rate([1.0] * 100, sampling_units([None] * 100))
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(1 - 0.0295, abs=1e-4)
    by_group = mean([1.0] * 100, sampling_units([f"g{i % 10}" for i in range(100)]))
    assert by_group.low == pytest.approx(0.05 ** (1 / 10))
    assert "10 groups" in by_group.method


def test_groups_widen_the_interval_and_few_groups_are_said():
    values = [1.0] * 50 + [0.0] * 50
    alone = rate(values, sampling_units([None] * 100))
    grouped = rate(values, sampling_units([f"g{i // 10}" for i in range(100)]))
    assert grouped.low < alone.low - 0.1
    few = rate(values, sampling_units(["a", "b"] * 50))
    assert (few.low, few.high) == (alone.low, alone.high)
    assert "only 2 groups" in few.note


def test_nothing_to_divide_by_is_not_a_number():
    assert ratio([0, 0], [0, 0], sampling_units([None, None])).value is None


FAILED = EvalRecord(row_id="0", status="failed", reason="timeout")
CUT = EvalRecord(row_id="0", status="failed", reason="cut", score=A)
UNREAD = records(A.model_copy(update={"parsed": False, "repairable": False, "exact": False}))[0]


@pytest.mark.parametrize("record", [FAILED, CUT, UNREAD], ids=["failed", "cut", "unreadable"])
@pytest.mark.parametrize("metric", ["exact_match", "parse_rate", "hallucination_rate"])
def test_no_answer_is_the_worst_answer_on_every_metric(record, metric):
    """An arm that fails must not win on a metric where less is better."""
    right = records(score(["correct", "correctly_empty"]))[0]
    failed, answered = (gain_sign(metric) * document_value(one, metric) for one in (record, right))
    assert failed == answered - 1

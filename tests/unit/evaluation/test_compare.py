"""Comparisons: the outcome in words, for every kind of interval."""

from __future__ import annotations

import pytest

from insource.evaluation.compare import compare
from insource.foundation.errors import ConfigError, DataError
from insource.types import Arm, EvalRecord, Score, SlotScore

TUNED = Arm(name="tuned", model="t", kind="tuned")
CLOUD = Arm(name="cloud", model="c", kind="cloud")


def judged(shares, group=None):
    """Records with ``share`` of ten slots right."""
    return [
        EvalRecord(
            row_id=str(i),
            group=group(i) if group else None,
            status="scored",
            score=Score(
                slots=tuple(
                    SlotScore(
                        path=str(k), bucket="correct" if k < 10 * share else "wrong", gold=1, predicted=1
                    )
                    for k in range(10)
                ),
                parsed=True,
                repairable=True,
                schema_valid=True,
                canonical=True,
                exact=share == 1.0,
            ),
        )
        for i, share in enumerate(shares)
    ]


def against(ours, theirs, metric="field_accuracy", margin=0.02, **options):
    return compare(
        (TUNED, judged(ours, **options)), (CLOUD, judged(theirs, **options)), metric=metric, margin=margin
    )


def test_better():
    result = against([1.0] * 40, [1.0, 0.8] * 20)
    assert result.outcome == "better"
    assert (result.better, result.worse, result.same) == (20, 0, 20)
    low, high = (100 * end for end in (result.difference.low, result.difference.high))
    assert result.sentence == (
        "tuned is better than cloud on field accuracy: 100.0 % against 90.0 %, a difference of 10.0 points "
        f"(95% interval {low:.1f} to {high:.1f}) on 40 documents."
    )


def test_worse_beyond_the_margin():
    result = against([0.5] * 40, [1.0, 0.8] * 20)
    assert result.outcome == "worse"
    assert "The loss exceeds the margin of 2.0 points." in result.sentence


def test_a_certain_loss_within_the_margin_is_not_worse_and_is_named():
    result = against([1.0] * 270 + [0.9] * 30, [1.0] * 300)
    assert -0.02 < result.difference.low < result.difference.high < 0
    assert result.outcome == "not worse"
    assert "There is a loss, within the margin" in result.sentence


def test_inconclusive_says_how_many_documents_it_takes():
    result = against([1.0, 0.8, 0.9] * 7, [0.9, 0.9, 0.9] * 7)
    assert result.outcome == "inconclusive"
    assert result.required_n > result.n
    assert f"About {result.required_n:,} documents" in result.sentence


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_documents_that_would_settle_it_can_settle_it(n):
    """Five wins of five have p = 0.0625, so six are the fewest."""
    result = against([1.0] * n, [0.0] * n, metric="exact_match")
    assert (result.outcome, result.required_n) == ("inconclusive", 6)
    assert against([1.0] * 6, [0.0] * 6, metric="exact_match").outcome == "better"


@pytest.mark.parametrize(("n", "outcome"), [(100, "inconclusive"), (200, "not worse")])
def test_equal_arms_are_only_as_good_as_the_sample(n, outcome):
    result = against([1.0] * n, [1.0] * n)
    assert result.outcome == outcome
    assert result.difference.low < 0 < result.difference.high
    assert result.required_n == (183 if outcome == "inconclusive" else None)


def test_binary_metrics_use_mcnemar_and_the_score():
    result = against([1.0] * 30, [1.0] * 15 + [0.9] * 15, metric="exact_match")
    assert result.test == "exact McNemar and Tango's score, the more cautious"
    assert result.difference.method == result.test
    assert result.p_value < 0.001
    assert result.outcome == "better"


@pytest.mark.parametrize("metric", ["exact_match", "field_accuracy"])
@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("same", [0, 1, 10])
def test_five_of_five_are_neither_better_nor_worse(metric, ahead, same):
    """The exact two-sided p-value of 5:0 is 0.0625; documents on which both agree tell nothing."""
    ours, theirs = [1.0] * 5 + [1.0] * same, [0.0] * 5 + [1.0] * same
    result = against(*((ours, theirs) if ahead else (theirs, ours)), metric=metric)
    assert result.outcome not in ("better", "worse")
    assert result.p_value == pytest.approx(0.0625)


def test_fewer_hallucinations_are_better():
    clean, inventive = judged([1.0] * 40), judged([1.0] * 40)
    slot = SlotScore(path="*", bucket="invented", predicted=1)
    inventive = [
        r.model_copy(update={"score": r.score.model_copy(update={"slots": (*r.score.slots, slot)})})
        for r in inventive
    ]
    result = compare((TUNED, clean), (CLOUD, inventive), metric="hallucination_rate", margin=0.02)
    assert (result.outcome, result.better) == ("better", 40)
    assert result.difference.value == -1.0
    assert result.difference.high < 0


def test_groups_that_repeat_ask_a_second_question():
    ours, theirs = [1.0] * 30 + [0.8] * 30, [0.9] * 60
    shared = against(ours, theirs, group=lambda i: f"g{i // 6}")
    assert (shared.question, shared.test) == ("documents", "t by document")
    assert (shared.other_question.question, shared.other_question.test) == ("groups", "cluster t by group")
    assert (shared.other_question.units, shared.other_question.difference.n) == (10, 60)
    alone = against(ours, theirs, group=lambda i: f"g{i}")
    assert (alone.test, alone.other_question) == ("t by document", None)


def test_a_simulated_arm_gets_no_verdict():
    simulated = CLOUD.model_copy(update={"simulated": True})
    records = judged([1.0] * 40), judged([0.5] * 40)
    for pair in (
        ((TUNED, records[0]), (simulated, records[1])),
        ((simulated, records[0]), (TUNED, records[1])),
    ):
        result = compare(*pair, metric="field_accuracy", margin=0.02)
        assert (result.outcome, result.verdict_allowed, result.required_n) == (None, False, None)
        assert result.sentence.startswith("No verdict")
        assert "better" not in result.sentence
        assert "cloud is simulated" in result.sentence


def test_only_common_documents_count_and_the_rest_is_noted():
    result = compare(
        (TUNED, judged([1.0] * 100)), (CLOUD, judged([0.9, 1.0] * 20)), metric="exact_match", margin=0.1
    )
    assert result.n == 40
    assert result.candidate_value.n == 40
    assert "60 documents" in result.difference.note


def test_a_failed_call_is_a_loss_not_a_gap():
    failed = [r.model_copy(update={"status": "failed", "score": None}) for r in judged([1.0] * 10)]
    result = compare((TUNED, failed), (CLOUD, judged([1.0] * 10)), metric="field_accuracy", margin=0.02)
    assert (result.n, result.worse, result.outcome) == (10, 10, "worse")


def test_one_document_proves_nothing():
    result = against([1.0], [0.0])
    assert (result.outcome, result.difference.low, result.required_n) == ("inconclusive", None, None)
    assert "too few" in result.sentence


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ConfigError, match="precision") as caught:
        against([1.0], [1.0], metric="precision")
    assert "field_accuracy" in caught.value.hint
    with pytest.raises(DataError, match="no evaluated document in common"):
        compare((TUNED, []), (CLOUD, judged([1.0])), metric="exact_match", margin=0.02)

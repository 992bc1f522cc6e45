"""What an evaluation measured, as inputs of the economics."""

import pytest
from support.made_economics import bare, cloud

from insource.decision.economics.measured_arm import measured_arm
from insource.decision.economics.options import local
from insource.decision.economics.weigh import weigh
from insource.evaluation.metrics import summarise
from insource.foundation.errors import DataError
from insource.types import Arm, Completion, EvalRecord, Score, SlotScore

ARM = Arm(name="tuned", model="small", kind="tuned")
FAILED = EvalRecord(row_id="failed", status="failed", reason="timeout")


def record(number, *buckets, seconds=2.0):
    slots = tuple(SlotScore(path=f"field{i}", bucket=bucket, gold="x") for i, bucket in enumerate(buckets))
    right = all(bucket == "correct" for bucket in buckets)
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    return EvalRecord(
        row_id=str(number),
        status="scored",
        completion=Completion(text="{}", finish_reason="stop", latency_s=seconds),
        score=Score(slots=slots, exact=right, **flags),
    )


def records():
    found = [record(n, "correct", "correct", seconds=1 + n % 3) for n in range(80)]
    found += [record(f"w{n}", "wrong", "wrong") for n in range(10)]
    found += [record(f"i{n}", "correct", "invented") for n in range(6)]
    return [*found, *(FAILED.model_copy(update={"row_id": f"f{n}"}) for n in range(4))]


def test_rates_by_type_of_error_a_document():
    rows = records()
    found = measured_arm(summarise(ARM, "test", rows), rows)
    assert {kind: float(rate.value) for kind, rate in found.errors.items()} == pytest.approx(
        {"wrong": 0.2, "missed": 0, "invented": 0.06, "no_answer": 0.04}
    )
    assert float(found.correct.value) == pytest.approx(0.8)
    assert found.correct.low < found.correct.value < found.correct.high
    assert 0.02 < found.errors["missed"].high < 0.05  # none of 100: rule of three
    assert "100 test documents" in found.correct.source


def test_the_time_of_a_machine_is_shared_by_what_it_answers_at_once():
    rows = records()
    evaluation = summarise(ARM, "test", rows)
    alone, four = (measured_arm(evaluation, rows, in_flight=n).machine_seconds for n in (1, 4))
    assert float(alone.value) == pytest.approx(sum(1 + n % 3 for n in range(80)) / 96 + 32 / 96)
    assert float(four.value) == pytest.approx(float(alone.value) / 4)


def test_an_arm_that_was_not_timed_is_unknown_and_carried_through():
    rows = [one.model_copy(update={"completion": None}) for one in records()]
    found = measured_arm(summarise(ARM, "test", rows), rows)
    assert found.machine_seconds is None
    given = bare()
    option = local("tuned", given, machine_seconds=found.machine_seconds, correct=found.correct)
    result = weigh(option, cloud(30), given, seed=1, draws=5)
    assert result.unknown == ("the machine time of tuned: it was not measured",)
    assert result.npv_usd.value is None


def test_nothing_evaluated_measures_nothing():
    found = measured_arm(summarise(ARM, "test", []), [])
    assert found.machine_seconds is None
    assert found.correct is None
    assert found.errors == {}


def test_an_endless_latency_is_an_error():
    rows = [record(1, "correct", seconds=float("inf")), record(2, "correct")]
    with pytest.raises(DataError, match="machine time of tuned"):
        measured_arm(summarise(ARM, "test", records()), rows)

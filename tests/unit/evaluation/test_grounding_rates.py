"""Invention without gold: the ladder's tiers, its power by field, and the corrected rate."""

import json

import pytest

from insource.evaluation.measures.grounding import grounding
from insource.evaluation.scorers import build_scorer
from insource.foundation.rng import generator
from insource.types import Completion, EvalRecord, Example, JsonSchema, Provenance, Task

TEXT, NUMBER = {"type": ["string", "null"]}, {"type": ["number", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "order": {**TEXT, "x-insource": {"compare": "id"}},
        "voltage": {**TEXT, "x-insource": {"compare": "quantity"}},
        "date": {**TEXT, "format": "date"},
        "lines": {"type": ["integer", "null"]},
        "total": {**NUMBER, "x-insource": {"derived": True}},
        "kind": {**TEXT, "x-insource": {"compare": "enum", "aliases": {"lieferung": "delivery"}}},
    },
}
TASK = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))


def made(n, draw):
    gold = {
        "order": f"EQ-{draw.integers(10**5, 10**6)}",
        "voltage": f"{draw.integers(100, 10**4)} V",
        "date": f"2026-{draw.integers(1, 13):02}-{draw.integers(1, 29):02}",
        "lines": int(draw.integers(1, 6)),
        "total": round(float(draw.uniform(10**4, 10**5)), 2),
        "kind": "delivery",
    }
    year, month, day = gold["date"].split("-")
    volts = int(gold["voltage"].split()[0])
    source = (
        f"Lieferung {gold['order'].lower()}, {volts / 1000} kV on {day}.{month}.{year}; lines 1 2 3 4 5, "
        f"here {gold['lines']}."
    )
    return Example(
        row_id=str(n),
        digest=f"{n:04}",
        input=source,
        target=json.dumps(gold),
        provenance=Provenance(source="s"),
    )


def documents(count, rate, seed=0):
    """Documents and answers in which a share of the order numbers and voltages is invented."""
    draw = generator(seed, "test.grounding")
    score = build_scorer(TASK)
    examples, records = [], []
    for n in range(count):
        example = made(n, draw)
        answer = json.loads(example.target)
        for field in ("order", "voltage"):
            if draw.random() < rate:
                answer[field] = json.loads(made(0, draw).target)[field]
        completion = Completion(text=json.dumps(answer))
        examples.append(example)
        records.append(
            EvalRecord(
                row_id=example.row_id,
                status="scored",
                completion=completion,
                score=score(example, completion),
            )
        )
    return examples, records


def test_the_rung_that_found_each_value_is_counted():
    fields = {field.path: field for field in grounding(TASK, *documents(60, 0.0)).fields}
    assert fields["order"].tiers == {"normalised": 60}
    assert fields["voltage"].tiers == {"quantity": 60}
    assert fields["date"].tiers == {"date": 60}
    assert fields["total"].tiers == {"derived": 60}
    assert fields["kind"].tiers == {"alias": 60}
    assert all(field.unsupported.value == 0 for field in fields.values())


def test_a_field_whose_values_stand_everywhere_cannot_be_judged():
    found = grounding(TASK, *documents(60, 0.2))
    fields = {field.path: field for field in found.fields}
    assert fields["lines"].miss.value == 1
    assert "100 % of other documents' values" in fields["lines"].not_judged
    assert fields["lines"].invented.value is None
    assert "cannot judge" in fields["lines"].invented.note
    assert fields["order"].not_judged == fields["voltage"].not_judged == ""
    assert fields["order"].miss.value == 0


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_the_corrected_rate_has_the_truth_in_its_interval(rate):
    hits = 0
    for seed in range(10):
        found = grounding(TASK, *documents(100, rate, seed))
        invented = next(field.invented for field in found.fields if field.path == "order")
        assert invented.low < invented.high
        hits += invented.low <= rate <= invented.high
        overall = found.metrics["source_invention_rate"]
        assert overall.low <= overall.value <= overall.high
    assert hits >= 8


def test_labels_that_are_not_in_their_documents_are_a_false_alarm_and_are_corrected_for():
    examples, records = documents(200, 0.1, 3)
    examples = [
        example.model_copy(update={"input": example.input.replace("EQ-", "eq ").replace("eq-", "eq ")})
        if n % 5 == 0
        else example
        for n, example in enumerate(examples)
    ]
    order = next(field for field in grounding(TASK, examples, records).fields if field.path == "order")
    assert order.false_alarm.value == pytest.approx(0.2)
    assert order.unsupported.value > 0.2
    assert order.invented.low <= 0.1 <= order.invented.high


def test_the_order_of_rows_decides_nothing():
    examples, records = documents(60, 0.2)
    assert grounding(TASK, examples, records) == grounding(TASK, examples[::-1], records[::-1])


def test_few_values_labels_and_texts_are_not_judged():
    examples, records = documents(10, 0.5)
    assert {field.not_judged for field in grounding(TASK, examples, records).fields} == {"too few values"}
    assert grounding(TASK, examples, records).metrics == {}
    assert grounding(TASK, [], []).fields == ()

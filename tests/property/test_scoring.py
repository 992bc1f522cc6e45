"""Scoring holds for any answer: it never raises, loses no slot, and ignores what should not matter."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from insource.evaluation.compare import compare
from insource.evaluation.metrics import BY_DOCUMENT, LOWER_IS_BETTER, summarise
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.matching.align import align
from insource.matching.comparators import Comparator
from insource.matching.grounding import grounding_tier
from insource.matching.surface import SurfaceForms
from insource.types import Arm, Completion, EvalRecord, Example, JsonSchema, Provenance, Task

NULLABLE = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {**NULLABLE, "x-insource": {"compare": "id"}},
        "volts": {**NULLABLE, "x-insource": {"compare": "quantity", "unit": "V"}},
        "date": {**NULLABLE, "format": "date"},
        "count": {"type": ["integer", "null"]},
        "color": {"type": ["string", "array", "null"]},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}, "x-insource": {"list": "set"}},
        "lines": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"sku": NULLABLE, "qty": {"type": ["number", "null"]}}},
        },
    },
}
TASK = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))
TARGET = {
    "id": "AB-1",
    "volts": "480 V",
    "date": None,
    "count": 3,
    "color": "red",
    "tags": ["a", "b"],
    "lines": [{"sku": "x", "qty": 1}, {"sku": None, "qty": 2}],
}
EXAMPLE = Example(
    row_id="0", digest="0", input="", target=json.dumps(TARGET), provenance=Provenance(source="test")
)
SCORE = build_scorer(TASK, SurfaceForms.fit([TARGET] * 20, SCHEMA))

keys = st.sampled_from([*SCHEMA["properties"], "sku", "qty", "extra"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(
    ["480V", "0.48 kV", "1e999 V", "03/04/2024", "٣ V", "(1.2.3)", "²³", "--5", "V", "n/a", "1 " * 40]
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20)
labels = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(min_size=1),
        "volts": st.none() | st.sampled_from(["480 V", "24 V"]),
        "date": st.none() | st.just("2024-03-01"),
        "count": st.none() | st.integers(0, 99),
        "color": st.none() | st.sampled_from(["red", ["red", "blue"]]),
        "tags": st.none() | st.lists(st.sampled_from("abc"), unique=True),
        "lines": st.none()
        | st.lists(
            st.fixed_dictionaries({"sku": st.none() | st.sampled_from("xyz"), "qty": st.integers(0, 9)})
        ),
    }
)


@given(values | st.text())
def test_any_answer_is_scored_with_every_labelled_value_accounted_for(answer):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    score = SCORE(EXAMPLE, Completion(text=text))
    held = [slot.gold for slot in score.slots if slot.gold is not None]
    assert len(held) == 9  # id, volts, count, color, two tags, sku, two quantities
    assert score.exact <= (score.field_accuracy == 1.0)
    assert score.canonical <= score.schema_valid <= score.parsed <= score.repairable
    assert 0 <= score.field_accuracy <= 1


@given(scalars, scalars, st.sampled_from(["quantity", "id", "enum", "number", "date", "text", "exact", None]))
def test_comparators_never_raise_and_know_identity(gold, predicted, kind):
    comparator = Comparator(kind, unit="V")
    assert isinstance(comparator.equal(gold, predicted), bool)
    if not (isinstance(gold, float) and math.isnan(gold)):
        assert comparator.equal(gold, gold) or isinstance(gold, bool)


@given(scalars, st.text())
def test_grounding_never_raises(value, source):
    assert grounding_tier(value, source) in (None, "exact", "normalised", "number", "date", "alias")


@given(labels)
def test_a_label_scores_one_against_itself(label):
    slots = align(label, label, SCHEMA)
    assert {slot.bucket for slot in slots} <= {"correct", "correctly_empty"}


@given(labels, labels)
def test_swapping_label_and_answer_swaps_missed_and_invented(label, answer):
    def count(slots):
        buckets = [slot.bucket for slot in slots]
        return {
            name: buckets.count(name)
            for name in ("correct", "wrong", "missed", "invented", "correctly_empty")
        }

    there, back = count(align(label, answer, SCHEMA)), count(align(answer, label, SCHEMA))
    if not (label["lines"] and answer["lines"]):  # the floor looks from the label's side
        assert there == back | {"missed": back["invented"], "invented": back["missed"]}


@given(labels, labels, st.randoms(use_true_random=False))
def test_order_of_keys_and_of_unordered_items_does_not_matter(label, answer, shuffle):
    def shuffled(value):
        if isinstance(value, dict):
            items = list(value.items())
            shuffle.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        if isinstance(value, list):
            return shuffle.sample([shuffled(item) for item in value], len(value))
        return value

    buckets = sorted((slot.path, slot.bucket) for slot in align(label, answer, SCHEMA))
    tags_only = {**answer, "tags": shuffled(answer["tags"]), "color": shuffled(answer["color"])}
    again = dict(reversed(tags_only.items()))
    assert sorted((slot.path, slot.bucket) for slot in align(label, again, SCHEMA)) == buckets


def arm(name, answers, groups):
    records = tuple(
        EvalRecord(row_id=str(i), group=group, status="failed", reason="timeout")
        if answer is None
        else EvalRecord(
            row_id=str(i),
            group=group,
            status="scored",
            score=SCORE(EXAMPLE, Completion(text=json.dumps(answer))),
        )
        for i, (answer, group) in enumerate(zip(answers, groups, strict=True))
    )
    return Arm(name=name, model=name, kind="tuned"), records


answers = st.sampled_from(
    [TARGET, {**TARGET, "count": 4}, {**TARGET, "date": "2024-01-01"}, {**TARGET, "volts": "480V"}, {}, None]
)
documents = st.lists(st.tuples(answers, answers, st.sampled_from("abcdefg")), min_size=2, max_size=30)


@given(documents, st.booleans(), st.sampled_from(sorted(BY_DOCUMENT)), st.sampled_from([0.02, 0.1, 0.5]))
def test_interval_test_outcome_and_sentence_agree_and_swapping_negates(rows, grouped, metric, margin):
    groups = [group if grouped else None for *_, group in rows]
    ours, theirs = arm("a", [a for a, _, _ in rows], groups), arm("b", [b for _, b, _ in rows], groups)
    result = compare(ours, theirs, metric=metric, margin=margin)
    swapped = compare(theirs, ours, metric=metric, margin=margin)
    assert math.isclose(swapped.difference.value, -result.difference.value, abs_tol=1e-12)
    assert (swapped.better, swapped.worse, swapped.same) == (result.worse, result.better, result.same)
    assert result.better + result.worse + result.same == result.n == len(rows)
    if result.difference.low is None:
        assert result.outcome == "inconclusive"
        return
    low, high = result.difference.low, result.difference.high
    assert low < high
    assert low <= result.difference.value <= high
    assert (low > 0 or high < 0) == (result.p_value < 0.05)
    if metric in LOWER_IS_BETTER:
        low, high = -high, -low
    expected = (
        "better" if low > 0 else "not worse" if low > -margin else "worse" if high < 0 else "inconclusive"
    )
    assert result.outcome == expected
    opening = {"inconclusive": "it is open whether a is"}.get(expected, f"a is {expected} than b")
    said = result.sentence
    if result.other_question:  # two questions are asked where documents share groups
        assert said.startswith("On documents like these, ")
        said = said.removeprefix("On documents like these, ")
    assert said.casefold().startswith(opening)
    assert ("There is a loss, within the margin" in result.sentence) == (expected == "not worse" and high < 0)


@given(documents, st.booleans())
def test_summaries_count_everyone_and_ignore_the_order_of_rows(rows, grouped):
    groups = [group if grouped else None for *_, group in rows]
    name, records = arm("a", [a for a, _, _ in rows], groups)
    floor = {record.row_id: empty_scores(TASK, [EXAMPLE])["0"] for record in records}
    result = summarise(name, "test", records, all_null=floor)
    turned = summarise(name, "test", records[::-1], all_null=floor)
    assert result.scored + result.failed + result.unscored == result.n == len(rows)
    assert sum(result.failures.values()) == result.failed
    for key, estimate in result.metrics.items():
        assert math.isclose(turned.metrics[key].value or 0, estimate.value or 0, abs_tol=1e-9), key
        if estimate.low is not None:
            assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9, key
            assert estimate.low < estimate.high, key
    slots = sum(sum(field.buckets.values()) for field in result.fields)
    assert result.metrics["field_accuracy_micro"].value * slots <= slots

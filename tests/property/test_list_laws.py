"""Lists of any length: an answer that is its label is exact, and what a limit leaves out is counted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer
from insource.matching.align import LEAF_PAIRS, SCALAR_PAIRS
from insource.matching.comparators import Comparator
from insource.types import Arm, Completion, EvalRecord, Example, JsonSchema, Provenance, Task

NULLABLE = {"type": ["string", "null"]}
LINE = {
    "type": "object",
    "properties": {
        "sku": NULLABLE,
        "qty": {"type": ["number", "null"]},
        "voltage": {**NULLABLE, "x-insource": {"compare": "quantity", "unit": "V"}},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
    },
}
lines = st.fixed_dictionaries(
    {
        "sku": st.none() | st.text(max_size=3),
        "qty": st.none() | st.integers(-5, 5) | st.floats(0, 9, width=16),
        "voltage": st.none() | st.sampled_from(["480 V", "0.48 kV", "24V", "n/a"]),
        "tags": st.none() | st.lists(st.sampled_from("abc"), max_size=3),
    }
)
numbers = {"type": "number", "x-insource": {"compare": "number", "abs_tol": 2}}
KINDS = {
    "rows": (LINE, lines),
    "text": ({"type": "string"}, st.text(max_size=3)),
    "with a tolerance": (numbers, st.integers(0, 60)),
    "anything": ({}, st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "1", ["a"], {}])),
}


def task(kind, item):
    items = {"type": "array", "items": item, "x-insource": {"list": kind}}
    return Task(
        name="t",
        instruction="i",
        output=JsonSchema(definition={"type": "object", "properties": {"list": items}}),
    )


def scored(task, label, answer):
    example = Example(
        row_id="1",
        digest="0",
        input="",
        target=json.dumps({"list": label}),
        provenance=Provenance(source="test"),
    )
    return build_scorer(task)(example, Completion(text=json.dumps({"list": answer})))


@pytest.mark.parametrize("list_kind", ["multiset", "set", "sequence"])
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=25)
def test_an_answer_that_is_its_label_is_exact_at_any_length(kind, list_kind, data):
    schema, items = KINDS[kind]
    some = data.draw(st.lists(items, min_size=1, max_size=12))
    label = some * data.draw(st.sampled_from([1, 2, 45, 90]))
    # Only the order of a sequence counts.
    answer = (
        label if list_kind == "sequence" else data.draw(st.permutations(some)) * (len(label) // len(some))
    )
    score = scored(task(list_kind, schema), label, answer)
    assert score.exact
    assert score.field_accuracy == 1.0
    assert score.unsearched == 0


@pytest.mark.parametrize(
    ("label", "answer", "buckets"),
    [
        (["Red", "red"], ["red", "Red"], {"correct": 2}),
        (["Red"], ["red", "Red"], {"correct": 1}),
        (["Red", "red"], ["RED"], {"correct": 1}),
        (["Red", "red"], ["Blue", "blue"], {"missed": 1, "invented": 1}),
        ([1, "1"], ["1", 1], {"correct": 2}),
    ],
)
def test_a_set_says_a_value_once_whatever_its_spelling_and_order(label, answer, buckets):
    found = [slot.bucket for slot in scored(task("set", {}), label, answer).slots]
    assert {bucket: found.count(bucket) for bucket in set(found)} == buckets


def test_the_order_of_a_set_decides_nothing_under_a_tolerance():
    score = scored(task("set", numbers), [0, 2, 4], [2, 0, 4])
    assert score.exact
    assert len(score.slots) == 3


@pytest.mark.parametrize("n", [499, 500, 501, 800, 1500])
def test_different_rows_are_found_at_any_length(n):
    label = [{"sku": f"A{i}", "qty": i, "voltage": f"{i} V", "tags": None} for i in range(n)]
    score = scored(task("multiset", LINE), label, label[::-1])
    assert score.exact
    assert len(score.slots) == 4 * n


@pytest.mark.parametrize("n", [40, 300])
def test_one_wrong_field_in_every_row_costs_that_field_at_any_length(n):
    label = [{"sku": f"A{i}", "qty": i, "voltage": f"{i} V", "tags": ["a"]} for i in range(n)]
    answer = [{**row, "qty": row["qty"] + 0.5} for row in reversed(label)]
    score = scored(task("multiset", LINE), label, answer)
    assert score.field_accuracy == 0.75
    assert score.unsearched == 0


def test_what_the_limit_leaves_without_a_partner_is_counted_and_said():
    label = [{"sku": f"A{i}", "qty": i, "voltage": None, "tags": None} for i in range(200)]
    answer = [{"sku": f"B{i}", "qty": i + 1000} for i in range(200)]
    score = scored(task("multiset", LINE), label, answer)
    assert score.unsearched == 800  # two filled fields of 200 label rows and of 200 answered ones
    assert "800 of them in a list too long to compare all of its items" in score.explanation
    short = scored(task("multiset", LINE), label[:50], answer[:50])
    assert short.unsearched == 0
    assert "too long" not in short.explanation
    records = [
        EvalRecord(row_id=str(i), status="scored", score=one) for i, one in enumerate((score, short, short))
    ]
    assert summarise(Arm(name="a", model="m", kind="tuned"), "test", records).unsearched == 1


def orders(n, lines, **fields):
    """Orders that differ in every value, each with lines of their own."""
    return [
        {
            "tags": [f"{i}-{tag}" for tag in range(lines)],
            "lines": [{"sku": f"A{i}-{j}", "qty": 100 * i + j, "note": "x"} | fields for j in range(lines)],
        }
        for i in range(n)
    ]


ORDERS = {
    "type": "object",
    "properties": {
        "tags": {"type": "array", "items": {"type": "string"}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {k: {} for k in ("sku", "qty", "note")}},
        },
    },
}


@pytest.mark.parametrize(("n", "lines"), [(3, 4), (12, 10), (40, 30)])
def test_lists_in_list_items_find_their_partners(n, lines):
    answer = [{**order, "lines": order["lines"][::-1]} for order in reversed(orders(n, lines, note="y"))]
    score = scored(task("multiset", ORDERS), orders(n, lines), answer)
    assert [slot.bucket for slot in score.slots].count("wrong") == n * lines
    assert score.unsearched == 0
    assert score.field_accuracy == pytest.approx(3 / 4)


def test_lists_in_list_items_share_the_effort(monkeypatch):
    """Otherwise each pair of items is worth as many comparisons as the whole list."""
    compared = 0
    equal = Comparator.equal

    def counted(self, gold, predicted):
        nonlocal compared
        compared += 1
        return equal(self, gold, predicted)

    monkeypatch.setattr(Comparator, "equal", counted)
    other = [
        {"tags": [f"t{tag}" for tag in order["tags"]], "lines": [{"sku": "?", "qty": -1, "note": "y"}] * 20}
        for order in orders(20, 20)
    ]
    score = scored(task("multiset", ORDERS), orders(20, 20), other)
    assert compared < 2 * (LEAF_PAIRS + SCALAR_PAIRS)
    assert score.unsearched > 0

"""Whatever is answered: every wrong slot has one cause, and without all causes nothing is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.unfair_clouds import example, made, scored

from insource.evaluation.error_mix.mix import error_mix
from insource.evaluation.metrics import RIGHT
from insource.types import Arm, EvalRecord, JsonSchema, Task

ARM = Arm(name="tuned", model="t", kind="tuned")
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"]},
        "n": {"type": ["number", "null"]},
        "e": {"enum": ["x", "y", None]},
        "l": {"type": "array", "items": {"type": "object", "properties": {"q": {"type": "integer"}}}},
    },
}
TASK = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("anelq"), inner, max_size=3),
    max_leaves=8,
)
GOLDS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | st.text(max_size=8),
        "n": st.none() | st.integers(-99, 99),
        "e": st.sampled_from(["x", "y", None]),
        "l": st.lists(st.fixed_dictionaries({"q": st.integers(0, 9)}), max_size=3),
    },
)
ROWS = st.lists(
    st.tuples(st.text(max_size=30), GOLDS, VALUES.map(json.dumps) | st.text(max_size=20) | st.none()),
    max_size=5,
)


def check(found, records):
    wrong = sum(slot.bucket not in RIGHT for r in records if r.score for slot in r.score.slots)
    failed = any(record.status == "failed" for record in records)
    assert found.wrong_slots == wrong or failed
    assert sum(one.slots for one in found.causes) == found.wrong_slots
    assert sum(one.slots for one in found.levers) == found.wrong_slots
    assert len({one.cause for one in found.causes}) == len(found.causes)
    for one in (*found.causes, *found.levers):
        assert 0 < one.documents <= found.documents
        assert found.measured.value <= one.without.value <= 1
    if len(found.causes) == 1:
        assert found.causes[0].without.value == 1


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_counts_add_up_for_any_answer(rows):
    examples = {f"r{n}": example(n, text, json.dumps(gold)) for n, (text, gold, _) in enumerate(rows)}
    answers = {f"r{n}": said for n, (_, _, said) in enumerate(rows) if said is not None}
    failed = [
        EvalRecord(row_id=row_id, status="failed", reason="timeout")
        for row_id in examples
        if row_id not in answers
    ]
    records = [*scored(TASK, examples, answers), *failed]
    check(error_mix(TASK, examples, ARM, records), records)


@pytest.mark.parametrize("seed", range(6))
def test_the_counts_add_up_for_whole_tasks(seed):
    case = made(seed).case()
    found = error_mix(case.task, case.examples, ARM, case.records)
    check(found, case.records)
    assert found.dominant is not None

"""Labels that evidence speaks against, which owes nothing to the arm under judgement."""

from __future__ import annotations

import json

from support.unfair_clouds import example, scored

from insource.evaluation.gold.doubt import doubtful_labels
from insource.types import JsonSchema, Labels, Task

LABELS = Task(name="t", instruction="i", output=Labels(names=("a", "b", "c")))
FIELDS = Task(
    name="t",
    instruction="i",
    output=JsonSchema(
        definition={"type": "object", "properties": {"v": {"type": "string"}, "k": {"enum": ["x", "y"]}}}
    ),
)


def doubts(task, rows, clouds=()):
    """The doubts of rows (text, label); ``clouds`` are their answers."""
    examples = {f"r{n}": example(n, text, label) for n, (text, label) in enumerate(rows)}
    records = [scored(task, examples, dict(zip(examples, said, strict=True))) for said in clouds]
    judged = scored(task, examples, dict.fromkeys(examples, "{}" if task is FIELDS else "a"))
    return {
        (spot.row_id, spot.path): why
        for spot, why in doubtful_labels(task, examples, judged, records).items()
    }


def test_the_same_document_with_two_labels():
    found = doubts(LABELS, [("One  text", "a"), ("one text", "b"), ("another", "c"), ("another", "c")])
    assert set(found) == {("r0", "(label)"), ("r1", "(label)")}


def test_clouds_that_agree_with_each_other_against_a_label():
    rows = [("one", "a"), ("two", "a"), ("three", "a")]
    assert doubts(LABELS, rows, [("b", "b", "a"), ("b", "c", "a")]) == {
        ("r0", "(label)"): "several clouds disagree"
    }
    assert doubts(LABELS, rows, [("b", "b", "b")]) == {}
    many = [("b", "a", "a")] * 2 + [("a", "a", "a")] * 3
    assert doubts(LABELS, rows, many) == {}  # two of five are not most


def test_the_exception_in_a_field_whose_labels_stand_in_their_documents():
    rows = [(f"V: {n}00 V", json.dumps({"v": f"{n}00 V", "k": "x"})) for n in range(1, 30)]
    assert doubts(FIELDS, rows) == {}
    rows[3] = (rows[3][0], json.dumps({"v": "40 V", "k": "x"}))  # 40 V stands in no 400 V
    assert doubts(FIELDS, rows) == {("r3", "v"): "not in the document"}


def test_a_field_that_is_worked_out_is_not_doubtful_for_that():
    rows = [(f"V: {n}", json.dumps({"v": "high" if n % 2 else f"{n}", "k": "y"})) for n in range(40)]
    assert doubts(FIELDS, rows) == {}

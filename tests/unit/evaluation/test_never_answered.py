"""Labels that a cloud never gave: found by field, named, and said first where they matter."""

from __future__ import annotations

import pytest

from insource.evaluation.compare import compare
from insource.evaluation.never_answered import described, fields_of_labels
from insource.evaluation.scorers import LABEL, build_scorer
from insource.matching.align import align
from insource.types import Arm, Completion, EvalRecord, Example, JsonSchema, Labels, Provenance, Task, Text

TUNED = Arm(name="tuned", model="t", kind="tuned")
CLOUD = Arm(name="gpt", model="g", kind="cloud")
NAMES = ("billing", "sales", "a, b")
LABELS = Task(name="t", instruction="i", output=Labels(names=NAMES))
SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": [*NAMES, None]},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"enum": ["x", "y"]}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"unit": {"enum": ["kg", "m"]}}},
        },
    },
}
FIELDS = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))


def records(golds, answers, task=LABELS):
    score = build_scorer(task)
    return [
        EvalRecord(row_id=str(i), status="failed", reason="timeout")
        if answer is None
        else EvalRecord(
            row_id=str(i),
            status="scored",
            score=score(
                Example(
                    row_id=str(i), digest="0", input="", target=gold, provenance=Provenance(source="test")
                ),
                Completion(text=answer),
            ),
        )
        for i, (gold, answer) in enumerate(zip(golds, answers, strict=True))
    ]


def against(golds, answers, task=LABELS, metric="accuracy"):
    sides = (TUNED, records(golds, golds, task)), (CLOUD, records(golds, answers, task))
    return compare(*sides, metric=metric, margin=0.02, label_fields=fields_of_labels(task.output))


def test_the_paths_of_closed_lists():
    assert fields_of_labels(LABELS.output) == {LABEL}
    assert fields_of_labels(FIELDS.output) == {"intent", "tags[]", "lines[].unit"}
    assert fields_of_labels(Text()) == frozenset()


ENUM = {"enum": ["x", "y"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (ENUM, "x"),
        ({"oneOf": [{"const": "x", "title": "X"}, {"const": "y"}]}, "x"),
        ({"anyOf": [ENUM, {"type": "null"}]}, "x"),
        ({"items": ENUM}, ["x"]),
        ({"type": ["array", "null"], "items": ENUM}, ["x", "y"]),
        ({"type": ["string", "array"], "items": ENUM}, ["x"]),
        ({"anyOf": [{**ENUM, "type": "string"}, {"type": "array", "items": ENUM}]}, ["y", "x"]),
        ({"type": "array", "prefixItems": [ENUM]}, ["x"]),
        ({"oneOf": [{"properties": {"kind": {"const": kind}}} for kind in "xy"]}, {"kind": "y"}),
    ],
)
def test_a_closed_list_is_found_under_the_path_of_its_slots(field, value):
    schema = {"type": "object", "properties": {"f": field}}
    paths = {slot.path for slot in align({"f": value}, {"f": value}, schema)}
    assert paths <= fields_of_labels(JsonSchema(definition=schema))


def test_a_label_that_the_cloud_never_gave_is_counted_named_and_said_first():
    golds = ["billing"] * 50 + ["sales"] * 40 + ["a, b"] * 10
    (found,) = against(golds, ["billing"] * 90 + ["sales"] * 10).never_answered
    assert (found.arm, found.field, found.labels) == ("gpt", LABEL, ("a, b",))
    assert (found.occurring, found.documents, found.of) == (3, 10, 100)
    result = against(golds, ["billing"] * 100)
    assert result.never_answered[0].labels == ("sales", "a, b")  # the most frequent first
    assert result.sentence.startswith(
        "gpt never answered 2 of the 3 labels that occur, on 50 of 100 documents (“sales”, “a, b”), "
        "so its prompt may not have offered them. tuned is better than gpt"
    )


def test_one_document_in_a_hundred_is_counted_but_not_said_first():
    golds = ["billing"] * 99 + ["sales"]
    result = against(golds, ["billing"] * 100)
    assert result.never_answered[0].documents == 1
    assert "never answered" not in result.sentence
    assert against([*golds, "sales"], ["billing"] * 101).sentence.startswith("gpt never answered 1 of the 2")


def test_a_cloud_that_gave_every_label_once_has_none_however_often_it_was_wrong():
    golds = ["billing"] * 50 + ["sales"] * 50
    assert against(golds, ["sales"] * 50 + ["billing"] * 50).never_answered == ()


def test_failed_calls_give_no_label():
    golds = ["billing"] * 90 + ["sales"] * 10
    assert against(golds, ["billing"] * 90 + [None] * 10).never_answered == ()
    assert against(golds, ["billing"] * 90 + [None] * 5 + ["billing"] * 5).never_answered[0].documents == 5


@pytest.mark.parametrize("kind", ["tuned", "base"])
def test_only_a_cloud_is_asked_for_its_labels(kind):
    other = Arm(name="other", model="o", kind=kind)
    golds = ["billing", "sales"] * 20
    sides = (TUNED, records(golds, golds)), (other, records(golds, ["billing"] * 40))
    assert compare(*sides, metric="accuracy", margin=0.02).never_answered == ()


def test_a_field_with_an_enum_is_a_list_of_labels_and_another_spelling_is_an_answer():
    golds = ['{"intent":"billing","note":"n","tags":["x","y"]}'] * 30
    golds += ['{"intent":"sales","note":"m","tags":["x"]}'] * 30
    answers = ['{"intent":"BILLING","note":"z","tags":["x"]}'] * 60
    found = against(golds, answers, FIELDS, "field_accuracy").never_answered
    assert [(one.field, one.labels, one.documents) for one in found] == [
        ("intent", ("sales",), 30),
        ("tags[]", ("y",), 30),
    ]
    assert "2 values of `tags[]`" in described(found[1])


def test_a_simulated_cloud_was_asked_nothing():
    golds, answers = ["billing", "sales"] * 20, ["billing"] * 40
    simulated = Arm(name="gpt", model="g", kind="simulated")
    sides = (TUNED, records(golds, golds)), (simulated, records(golds, answers))
    found = compare(*sides, metric="accuracy", margin=0.02, label_fields={LABEL})
    assert found.never_answered == ()
    assert found.sentence.startswith("No verdict")

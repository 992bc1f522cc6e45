"""Scores: content from what can be read, format from what was written; golden cases of the field."""

from __future__ import annotations

import json

import pytest

from insource.evaluation.scorers import build_scorer, empty_score
from insource.foundation.errors import DataError
from insource.matching.surface import SurfaceForms
from insource.types import Completion, Example, JsonSchema, Labels, Provenance, Task, Text

SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {"type": ["string", "null"], "x-insource": {"compare": "quantity", "unit": "V"}},
        "date": {"type": ["string", "null"], "format": "date"},
        "count": {"type": ["integer", "null"]},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
    },
    "required": ["voltage", "date", "count", "tags"],
    "additionalProperties": False,
}
TASK = Task(name="spec", instruction="Extract.", output=JsonSchema(definition=SCHEMA))
GOLD = {"voltage": "480 V", "date": "2024-03-01", "count": 100, "tags": None}


def example(gold, **fields):
    target = gold if isinstance(gold, str) else json.dumps(gold)
    return Example(
        row_id="r1", digest="0", input="…", target=target, provenance=Provenance(source="test"), **fields
    )


def score(answer, gold=GOLD, task=TASK, surface=None, **fields):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return build_scorer(task, surface)(example(gold, **fields), Completion(text=text))


def bucket(answer, path):
    return next(slot.bucket for slot in score(answer).slots if slot.path == path)


def test_the_label_itself_is_perfect():
    perfect = score(GOLD)
    assert (perfect.field_accuracy, perfect.exact, perfect.canonical, perfect.explanation) == (
        1.0,
        True,
        True,
        "",
    )


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ({"voltage": "480V"}, "voltage", "correct"),  # string similarity gives 0.80 …
        ({"voltage": "400V"}, "voltage", "wrong"),  # … and this 0.75
        ({"voltage": "0.48 kV"}, "voltage", "correct"),
        ({"date": "2024-03-07"}, "date", "wrong"),  # 0.90 by edit distance
        ({"count": 110}, "count", "wrong"),  # 0.95 by relative difference
        ({"count": "100"}, "count", "correct"),  # content right, format wrong
        ({"tags": ["x"]}, "tags[]", "invented"),
        ({"tags": []}, "tags[]", "correctly_empty"),  # null = null is right, json_match never says so
        ({"voltage": None}, "voltage", "missed"),
    ],
)
def test_golden_cases(change, path, expected):
    assert bucket({**GOLD, **change}, path) == expected


def test_a_reordered_list_is_right():
    gold = {**GOLD, "tags": ["a", "b", "c"]}
    assert score({**gold, "tags": ["c", "a", "b"]}, gold).exact


def test_extra_null_keys_change_no_slot_but_the_format():
    padded = score({**GOLD, "weight": None})
    assert padded.slots == score(GOLD).slots
    assert not padded.schema_valid


def test_an_all_null_answer_scores_only_what_is_null():
    assert score(dict.fromkeys(GOLD)).field_accuracy == 0.25
    assert empty_score(TASK, example(GOLD)).field_accuracy == 0.25


def test_an_unparseable_answer_earns_nothing_not_even_its_nulls():
    lost = score('{"voltage": "480 V", "da')
    assert [slot.bucket for slot in lost.slots] == ["missed"] * 4
    assert lost.field_accuracy == 0.0
    assert not any([lost.parsed, lost.repairable, lost.schema_valid, lost.canonical, lost.exact])


def test_a_fenced_answer_has_its_content_and_not_the_format():
    fenced = score(f"```json\n{json.dumps(GOLD)}\n```")
    assert fenced.field_accuracy == 1.0
    assert fenced.exact
    assert (fenced.parsed, fenced.repairable, fenced.schema_valid, fenced.canonical) == (
        False,
        True,
        False,
        False,
    )


def test_canonical_wants_the_surface_form_of_the_label():
    labels = [{**GOLD, "voltage": f"{v} V"} for v in range(24, 90)]
    surface = SurfaceForms.fit(labels, SCHEMA)
    other = score({**GOLD, "voltage": "480V"}, surface=surface)
    assert (other.exact, other.schema_valid, other.canonical) == (True, True, False)
    assert score(GOLD, surface=surface).canonical


def test_an_ill_formed_date_is_not_schema_valid():
    assert not score({**GOLD, "date": "1 March 2024"}).schema_valid
    assert bucket({**GOLD, "date": "1 March 2024"}, "date") == "correct"


def test_a_contract_replaces_the_schema_and_attributes_limit_it():
    contract = {"type": "object", "properties": {"size": {"type": "string"}}, "additionalProperties": False}
    assert score({"size": "M"}, {"size": "m"}, contract=contract).exact
    asked = score({"count": 100, "voltage": "480 V"}, {"count": 100}, attributes=("count",))
    assert [(slot.path, slot.bucket) for slot in asked.slots] == [("count", "correct"), ("*", "invented")]
    assert not asked.schema_valid
    assert score({"count": 100}, {"count": 100}, attributes=("count",)).schema_valid


def test_unscored_fields_are_not_judged():
    task = TASK.model_copy(update={"absent_fields": "unscored"})
    partial = score({"count": 100, "voltage": "1 V", "colour": "red"}, {"count": 100}, task)
    assert [(slot.path, slot.bucket) for slot in partial.slots] == [("count", "correct"), ("*", "invented")]


def test_the_explanation_names_what_is_wrong():
    text = score({**GOLD, "voltage": "400 V", "tags": ["x"]}).explanation
    assert 'voltage wrong: "400 V", label "480 V"' in text
    assert 'tags[] invented: "x"' in text


@pytest.mark.parametrize(
    ("text", "expected", "parsed"),
    [
        ("Billing", "correct", True),
        ("billing.", "correct", False),
        ("Other", "wrong", True),
        ("?", "missed", False),
    ],
)
def test_labels(text, expected, parsed):
    task = Task(name="route", instruction="Route.", output=Labels(names=("Billing", "Other")))
    scored = score(text, "Billing", task)
    assert ([slot.bucket for slot in scored.slots], scored.parsed) == ([expected], parsed)
    assert scored.exact == (expected == "correct")


@pytest.mark.parametrize(("text", "expected"), [("Fine. ", "correct"), ("fine", "wrong"), (" ", "missed")])
def test_text(text, expected):
    task = Task(name="rewrite", instruction="Rewrite.", output=Text())
    assert [slot.bucket for slot in score(text, "Fine.", task).slots] == [expected]


def test_a_broken_schema_and_a_broken_label_are_said():
    broken = TASK.model_copy(update={"output": JsonSchema(definition={"type": "objekt"})})
    with pytest.raises(DataError, match="output contract of the task is not valid") as caught:
        build_scorer(broken)
    assert caught.value.code == "invalid-schema"
    with pytest.raises(DataError, match="row r1") as caught:
        score(GOLD, "{broken")
    assert caught.value.code == "target-not-json"


def test_a_reasoning_model_is_scored_by_the_answer_after_its_reasoning():
    text = f"<think>Is it {json.dumps({**GOLD, 'count': 7})}?</think>\n{json.dumps(GOLD)}"
    surface = SurfaceForms.fit([GOLD] * 20, SCHEMA)
    found = score(text, surface=surface)
    assert (found.exact, found.parsed, found.schema_valid, found.canonical) == (True,) * 4
    assert found.answer == GOLD
    assert score(f"<think>{json.dumps(GOLD)}").answer is None


def test_a_text_with_reasoning_in_its_label_is_compared_as_a_whole():
    task = Task(name="t", instruction="i", output=Text())
    assert score("<think>So?</think>Yes", gold="Yes", task=task).exact
    label = "<think>A reason</think>Yes"
    assert score(label, gold=label, task=task).exact
    assert not score("<think>Another reason</think>Yes", gold=label, task=task).exact
    assert not score("Yes", gold=label, task=task).exact

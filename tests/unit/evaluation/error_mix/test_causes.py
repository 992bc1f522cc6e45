"""Every wrong slot has one cause, from evidence; the dominant cause names the lever."""

from __future__ import annotations

import json

import pytest
from support.unfair_clouds import example, scored

from insource.evaluation.error_mix.computed import is_computed
from insource.evaluation.error_mix.mix import error_mix
from insource.matching.comparators import Comparator
from insource.types import Arm, EvalRecord, JsonSchema, Labels, Task, Text

ARM = Arm(name="tuned", model="t", kind="tuned")
SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {"type": ["string", "null"], "x-insource": {"compare": "quantity"}},
        "maker": {"type": ["string", "null"]},
        "total": {"type": ["number", "null"]},
        "phase": {"enum": ["one", "three", None]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}
FIELDS = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))
TEXT = "Maker: Ocean Motors\nRated: 480 V, starts at 400 V\nline 120.50\nline 80.25\nline 10.00"
GOLD = {"voltage": "480 V", "maker": "Ocean Motors", "total": None, "phase": "three", "tags": ["new stock"]}


def mix(answer, gold=None, text=TEXT, task=FIELDS, others=(), **more):
    """The mix of one document's answer, after ``others``: (text, label, answer)."""
    rows = [*others, (text, {**GOLD, **(gold or {})} if task is FIELDS else gold, answer)]
    examples = {
        f"r{n}": example(n, document, label if isinstance(label, str) else json.dumps(label))
        for n, (document, label, _) in enumerate(rows)
    }
    answers = {
        f"r{n}": said if isinstance(said, str) else json.dumps(said) for n, (_, _, said) in enumerate(rows)
    }
    return error_mix(task, examples, ARM, scored(task, examples, answers), **more)


def causes(found):
    return {one.cause: one.slots for one in found.causes}


@pytest.mark.parametrize(
    ("gold", "answer", "cause", "lever"),
    [
        ({}, {"voltage": "400 V"}, "wrong-choice", "few-shot or tuning"),
        ({}, {"voltage": "600 V"}, "wrong-choice", "few-shot or tuning"),
        ({}, {"voltage": None}, "missed", "few-shot or tuning"),
        ({}, {"total": 7}, "invented", "few-shot or tuning"),
        ({}, {"maker": "n/a"}, "missed", "few-shot or tuning"),
        ({"maker": None}, {"maker": "not specified"}, "format-only", "constrained decoding"),
        ({}, {"maker": "Motors, Ocean"}, "format-only", "constrained decoding"),
        ({}, {"tags": ["new-stocks"]}, "format-only", "constrained decoding"),
        ({}, {"phase": "six"}, "schema-invalid", "constrained decoding"),
        ({}, {"colour": "red"}, "schema-invalid", "constrained decoding"),
        ({}, {"total": "much"}, "schema-invalid", "constrained decoding"),
        ({}, {"phase": "one"}, "confused", "few-shot or tuning"),
        ({"maker": "Hydra GmbH"}, {"maker": "Ocean Motors"}, "not-in-input", "retrieval"),
        ({"maker": "Hydra GmbH"}, {"maker": None}, "not-in-input", "retrieval"),
        ({"total": 210.75}, {"total": 120.5}, "needs-computation", "reasoning field or code"),
        ({"total": 210.75}, {"total": None}, "needs-computation", "reasoning field or code"),
        ({"total": 200.75}, {"total": None}, "needs-computation", "reasoning field or code"),
        ({"voltage": "0.48 kV"}, {"voltage": "400 V"}, "needs-computation", "reasoning field or code"),
    ],
)
def test_the_cause_of_a_wrong_slot(gold, answer, cause, lever):
    found = mix({**GOLD, **gold, **answer}, gold)
    assert set(causes(found)) == {cause}
    assert (found.dominant, found.lever) == (cause, lever)
    assert found.causes[0].without.value == 1.0


def test_a_number_within_another_is_not_in_the_document():
    """48 stands in no document that says 480."""
    assert causes(mix({**GOLD, "maker": "x"}, {"maker": "48"})) == {"not-in-input": 1}


@pytest.mark.parametrize("answer", ["", "{", "no idea", '{"voltage": "480 V", "maker'])
def test_what_cannot_be_read_is_unparseable_in_every_slot(answer):
    found = mix(answer)
    assert causes(found) == {"unparseable": found.slots}
    assert found.lever == "constrained decoding"


def test_a_failed_call_is_no_error_of_reading():
    examples = {"r0": example(0, TEXT, json.dumps(GOLD))}
    found = error_mix(FIELDS, examples, ARM, [EvalRecord(row_id="r0", status="failed", reason="timeout")])
    assert causes(found) == {"no-answer": 5}
    assert (found.lever, found.measured.value) == ("ask again", 0.0)


def test_a_label_that_alone_is_not_in_its_document_is_doubtful():
    """Where the labels of a field nearly always stand in the document, the exception may be an error."""
    plain = [(f"Maker: Firm{n}", {**GOLD, "maker": f"Firm{n}", "voltage": None}, "") for n in range(30)]
    others = [(text, gold, gold) for text, gold, _ in plain]
    found = mix({**GOLD, "maker": "Ocean Motors"}, {"maker": "Hydra GmbH"}, others=others)
    assert causes(found) == {"label-doubtful": 1}
    assert found.lever == "fix the labels"


def test_labels_that_contradict_each_other_are_doubtful():
    other = {**GOLD, "phase": "one"}
    found = mix({**GOLD, "phase": "one"}, others=[(TEXT, other, other)])
    assert causes(found) == {"label-doubtful": 1}


NAMES = ("card lost", "card broken", "pin forgotten")
LABELS = Task(name="t", instruction="i", output=Labels(names=NAMES), primary_metric="accuracy")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("card broken", "confused"),
        ("Label: lost cards!", "format-only"),
        ("stolen", "schema-invalid"),
        ("", "unparseable"),
    ],
)
def test_the_cause_of_a_wrong_label(answer, cause):
    assert causes(mix(answer, "card lost", "text", LABELS)) == {cause: 1}


def test_a_label_that_was_never_offered_is_a_matter_of_the_prompt():
    found = mix("card broken", "card lost", "text", LABELS, never_offered=frozenset({"r0"}))
    assert (found.dominant, found.lever) == ("not-offered", "stay with prompts")


def test_several_clouds_against_a_label_make_it_doubtful():
    examples = {"r0": example(0, "text", "card lost")}
    against = scored(LABELS, examples, {"r0": "card broken"})
    alone = error_mix(LABELS, examples, ARM, against, clouds=[against])
    both = error_mix(LABELS, examples, ARM, against, clouds=[against, against])
    assert (alone.dominant, both.dominant) == ("confused", "label-doubtful")


def test_nothing_wrong_is_no_reason_to_leave_the_prompt():
    found = mix(GOLD)
    assert (found.dominant, found.lever, found.causes) == (None, "stay with prompts", ())
    assert "no wrong slot" in found.sentence


def test_a_wrong_text_is_a_wrong_choice():
    task = Task(name="t", instruction="i", output=Text(), primary_metric="exact_match")
    assert causes(mix("a", "b", "text", task)) == {"wrong-choice": 1}


def test_no_document_has_no_errors():
    assert error_mix(FIELDS, {}, ARM, []).causes == ()


@pytest.mark.parametrize(
    ("value", "source", "computed"),
    [
        (210.75, TEXT, True),
        (96.4, "120.5 units at 80 %", True),
        (12.5, "half of 25.00", False),
        (40.25, "from 100.75 to 60.50", True),
        (480, "0.48 kV", True),
        (480, "480 V", False),
        ("480 V", "480V", False),
        (211, " ".join(map(str, range(3, 60, 2))), False),  # some pair gives any small number
        (True, "1", False),
        ("red", "1 2 3", False),
    ],
)
def test_what_can_be_computed(value, source, computed):
    comparator = Comparator("quantity" if isinstance(value, str) else "number")
    assert is_computed(value, source, comparator) is computed

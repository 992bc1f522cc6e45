"""Whether answers are trained with their keys or without, and what is said about the other way."""

import pytest
from support.arms import TRAINING

from insource.config.training import TrainingSection
from insource.foundation.errors import ConfigError, DataError
from insource.training.answer_form import as_trained, choice
from insource.types import Estimate, Example, JsonSchema, Labels, Task


def of(properties, **more):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


SCHEMA = of({"voltage": {"type": "integer"}, "phases": {"type": ["integer", "null"]}})
TREE = of({"name": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#"}}})
WHERE = {"source": "rows.jsonl", "line": 1}
COMPACT, WITH_KEYS = TrainingSection(compact_answers=True), TrainingSection()


def task(output):
    metric = "accuracy" if isinstance(output, Labels) else "field_accuracy"
    return Task(name="t", instruction="Read.", output=output, primary_metric=metric)


def example(target, **more):
    return Example(row_id="r1", digest="d", input="480 V", target=target, provenance=WHERE, **more)


def characters(text, **options):
    """A tokenizer of one token a character."""
    return {"input_ids": list(text)}


def test_answers_are_trained_without_keys_where_that_is_asked_for():
    given = [example('{"voltage":480,"phases":null}')]
    found = as_trained(task(JsonSchema(definition=SCHEMA)), given, COMPACT)
    assert [one.target for one in found] == ["[480,null]"]
    assert as_trained(task(JsonSchema(definition=SCHEMA)), given, WITH_KEYS) == given


def test_a_document_s_own_contract_says_which_keys_its_answer_has():
    own = example('{"a":1}', contract=of({"a": {"type": "integer"}}))
    (found,) = as_trained(task(JsonSchema(definition=SCHEMA)), [own], COMPACT)
    assert found.target == "[1]"


@pytest.mark.parametrize(
    ("output", "given", "error", "code"),
    [
        (Labels(names=("a",)), example("a"), ConfigError, "no-compact-form"),
        (JsonSchema(definition=TREE), example('{"name":"a","parts":[]}'), ConfigError, "no-compact-form"),
        (JsonSchema(definition=SCHEMA), example('{"voltage":480}'), DataError, "answer-not-writable"),
        (
            JsonSchema(definition=SCHEMA),
            example('{"a":1}', contract={"type": "object", "properties": {"a": {}}}),
            DataError,
            "answer-not-writable",
        ),
    ],
)
def test_answers_without_such_a_form_are_refused(output, given, error, code):
    with pytest.raises(error) as caught:
        as_trained(task(output), [given], COMPACT)
    assert caught.value.code == code
    assert "training.compact_answers" in caught.value.hint


@pytest.mark.parametrize(
    ("output", "target", "section", "value", "reason"),
    [
        (Labels(names=("a",)), "a", WITH_KEYS, None, None),
        (
            JsonSchema(definition=SCHEMA),
            '{"voltage":480,"phases":null}',
            WITH_KEYS,
            "with keys, 29 tokens",
            "values alone have 10; what they cost in quality is not measured on these rows",
        ),
        (
            JsonSchema(definition=SCHEMA),
            '{"voltage":480,"phases":null}',
            COMPACT,
            "values alone, 10 tokens",
            "with keys 29",
        ),
        # Nobody asked for the other form, so that its absence stops nothing
        (
            JsonSchema(definition=TREE),
            '{"name":"a","parts":[]}',
            WITH_KEYS,
            "with keys, 23 tokens",
            "no form without: parts[].parts can hold itself",
        ),
        (
            JsonSchema(definition=SCHEMA),
            '{"voltage":480}',
            WITH_KEYS,
            "with keys, 15 tokens",
            "no form without: r1: phases is missing",
        ),
    ],
)
def test_the_plan_says_what_the_other_form_would_be(output, target, section, value, reason):
    found = choice(task(output), characters, [example(target)], section)
    if value is None:
        assert found is None
    else:
        assert found.value == value
        assert reason in found.reason


@pytest.mark.parametrize(
    ("compact", "whole", "said"),
    [
        (0.9, 0.9, "they scored 0.900, these 0.900: recommended"),
        (0.8, 0.9, "they scored 0.800, these 0.900: not recommended"),
        (0.9, None, "not measured"),
    ],
)
def test_it_is_recommended_only_where_it_was_measured_and_not_worse(compact, whole, said):
    earlier = [
        TRAINING.model_copy(
            update={
                "compact_answers": form,
                "metric": "field_accuracy",
                "score": Estimate(value=value, n=40, method="m"),
            }
        )
        for form, value in ((True, compact), (False, whole))
        if value is not None
    ]
    given = [example('{"voltage":480,"phases":null}')]
    found = choice(task(JsonSchema(definition=SCHEMA)), characters, given, WITH_KEYS, earlier)
    assert said in found.reason

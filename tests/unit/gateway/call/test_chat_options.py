"""The format and the log-probabilities that a chat completion request asks for."""

import math

import pytest

from insource.gateway.call.caller_schemas import MAX_BYTES, MAX_PATTERNS
from insource.gateway.call.chat_options import NEVER, accepting, logprobs_of
from insource.types import Completion, JsonSchema, Labels
from insource.types.message import TokenLogprob

INTEGER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


OBJECT = JsonSchema(definition={"type": "object"})


def doubling(levels):
    """A schema in which each definition refers to the next one twice."""
    twice = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
        for n in range(levels)
    }
    return {"$defs": twice | {f"d{levels}": {"type": "object"}}, "$ref": "#/$defs/d0"}


def nested(levels):
    schema = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


def form(schema, **more):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}


@pytest.mark.parametrize(
    ("asked", "text", "accepted"),
    [
        (None, "anything", True),
        ({"type": "text"}, "anything", True),
        ({"type": "json_object"}, '{"n":1}', True),
        ({"type": "json_object"}, "[1]", False),
        ({"type": "json_object"}, "billing", False),
        (form(INTEGER), '{"n":1}', True),
        (form(INTEGER, strict=True), '{"n":"1"}', False),
        (form({}), "billing", False),  # any value fits, but this is none
        (form({"type": "null"}), "null", True),
        (form(doubling(3)), '{"n":1}', True),
        (form({"$defs": {"a/b": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b"}}), '["1"]', False),
        (form({"type": "null"}), "no JSON", False),
    ],
)
def test_an_answer_has_the_format_that_was_asked_for(asked, text, accepted):
    assert accepting(asked, OBJECT)(text) is accepted


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "grammar"},
        {},
        "json_object",
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "x"}},
        {"type": "json_schema", "json_schema": []},
        form({"type": "objekt"}),
        form({"$ref": "https://example.com/schema.json"}),
        form({"description": "x" * MAX_BYTES}),
        form(doubling(40)),  # 2^40 parts in 3 KB
        form({"$defs": {"a": {"properties": {"x": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}),
        form({"properties": {"x": {"$ref": "#"}}}),
        form({"properties": {"x": {"$ref": "#/$defs/none"}}}),
        form({"$dynamicRef": "#node"}),
        form({"anyOf": [{"pattern": f"^(([a-z]{{1,80}}){{1,80}})x{n}$"} for n in range(MAX_PATTERNS + 1)]}),
        form(nested(2_000)),
    ],
)
def test_a_format_that_cannot_be_checked_is_not_promised(asked):
    assert accepting(asked, OBJECT) is None


def test_the_task_s_own_schema_needs_no_second_check():
    recursive = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert accepting(form(recursive), OBJECT) is None
    assert accepting(form(recursive), JsonSchema(definition=recursive))("{}") is True


@pytest.mark.parametrize("asked", [{"type": "json_object"}, form(INTEGER)])
def test_labels_are_no_json(asked):
    labels = Labels(names=("a", "b"))
    assert accepting(asked, labels) is None
    assert accepting({"type": "text"}, labels)("a") is True


def test_tokens_are_spelled_with_their_alternatives():
    tokens = (
        TokenLogprob(id=5, bytes=b"4", logprob=-0.1, top=((5, -0.1), (6, -2.5), (7, -9.0))),
        TokenLogprob(id=8, bytes="ü".encode()[:1], logprob=-1.0),
        TokenLogprob(id=2, bytes=b"", logprob=-0.2),  # the stop token
    )
    spelled = {5: b"4", 6: b"48", 7: b""}.__getitem__
    found = logprobs_of(Completion(text="4", tokens=tokens), 2, spelled)
    first, second = found["content"]
    assert (first["token"], first["bytes"], first["logprob"]) == ("4", [52], -0.1)
    assert [(one["token"], one["logprob"]) for one in first["top_logprobs"]] == [("4", -0.1), ("48", -2.5)]
    assert (second["bytes"], second["top_logprobs"]) == ([0xC3], [])


def test_a_label_is_one_token_and_the_others_are_its_alternatives():
    answer = Completion(text="billing", label_probabilities={"billing": 0.75, "delivery": 0.25, "other": 0.0})
    (found,) = logprobs_of(answer, 3, None)["content"]
    assert (found["token"], found["logprob"]) == ("billing", math.log(0.75))
    assert [one["logprob"] for one in found["top_logprobs"]] == [math.log(0.75), math.log(0.25), NEVER]


def test_without_any_there_are_none():
    assert logprobs_of(Completion(text="{}", confidence=0.9), 5, None) is None

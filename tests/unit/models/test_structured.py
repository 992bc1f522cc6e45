"""Which schemas a provider can hold an answer to, and labels inside an object."""

import pytest

from insource.models.protocol import ModelInfo, Request
from insource.models.structured import LabelModel, can_be_strict, label_schema, response_format
from insource.types import Completion, Message


def closed(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        closed(),
        closed(a=TEXT, b={"type": ["number", "null"], "minimum": 0}),
        closed(a={"type": "array", "items": closed(b=TEXT)}),
        closed(a={"anyOf": [closed(b=TEXT), {"type": "null"}]}),
        closed(a={"type": "string", "format": "date"}, b={"enum": ["x", None]}),
        closed(a={"$ref": "#/$defs/one"}) | {"$defs": {"one": closed(b=TEXT)}},
        label_schema(("billing", "technical")),
    ],
)
def test_these_can_be_strict(schema):
    assert can_be_strict(schema)
    assert response_format(schema)["json_schema"]["strict"]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array", "items": TEXT},
        {"anyOf": [closed(a=TEXT)], "type": "object"},
        closed(a=TEXT) | {"required": []},
        closed(a=TEXT) | {"additionalProperties": True},
        {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
        closed(a={"type": "object", "properties": {"b": TEXT}, "required": ["b"]}),
        closed(a={"type": "array", "items": {"type": "object"}}),
        closed(a={"type": "string", "format": "uri"}),
        closed(a={"type": "string", "maxLength": 3}),
        closed(a={"oneOf": [TEXT]}),
        closed(a={"anyOf": [TEXT, {"not": TEXT}]}),
        closed(a={"$ref": "#/$defs/one"}) | {"$defs": {"one": {"type": "object"}}},
        closed(a={"description": "anything"}),
        closed(a=True),
        label_schema(tuple(f"label {n}" for n in range(1001))),
    ],
)
def test_others_are_only_guidance(schema):
    assert not can_be_strict(schema)
    assert response_format(schema)["json_schema"]["strict"] is False


def test_a_schema_deeper_than_the_limit_is_only_guidance():
    deep = TEXT
    for _ in range(10):
        deep = closed(a=deep)
    assert not can_be_strict(deep)


class Says:
    info = ModelInfo(name="m", local=False)

    def __init__(self, text):
        self.text = text

    def generate(self, request):
        return Completion(text=self.text, latency_s=2.0)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('{"label": "billing"}', "billing"),
        ("billing", "billing"),
        ('{"label": 3}', '{"label": 3}'),
        ('{"desk": "billing"}', '{"desk": "billing"}'),
        ("[]", "[]"),
        ("null", "null"),
    ],
)
def test_the_label_stands_alone(said, text):
    request = Request(messages=(Message(role="user", content="?"),), max_tokens=5)
    model = LabelModel(Says(said))
    assert model.generate(request) == Completion(text=text, latency_s=2.0)
    assert model.info.name == "m"

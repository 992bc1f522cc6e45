"""Inference: the contract is closed, bounded, and fits every example."""

import pytest

from insource.contract.infer import infer_output, infer_schema
from insource.contract.validate import violations
from insource.types import JsonSchema, Labels, Text


def test_labels_text_and_objects_are_told_apart():
    assert infer_output(["spam", "ham", "ham ", "spam"]) == Labels(names=("ham", "spam"), inferred=True)
    assert infer_output([f"summary {n}" for n in range(10)]) == Text()
    assert infer_output(["one\nline", "one\nline", "one\nline"]) == Text()
    assert isinstance(infer_output(['{"a": 1}', {"a": 2}]), JsonSchema)


def test_a_few_broken_answers_do_not_change_the_kind():
    assert isinstance(infer_output(['{"a": 1}', '{"a": 2}', '{"a": ']), JsonSchema)
    assert isinstance(infer_output(["x", "x", "y", "y", {"a": 1}]), Labels)


def test_intent_and_slots():
    values = [{"intent": "Play", "slots": {"artist": "A" * 20}}] * 20 + [
        {"intent": "Rate", "slots": {"artist": ["A", "B", "C"], "points": str(n)}} for n in range(20)
    ]
    schema = infer_schema(values)
    assert schema["properties"]["intent"] == {"type": "string", "enum": ["Play", "Rate"]}
    assert schema["required"] == ["intent", "slots"]
    slots = schema["properties"]["slots"]
    assert slots["required"] == ["artist"]
    assert slots["additionalProperties"] is False
    assert slots["properties"]["artist"] == {
        "type": ["string", "array"],
        "maxLength": 40,
        "items": {"type": "string", "enum": ["A", "B", "C"]},
        "maxItems": 6,
    }


def test_null_makes_a_field_nullable_not_optional():
    schema = infer_schema([{"v": None}, {"v": "480 V"}])
    assert schema["properties"]["v"]["type"] == ["string", "null"]
    assert schema["required"] == ["v"]


def test_an_optional_field_may_be_null_instead_of_absent():
    schema = infer_schema([{"a": 1}, {"a": 1, "b": "x"}])
    assert schema["properties"]["b"]["type"] == ["string", "null"]
    assert schema["required"] == ["a"]
    assert violations({"a": 1, "b": None}, schema) == ()


def test_an_enum_needs_repeats_and_no_rare_value():
    often = infer_schema([{"v": value} for value in "ab" * 30])["properties"]["v"]
    rare = infer_schema([{"v": value} for value in "ab" * 30 + "c"])["properties"]["v"]
    few = infer_schema([{"v": value} for value in "ab" * 5])["properties"]["v"]
    assert often["enum"] == ["a", "b"]
    assert "enum" not in rare
    assert "enum" not in few


def test_an_enum_keeps_null():
    assert infer_schema([{"v": value} for value in ["a", None] * 20])["properties"]["v"]["enum"] == [
        "a",
        None,
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 12], {"type": "integer", "minimum": 0, "maximum": 999}),
        ([-5, 0], {"type": "integer", "minimum": -99, "maximum": 99}),
        ([1, 2.25], {"type": "number", "minimum": 0, "maximum": 99, "multipleOf": 0.0001}),
        ([1e-9], {"type": "number"}),
        ([10**30], {"type": "integer"}),
        ([True], {"type": "boolean"}),
        ([[]], {"type": "array", "maxItems": 0}),
        ([None], {"type": "null"}),
    ],
)
def test_bounds_have_headroom(values, expected):
    assert infer_schema(values) == expected


@pytest.mark.parametrize(
    ("documents", "order"),
    [
        ([{"a": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}], "abc"),
        ([{"b": 1}, {"a": 1, "b": 1}], "ab"),
        ([{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}], "abc"),
    ],
)
def test_a_late_property_takes_the_place_it_has_in_its_own_document(documents, order):
    assert "".join(infer_schema(documents)["properties"]) == order


def test_every_example_fits():
    values = [{"n": n / 100, "tags": ["x"] * (n % 3), "sub": {"k": n} if n % 2 else None} for n in range(300)]
    schema = infer_schema(values)
    assert all(not violations(value, schema) for value in values)

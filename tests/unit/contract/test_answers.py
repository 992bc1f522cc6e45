"""Reading answers: strict, repairable, or neither."""

from __future__ import annotations

import pytest

from insource.contract.answers import MAX_DEPTH, read_answer
from insource.types import JsonSchema, Labels, Text

JSON = JsonSchema(definition={"type": "object"})


@pytest.mark.parametrize("text", ['{"a": 1}', ' \n{"a":1}\n', '{"a": "}{"}', "null", "[]"])
def test_strict_json(text):
    answer = read_answer(text, JSON)
    assert answer.parsed
    assert answer.repairable


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are:\n{"a": {"b": "}"}} Anything else?', {"a": {"b": "}"}}),
        ('Using {braces}: {"a": 1}', {"a": 1}),
        ('{"a": 1} {"a": 2}', {"a": 1}),
        ('{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_repairable_only(text, value):
    answer = read_answer(text, JSON)
    assert (answer.value, answer.parsed, answer.repairable) == (value, False, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help with that.",
        '{"a": {"b": 1}',  # truncated: the whole inner object is not the answer
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": "\\ud800"}',
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_neither(text):
    assert read_answer(text, JSON) == (None, False, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Billing", ("Billing", True, True)),
        (" Billing\n", ("Billing", True, True)),
        ('"billing".', ("Billing", False, True)),
        ("tech-support", ("Tech support", False, True)),
        ("The label is Billing", (None, False, False)),
        ("a!", (None, False, False)),  # a+ and a- fold alike
        ("", (None, False, False)),
        ("!!!", (None, False, False)),
    ],
)
def test_labels(text, expected):
    assert read_answer(text, Labels(names=("Billing", "Tech support", "a+", "a-"))) == expected


def test_text_is_always_read():
    assert read_answer("", Text()) == ("", True, True)

"""What a schema leaves endless is limited by the training answers."""

import json

import pytest

from insource.arms.caps import LEAST_VALUES, caps_of
from insource.contract.writable import unwritable
from insource.models.grounding.grounding import Grounding


def limits(values, declared, *, count=LEAST_VALUES):
    answers = [{"f": values[n % len(values)]} for n in range(count)]
    found = caps_of({"type": "object", "properties": {"f": declared}}, answers)
    return {path: dict(held) for path, held in found}


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        (["abc", None], {"type": ["string", "null"]}, {}),  # half of them are null: ten texts are too few
        (["abc", "abcde"], {"type": "string"}, {("f",): {"maxLength": 30}}),
        (["x" * 1000], {"type": "string"}, {}),
        ([7, -250], {"type": "integer"}, {("f",): {"minimum": -99_999, "maximum": 99_999}}),
        ([True], {"type": "boolean"}, {}),
        ([7], {"type": "number"}, {}),
        (
            [["a", "b"]],
            {"type": "array", "items": {"type": "string"}},
            {("f", "[]"): {"maxLength": 22}, ("f",): {"maxItems": 24}},
        ),
        (["a"], {"type": "string", "maxLength": 5}, {}),
        (["a"], {"type": "string", "enum": ["a", "b"]}, {}),
        (["a"], {"type": "string", "format": "date"}, {}),
        ([7], {"type": "integer", "minimum": 0}, {}),
        (["a"], {"anyOf": [{"type": "string"}, {"type": "integer"}]}, {}),
        (["a"], {}, {("f",): {"maxLength": 22}}),
    ],
)
def test_the_limit_follows_the_largest_value(values, declared, expected):
    assert limits(values, declared) == expected


def test_few_values_limit_nothing():
    assert limits(["a"], {"type": "string"}, count=LEAST_VALUES - 1) == {}


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": ["string", "null"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"qty": {"type": "integer"}}}},
    },
}
ANSWERS = [{"name": "n" * (n % 7), "lines": [{"qty": n}]} for n in range(40)]


def written(answer):
    held = Grounding((), caps_of(SCHEMA, ANSWERS)).schema(SCHEMA, "a document")
    return not unwritable(json.dumps(answer, separators=(",", ":")), held)


def test_every_training_answer_can_still_be_written():
    assert all(written(answer) for answer in ANSWERS)
    assert written({"name": None, "lines": []})


@pytest.mark.parametrize("answer", [{"name": "n" * 33, "lines": []}, {"name": "", "lines": [{"qty": 10**5}]}])
def test_an_endless_value_cannot_be_written(answer):
    assert not written(answer)


@pytest.mark.parametrize(
    "declared", [{"maxLength": 99}, {"enum": ["n" * 50]}, {"pattern": "^n+$"}, {"const": "n" * 50}]
)
def test_what_a_document_s_own_schema_says_is_not_narrowed(declared):
    own = {"type": "object", "properties": {"name": {"type": "string", **declared}}}
    assert Grounding((), caps_of(SCHEMA, ANSWERS)).schema(own, "a document") == own


def test_limits_are_kept_with_the_grounding(tmp_path):
    grounding = Grounding((), caps_of(SCHEMA, ANSWERS))
    grounding.save(tmp_path / "grounding.json")
    assert Grounding.load(tmp_path / "grounding.json") == grounding
    assert grounding.digest != Grounding(()).digest

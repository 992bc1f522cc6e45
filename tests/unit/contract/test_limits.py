"""What a part cannot honour is named by keyword and path."""

import pytest

from insource.contract.limits import limit_notes, limits


def notes(schema):
    return limit_notes(limits(schema))


def test_nothing_is_said_about_a_schema_that_every_part_honours():
    assert (
        notes({"type": "object", "properties": {"a": {"type": "string", "format": "date", "title": "A"}}})
        == ()
    )


def test_keywords_that_the_grammar_leaves_out_are_named_with_their_places():
    tags = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    schema = {"type": "object", "properties": {name: tags for name in "abcde"}}
    assert notes(schema) == (
        "The grammar does not enforce `uniqueItems` (#/properties/a, #/properties/b, #/properties/c and 2 "
        "more): an answer is checked for it when it is finished.",
    )


def test_a_format_that_nobody_checks_is_named():
    [note] = notes({"type": "object", "properties": {"n": {"type": "integer", "format": "int32"}}})
    assert note == "Nothing checks `format: int32` (#/properties/n): it is no format of JSON Schema."


@pytest.mark.parametrize(
    ("keyword", "meant"), [("maxLenght", "maxLength"), ("requried", "required"), ("patern", "pattern")]
)
def test_a_misspelt_keyword_is_named_with_the_one_that_is_meant(keyword, meant):
    [note] = notes({"type": "object", "properties": {"a": {"type": "string", keyword: 1}}})
    assert note == (
        f"`{keyword}` (#/properties/a) is no keyword of JSON Schema and has no effect; is `{meant}` meant?"
    )


def test_own_keywords_and_properties_named_like_misspelt_ones_are_left_alone():
    assert (
        notes({"x-note": 1, "$comment": "x", "unit": "V", "properties": {"requried": {"type": "boolean"}}})
        == ()
    )


def test_a_comparison_that_nothing_uses_is_named():
    schema = {"type": "object", "properties": {"a": {"not": {"const": 1, "x-insource": {"compare": "id"}}}}}
    assert any("`x-insource` (#/properties/a/not)" in note for note in notes(schema))
    named_not = {"type": "object", "properties": {"not": {"type": "string", "x-insource": {"compare": "id"}}}}
    assert notes(named_not) == ()


def test_a_schema_without_a_grammar_says_why():
    [note] = notes({"type": "object", "minProperties": 3, "maxProperties": 2})
    assert note.startswith("No grammar can be made of the schema")
    assert "minProperties > maxProperties" in note

"""A comparison that does not exist is refused when the task is loaded, wherever the schema declares it."""

import pytest

from insource.foundation.errors import ConfigError
from insource.matching.declared import check_declared

RIGHT = {"compare": "quantity", "unit": "V", "abs_tol": 0.5, "aliases": {"a": "b"}, "day_first": True}


def places(declared):
    """The same declaration in every corner of a schema."""
    leaf = {"type": "string", "x-insource": declared}
    return {
        "#/properties/a": {"properties": {"a": leaf}},
        "#/$defs/d": {"$defs": {"d": leaf}},
        "#/definitions/d/items": {"definitions": {"d": {"items": leaf}}},
        "#/properties/a/anyOf/1": {"properties": {"a": {"anyOf": [{}, leaf]}}},
        "#/allOf/0/additionalProperties": {"allOf": [{"additionalProperties": leaf}]},
        "#/patternProperties/^a": {"patternProperties": {"^a": leaf}},
        "#/properties/a/prefixItems/0": {"properties": {"a": {"prefixItems": [leaf]}}},
        "#/properties/a/items/0": {"properties": {"a": {"items": [leaf]}}},
        "#/then/properties/a": {"if": {}, "then": {"properties": {"a": leaf}}},
    }


@pytest.mark.parametrize("path", places({}))
def test_a_misspelt_comparison_is_refused_with_its_place_and_the_nearest(path):
    check_declared(places(RIGHT)[path])
    with pytest.raises(ConfigError) as caught:
        check_declared(places({"compare": "qantity"})[path])
    assert caught.value.code == "unknown-comparator"
    assert f" at {path} " in caught.value.message
    assert caught.value.hint.startswith('Is "quantity" meant? Use one of: ')


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ({"list": "sets"}, 'Is "set" meant?'),
        ({"comparee": "id"}, 'Is "compare" meant?'),
        ({"abs_tolerance": 1}, 'Is "abs_tol" meant?'),
        ({"abs_tol": "1"}, "Correct it"),
        ({"rel_tol": -1}, "Correct it"),
        ({"abs_tol": float("nan")}, "Correct it"),
        ({"abs_tol": float("inf")}, "Correct it"),
        ({"abs_tol": True}, "Correct it"),
        ({"compare": "quantity", "unit": 5}, "Correct it"),
        ({"compare": "date", "day_first": "yes"}, "Correct it"),
        ({"aliases": ["a"]}, "Correct it"),
        ({"compare": None}, "Use one of"),
        ("quantity", "Use one of"),
    ],
)
def test_what_x_insource_cannot_say_is_refused(declared, hint):
    with pytest.raises(ConfigError) as caught:
        check_declared({"properties": {"a": {"x-insource": declared}}})
    assert hint in caught.value.hint


@pytest.mark.parametrize("keyword", ["x-insorce", "x_insource", "X-Insource"])
def test_the_keyword_itself_is_spelled_right(keyword):
    with pytest.raises(ConfigError, match=keyword):
        check_declared({"properties": {"a": {keyword: {"compare": "id"}}}})


def test_properties_and_values_may_have_such_names():
    check_declared(
        {"properties": {"x-insorce": {}, "x-insource": {}}, "enum": [{"x-insource": {"compare": "no"}}]}
    )

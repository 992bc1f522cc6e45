"""The grammar accepts exactly the canonical spelling of what the schema allows."""

import pytest
from llguidance import LLMatcher, LLTokenizer

from insource.contract.canonical_form import canonical_target
from insource.contract.grammar import compile_grammar
from insource.contract.validate import violations
from insource.foundation.errors import DataError
from insource.types import JsonSchema, Labels, Text

TOKENIZER = LLTokenizer("byte")
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^EQ-[A-Z]{2}-[0-9]{4}$", "x-insource": {"compare": "id"}},
        "level": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"enum": ["hot", "café"]}, "maxItems": 2},
        "note": {"type": "string", "maxLength": 10},
    },
    "required": ["id", "level"],
    "additionalProperties": False,
}


def accepts(grammar, text):
    matcher = LLMatcher(TOKENIZER, grammar.text, log_level=0)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


@pytest.fixture(scope="module")
def grammar():
    return compile_grammar(JsonSchema(definition=SCHEMA))


@pytest.mark.parametrize(
    "value",
    [
        {"level": 3, "id": "EQ-AB-1234"},
        {"note": 'a"\\/\n\t', "tags": ["café", "hot"], "level": None, "id": "EQ-ZZ-0000"},
        {"id": "EQ-AB-1234", "level": 5, "note": "\x00\x1f\x7f\u2028😀"},
    ],
)
def test_canonical_targets_pass_byte_for_byte(grammar, value):
    assert accepts(grammar, canonical_target(value, SCHEMA))
    assert not violations(value, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        '{"level":3,"id":"EQ-AB-1234"}',
        '{"id": "EQ-AB-1234", "level": 3}',
        '{"id":"EQ-AB-1234","level":3}\n\n',
        '{"id":"EQ-AB-1234","level":3,"extra":1}',
        '{"id":"EQ-AB-12345","level":3}',
        '{"id":"EQ-AB-1234","level":6}',
        '{"id":"EQ-AB-1234"}',
        '{"id":"EQ-AB-1234","level":3,"tags":["cold"]}',
        '{"id":"EQ-AB-1234","level":3,"note":"12345678901"}',
        '{"id":"EQ-AB-1234","level":3',
    ],
)
def test_anything_else_is_refused(grammar, text):
    assert not accepts(grammar, text)


def test_the_schema_is_left_as_it_was(grammar):
    assert "x-insource" in SCHEMA["properties"]["id"]
    assert "x-guidance" not in SCHEMA
    assert "x-insource" not in grammar.text
    assert grammar.text.startswith("%llguidance {}\nstart: %json {")
    assert grammar.dropped_keywords == ()


def test_unknown_keywords_leave_the_grammar_but_not_the_check():
    schema = {
        "type": "object",
        "properties": {
            "not": {"type": "array", "items": {"type": "string", "maxLength": 9}, "uniqueItems": True},
            "code": {"type": "string", "pattern": "^(?!X)[A-Z]+$"},
            "day": {"type": "string", "format": "weekday"},
            "unit": {"oneOf": [{"type": "string", "maxLength": 4}, {"type": "string", "pattern": "^l"}]},
        },
        "required": ["not"],
        "additionalProperties": False,
        "dependentRequired": {"code": ["day"]},
    }
    grammar = compile_grammar(schema)
    assert grammar.dropped_keywords == ("dependentRequired", "format", "oneOf", "pattern", "uniqueItems")
    assert accepts(grammar, '{"not":["a","a"],"code":"XX"}')
    problems = violations({"not": ["a", "a"], "code": "XX"}, schema)
    assert {problem.split(":")[0] for problem in problems} == {"not", "code", "(the whole answer)"}


def test_what_may_run_on_is_noted():
    notes = compile_grammar({"type": "object", "properties": {"a": {"type": "string"}}}).notes
    assert notes == (
        "1 text fields have no maxLength.",
        '1 objects allow undeclared keys; "additionalProperties": false forbids them.',
    )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum (5) is greater than maximum (3)"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$ref": "http://127.0.0.1:1/x.json"}, "lies outside the schema"),
        ({"type": "wibble"}, "wibble"),
    ],
)
def test_what_cannot_be_enforced_is_refused_with_the_reason(schema, words):
    with pytest.raises(DataError) as error:
        compile_grammar(schema)
    assert error.value.code == "schema-not-supported"
    assert words in error.value.details[0]
    assert "%llguidance" not in error.value.details[0]


def test_labels_are_the_only_answers():
    names = ("spam", "spam and eggs", 'a "quoted" one', "back\\slash", "Übung", "two\nlines", "/re/", "<tag>")
    grammar = compile_grammar(Labels(names=names))
    assert all(accepts(grammar, name) for name in names)
    assert not any(accepts(grammar, text) for text in ("", "spa", "Spam", "spam ", '"spam"', "spam and"))


def test_many_labels():
    grammar = compile_grammar(Labels(names=tuple(f"label {n}" for n in range(4000))))
    assert accepts(grammar, "label 3999")
    assert accepts(grammar, "label 39")
    assert not accepts(grammar, "label 4000")


def test_free_text_has_no_grammar():
    assert compile_grammar(Text()).text is None

"""The compact form of a JSON answer: written, read back, held to its grammar, refused where keys are open."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from insource.contract.canonical_form import canonical_target
from insource.contract.compact_form import NoCompactForm, compact_form, require_compact_form
from insource.contract.grammar import compile_grammar
from insource.foundation.errors import ConfigError
from insource.types import JsonSchema, Labels, Reasoning


def of(properties, **more):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


NUMBER, TEXT = {"type": ["number", "null"]}, {"type": "string"}
LINE = of({"name": TEXT, "qty": {"type": "integer"}})
ORDER = of(
    {
        "no": TEXT,
        "lines": {"type": "array", "items": LINE},
        "to": {"anyOf": [of({"city": TEXT, "zip": TEXT}), {"type": "null"}]},
        "tags": {"type": ["array", "null"], "items": TEXT},
        "paid": {"type": "boolean"},
    }
)
ANSWER = {
    "no": 'a "b" [c], {d}',
    "lines": [{"name": "é \\", "qty": 2}, {"name": "", "qty": 0}],
    "to": {"city": "Köln", "zip": "1"},
    "tags": ["x,y", "]"],
    "paid": True,
}
COMPACT = ['a "b" [c], {d}', [["é \\", 2], ["", 0]], ["Köln", "1"], ["x,y", "]"], True]


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def accepts(grammar, said):
    tokenizer = LLTokenizer("byte")
    matcher = LLMatcher(tokenizer, grammar, log_level=0)
    wanted = [*said.encode(), tokenizer.eos_token]
    return matcher.validate_tokens(wanted) == len(wanted)


@pytest.mark.parametrize(
    ("schema", "answer", "compact"),
    [
        (ORDER, ANSWER, COMPACT),
        (ORDER, ANSWER | {"to": None, "tags": None, "lines": []}, [COMPACT[0], [], None, None, True]),
        (of({}), {}, []),
        (of({"a": of({})}), {"a": {}}, [[]]),
        ({"type": "array", "items": LINE}, ANSWER["lines"], COMPACT[1]),
        # References, parts and definitions that hold an object's keys apart
        (
            of({"a": {"$ref": "#/$defs/line"}}, **{"$defs": {"line": LINE}}),
            {"a": {"name": "n", "qty": 1}},
            [["n", 1]],
        ),
        (
            {"allOf": [of({"a": NUMBER})], "type": "object", "properties": {"a": {"maximum": 9}}},
            {"a": 1.5},
            [1.5],
        ),
        # What the schema leaves open is written as it is
        (
            of({"any": {}, "n": NUMBER}),
            {"any": {"k": [1, {"l": 2}]}, "n": 1e20},
            [{"k": [1, {"l": 2}]}, 1e20],
        ),
    ],
)
def test_an_answer_is_written_without_keys_and_read_with_them(schema, answer, compact):
    form = compact_form(JsonSchema(definition=schema))
    assert form.written(text(answer)) == text(compact)
    assert form.read(text(compact)) == text(answer)
    grammar = form.grammar(compile_grammar(schema).text)
    assert accepts(grammar, text(compact))
    assert not accepts(grammar, text(answer)) or answer == compact


@pytest.mark.parametrize(
    "said",
    [
        '["a",[],null,null]',
        '["a",[],null,null,true,1]',
        '["a",[["b"]],null,null,true]',
        '["a",[],1,null,true]',
    ],
)
def test_the_grammar_holds_the_number_of_values_and_their_types(said):
    grammar = compact_form(ORDER).grammar(compile_grammar(ORDER).text)
    assert not accepts(grammar, said)


def test_limits_of_a_document_hold_in_compact_form():
    """Grounded decoding lays the values of a document over the schema."""
    held = {
        "properties": {"no": {"enum": ["A1"]}, "lines": {"items": {"properties": {"qty": {"enum": [7]}}}}}
    }
    grammar = compact_form(ORDER).grammar(compile_grammar({"allOf": [ORDER, held]}).text)
    assert accepts(grammar, '["A1",[["b",7]],null,null,true]')
    assert not accepts(grammar, '["A2",[["b",7]],null,null,true]')
    assert not accepts(grammar, '["A1",[["b",8]],null,null,true]')


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Labels(names=("a", "b")), "the answers are no JSON"),
        ({"type": "array", "items": TEXT}, "the schema has no object"),
        (of({"a": TEXT, "b": TEXT}, required=["a"]), "the answer may lack b"),
        (
            of({"a": TEXT}, additionalProperties=True),
            "the answer may have keys that the schema does not name",
        ),
        (of({"a": of({"b": TEXT}, required=[])}), "a may lack b"),
        (of({"a": {"type": "array", "items": of({"b": TEXT}, required=[])}}), r"a\[\] may lack b"),
        (of({"a": {"anyOf": [of({"b": TEXT}), of({"c": TEXT})]}}), "a has alternatives"),
        (of({"a": of({"b": TEXT}, type=["object", "array"], items=TEXT)}), "a may be a list or an object"),
        (of({"a": of({"b": TEXT}, enum=[{"b": "x"}])}), "a is one of several whole objects"),
        (of({"a": {"type": "array", "prefixItems": [LINE]}}), "has prefixItems"),
        (of({"a": TEXT}, patternProperties={"x": TEXT}), "has patternProperties"),
        (of({"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}), "can hold itself"),
        (of({"a": {"type": "array", "items": {"$ref": "#"}}}), "can hold itself"),
        (
            of({"a": {"$ref": "#/$defs/t"}}, **{"$defs": {"t": {"items": {"$ref": "#/$defs/t"}}}}),
            "can hold itself",
        ),
        (
            JsonSchema(definition=ORDER, reasoning=Reasoning(name="why", definition=TEXT)),
            "the answer begins with reasoning",
        ),
    ],
)
def test_a_schema_that_leaves_keys_open_has_no_compact_form(output, reason):
    with pytest.raises(NoCompactForm, match=reason):
        compact_form(output)


def test_a_user_is_told_why_and_what_to_do():
    with pytest.raises(ConfigError, match="the answers are no JSON") as error:
        require_compact_form(Labels(names=("a",)))
    assert "training.compact_answers" in error.value.hint


@pytest.mark.parametrize(
    "answer", ['{"b":1,"a":2}', '{"a":1}', '{"a":1,"b":2,"c":3}', '{"a":1, "b":2}', "[1,2]", "{"]
)
def test_only_a_canonical_answer_is_written(answer):
    with pytest.raises(ValueError, match=r"another form|its keys|is missing"):
        compact_form(of({"a": NUMBER, "b": NUMBER})).written(answer)


@pytest.mark.parametrize("said", ["[1,2,3]", "]", "[1,2],3"])
def test_a_text_of_another_form_is_not_read(said):
    with pytest.raises(ValueError, match="another form"):
        compact_form(of({"a": NUMBER, "b": NUMBER})).read(said)


SCALARS = st.sampled_from([({"type": "string"}, st.text(max_size=6)), (NUMBER, st.none() | st.integers()),
                           ({"type": "boolean"}, st.booleans())])  # fmt: skip


def _objects(inner):
    def both(parts):
        schema = of({name: one for name, (one, _) in parts.items()})
        return schema, st.fixed_dictionaries({name: values for name, (_, values) in parts.items()})

    return st.dictionaries(st.text(max_size=4), inner, max_size=3).map(both)


def _lists(inner):
    return inner.map(lambda one: ({"type": "array", "items": one[0]}, st.lists(one[1], max_size=3)))


SCHEMAS = _objects(st.recursive(SCALARS, lambda inner: _objects(inner) | _lists(inner), max_leaves=6))


@given(SCHEMAS, st.data())
def test_every_answer_comes_back_and_its_bytes_stay_in_order(pair, data):
    schema, values = pair
    answer = canonical_target(data.draw(values), schema)
    form = compact_form(schema)
    compact = form.written(answer)
    assert form.read(compact) == answer
    assert len(compact) <= len(answer)
    said = compact.encode()
    for cut in range(len(said)):
        assert b"".join(form.pieces(said)).startswith(b"".join(form.pieces(said[:cut])))


@given(SCHEMAS, st.data())
def test_the_grammar_of_the_compact_form_writes_every_answer(pair, data):
    schema, values = pair
    form = compact_form(schema)
    grammar = compile_grammar(schema).text
    answer = canonical_target(data.draw(values), schema)
    # The grammar with keys cannot write every key, such as one with U+007F
    assert not accepts(grammar, answer) or accepts(form.grammar(grammar), form.written(answer))

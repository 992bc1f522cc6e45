"""A schema means the same however it is written: to alignment, validator, canonical form and grammar."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from insource.contract.canonical_form import canonical_target
from insource.contract.grammar import compile_grammar
from insource.contract.validate import fits, violations
from insource.contract.writable import unwritable
from insource.matching.align import align

TOKENIZER = LLTokenizer("byte")
QUICK = settings(max_examples=40, deadline=None)


class Field(NamedTuple):
    """A schema written plainly and another way, and the values of it: those that fit, and other spellings."""

    plain: Any
    other: Any
    values: st.SearchStrategy[Any]
    spellings: st.SearchStrategy[Any]


QUANTITY = {"type": "string", "maxLength": 12, "x-insource": {"compare": "quantity", "unit": "V"}}
CODE = {"type": "string", "maxLength": 12, "x-insource": {"compare": "id"}}
DAY = {"type": "string", "format": "date"}
LEAVES: tuple[tuple[dict[str, Any], st.SearchStrategy[Any], st.SearchStrategy[Any]], ...] = (
    (QUANTITY, st.sampled_from(["480 V", "24 V"]), st.sampled_from(["0.48 kV", "480V", "24", "x"])),
    (CODE, st.sampled_from(["AB-1", "AB-2"]), st.sampled_from(["ab 1", "AB2", "7"])),
    (DAY, st.sampled_from(["2024-03-01", "2024-12-24"]), st.sampled_from(["1 March 2024", "24.12.2024"])),
    ({"enum": ["red", "blue"]}, st.sampled_from(["red", "blue"]), st.sampled_from(["Red", "green"])),
    ({"enum": [1, 2.5, 1e-7, "1"]}, st.sampled_from([1, 1.0, 2.5, 1e-7, "1"]), st.just(2)),
    ({"const": 3.0}, st.sampled_from([3, 3.0]), st.just("3")),
    ({"type": "boolean"}, st.booleans(), st.just("true")),
    ({"type": "integer"}, st.integers(-(10**20), 10**20) | st.just(2.0), st.just("2")),
    ({"type": "number"}, st.floats(allow_nan=False, allow_infinity=False), st.just("7")),
    ({"type": "number", "minimum": 0}, st.floats(0, 1e300) | st.integers(0, 10**9), st.just(-1)),
    ({"type": "number", "multipleOf": 5}, st.integers(-9, 9).map(lambda n: n * 5.0), st.just(1)),
    ({"type": "string", "maxLength": 9}, st.text(max_size=9).filter(str.isprintable), st.text(max_size=12)),
)
NAMES = ("alpha", "beta", "gamma", "delta")
HOLDERS = ("list", "map", "nullable", "tuple", "union")


class Ways:
    """Draws how a part of a schema is written, and keeps the definitions that this needs."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.definitions: dict[str, Any] = {}
        self.identified: list[int] = []  # embedded resources: a pointer inside one starts there

    def write(self, schema: Any, *, own_references: bool) -> Any:
        way = self._draw(st.sampled_from(["plain", "pointer", "percent", "anchor", "allOf", "list", "id"]))
        name = f"d{len(self.definitions)}"
        if way == "pointer":
            self.definitions[name] = schema
            return {"$ref": f"#/$defs/{name}"}
        if way == "percent":
            self.definitions[f"{name}[a b]~/"] = schema
            return {"$ref": f"#/$defs/{name}%5Ba%20b%5D~0~1"}
        if way == "anchor":
            self.definitions[name] = {"$anchor": f"at-{name}", **schema}
            return {"$ref": f"#at-{name}"}
        if way == "list":
            self.definitions[name] = {"anyOf": [{"type": "null"}, schema]}
            return {"$ref": f"#/$defs/{name}/anyOf/1"}
        if way == "id" and not own_references:
            self.definitions[name] = {"$id": f"https://example.org/{name}.json", **schema}
            return {"$ref": f"{name}.json"}
        return {"allOf": [schema]} if way == "allOf" else schema


def holds_references(schema: Any) -> bool:
    return '"$ref"' in json.dumps(schema)


@st.composite
def fields(draw: st.DrawFn, ways: Ways, depth: int) -> Field:
    kind = draw(st.sampled_from(["leaf", "leaf", "object", *HOLDERS] if depth else ["leaf"]))
    if kind == "leaf":
        schema, values, spellings = draw(st.sampled_from(LEAVES))
        field = Field(schema, schema, values, values | spellings)
    elif kind == "object":
        field = draw(objects(ways, depth))
    else:
        field = draw(holders(ways, depth, kind))
    return field._replace(other=ways.write(field.other, own_references=holds_references(field.other)))


@st.composite
def holders(draw: st.DrawFn, ways: Ways, depth: int, kind: str) -> Field:
    inner = draw(fields(ways, depth - 1))
    made = [inner.plain, inner.other]
    both = [inner.values, inner.spellings]
    if kind == "list":
        schemas = [{"type": "array", "items": one, "maxItems": 3} for one in made]
        return Field(*schemas, *(st.lists(one, max_size=3) for one in both))
    if kind == "map":
        schemas = [{"type": "object", "additionalProperties": one} for one in made]
        return Field(*schemas, *(st.dictionaries(st.sampled_from("kj"), one, max_size=2) for one in both))
    if kind == "tuple":
        rest = draw(fields(ways, 0))
        schemas = [
            {"type": "array", "prefixItems": [one], "items": other, "minItems": 1, "maxItems": 3}
            for one, other in zip(made, [rest.plain, rest.other], strict=True)
        ]
        tails = [st.lists(one, max_size=2) for one in (rest.values, rest.spellings)]
        return Field(
            *schemas, *(st.tuples(one, tail).map(joined) for one, tail in zip(both, tails, strict=True))
        )
    if kind == "union":
        second = draw(fields(ways, depth - 1))
        plain, other = (
            {keyword: [branch_of("a", one), branch_of("b", two)]}
            for keyword, one, two in (
                ("anyOf", inner.plain, second.plain),
                ("oneOf", inner.other, second.other),
            )
        )
        values = (
            st.fixed_dictionaries({"kind": st.just("a"), "v": one})
            | st.fixed_dictionaries({"kind": st.just("b"), "v": two})
            for one, two in ((inner.values, second.values), (inner.spellings, second.spellings))
        )
        return Field(plain, other, *values)
    plain = {"anyOf": [inner.plain, {"type": "null"}]}
    other = draw(
        st.sampled_from(
            [{"anyOf": [{"type": "null"}, inner.other]}, {"allOf": [inner.other], "nullable": True}]
        )
    )
    return Field(plain, other, *(st.none() | one for one in both))


@st.composite
def objects(draw: st.DrawFn, ways: Ways, depth: int) -> Field:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    inner = {name: draw(fields(ways, depth - 1)) for name in names}
    required = [name for name in names if draw(st.booleans())]
    plain = object_of({name: one.plain for name, one in inner.items()}, required)
    other = object_of({name: one.other for name, one in inner.items()}, required)
    if len(names) > 1 and draw(st.booleans()):
        parts = [
            object_of({name: inner[name].other for name in some}, [name for name in required if name in some])
            for some in (names[:1], names[1:])
        ]
        other = {"allOf": parts}
    optional = {name: one for name, one in inner.items() if name not in required}

    def values(which: str) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries(
            {name: getattr(inner[name], which) for name in required},
            optional={name: getattr(one, which) for name, one in optional.items()},
        )

    return Field(plain, other, values("values"), values("spellings"))


def joined(parts: tuple[Any, list[Any]]) -> list[Any]:
    return [parts[0], *parts[1]]


def branch_of(kind: str, inner: Any) -> dict[str, Any]:
    return object_of({"kind": {"const": kind}, "v": inner}, ["kind", "v"]) | {"additionalProperties": False}


def object_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


@st.composite
def contracts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], Any, Any]:
    """A schema, the same one written another way, a value that fits, and one that may."""
    ways = Ways(draw)
    root = draw(objects(ways, 3))
    other = ways.write(root.other, own_references=holds_references(root.other))
    other = {"$id": "https://example.org/root.json", "$defs": ways.definitions, **other}
    return root.plain, other, draw(root.values), draw(root.spellings)


def slots(gold: Any, answer: Any, schema: dict[str, Any]) -> list[Any]:
    return [
        (slot.path, slot.gold, slot.predicted, slot.bucket, slot.comparator)
        for slot in align(gold, answer, schema)
    ]


def accepts(schema: dict[str, Any], text: str) -> bool:
    matcher = LLMatcher(TOKENIZER, compile_grammar(schema).text, log_level=0)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


@QUICK
@given(contracts())
def test_another_way_to_write_a_schema_changes_nothing(case):
    plain, other, label, answer = case
    assert slots(label, answer, other) == slots(label, answer, plain)
    assert slots(label, None, other) == slots(label, None, plain)
    assert fits(label, other)
    assert fits(label, plain)
    assert fits(answer, other) == fits(answer, plain)
    target = canonical_target(label, plain)
    assert canonical_target(label, other) == target
    assert accepts(plain, target)
    assert accepts(other, target)


@QUICK
@given(contracts())
def test_the_canonical_form_of_a_value_that_fits_is_one_that_the_grammar_writes(case):
    _, schema, label, answer = case
    for value in (label, answer):
        if fits(value, schema):
            target = canonical_target(value, schema)
            assert violations(json.loads(target), schema) == ()
            assert json.loads(target, parse_int=float) == json.loads(json.dumps(value), parse_int=float)
            assert accepts(schema, target)
            assert unwritable(target, schema) == ""
            assert canonical_target(json.loads(target), schema) == target


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["480 V", "\ud800", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "kind", "v", "\ud800"]), inner)
    ),
    max_leaves=12,
)


@QUICK
@given(contracts(), JSON)
def test_alignment_takes_any_answer_and_a_label_is_right_against_itself(case, answer):
    _, schema, label, _ = case
    held = [slot.gold for slot in align(label, answer, schema) if slot.gold is not None]
    assert held == [slot.gold for slot in align(label, None, schema) if slot.gold is not None]
    assert {slot.bucket for slot in align(label, label, schema)} <= {"correct", "correctly_empty"}


@st.composite
def parts(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """An object's schema with parts beside, behind and inside each other, its keywords in any order."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    schema: dict[str, Any] = {"properties": {name: {"type": "integer"} for name in names}}
    if draw(st.booleans()):
        schema["required"] = names[:1]
    if depth and draw(st.booleans()):
        schema["$ref"] = draw(st.sampled_from(["#/$defs/one", "#/$defs/two"]))
    for keyword in ("allOf", "anyOf", "oneOf"):
        if depth and draw(st.booleans()):
            schema[keyword] = [draw(parts(depth - 1)), draw(parts(depth - 1))]
    return {keyword: schema[keyword] for keyword in draw(st.permutations(list(schema)))}


@QUICK
@given(
    parts(2),
    parts(0),
    parts(0),
    st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9)), max_size=4),
)
def test_keys_are_in_the_order_of_the_grammar_wherever_their_part_stands(whole, one, two, values):
    schema = {**whole, "type": "object", "$defs": {"one": one, "two": two}}
    for value in values:
        if fits(value, schema):
            assert unwritable(canonical_target(value, schema), schema) == ""

"""Grammars for constrained decoding, in llguidance's format, compiled strictly before use.

Rules from measurements of llguidance 1.9: whitespace is compact, because flexible whitespace can continue
without end; keys come in the order of ``properties``. Keywords that the engine does not support are removed
from the grammar and listed by name and path; the schema keeps them for validating the finished answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from insource.contract.places import Place, listed_values, place_of
from insource.contract.resolved import InvalidSchema, resolved, subschemas
from insource.foundation.errors import DataError
from insource.types import Frozen, JsonSchema, Labels, OutputSpec, Text

JSON_GRAMMAR = "start: %json "
"""What stands before the schema in the grammar of a JSON answer."""

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
MAX_REPAIRS = 32
_UNIMPLEMENTED = re.compile(r"Unimplemented keys: \[(.*?)\]")
_UNKNOWN_FORMAT = re.compile(r"Unknown format: (.+)")
_POSITION = re.compile(r"^at \d+\(\d+\): (failed to compile JSON schema: )?")
_ONE_OF = "oneOf constraints are not supported"
_REGEX = "regex parse error"
# What the engine says, and the keywords that leave the grammar for it.
_SAID = {
    "min/maxProperties only supported": {"minProperties", "maxProperties"},
    "'multipleOf' has too many digits": {"multipleOf"},
}
_OVERLAPPING = "are not disjoint"
_RANGE = "Failed to generate regex for"
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class Dropped(NamedTuple):
    """A keyword that is in the schema and not in the grammar; ``path`` is a pointer into the schema."""

    keyword: str
    path: str


class Grammar(Frozen):
    """A complete llguidance grammar; ``text`` is None when answers are free text.

    What is ``dropped`` is in the schema but not in the grammar, so the answer must be validated.
    """

    text: str | None
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def dropped_keywords(self) -> tuple[str, ...]:
        """The names of what is dropped, each once, sorted."""
        return tuple(sorted({one.keyword for one in self.dropped}))


def compile_grammar(output: OutputSpec | Mapping[str, Any]) -> Grammar:
    """Return the grammar of what a model writes under an output contract or JSON Schema.

    It is compiled once to check it. Reasoning that the contract declares comes before the answer.

    Raises:
        DataError: ``schema-not-supported``, with the engine's message or the validator's.
    """
    if isinstance(output, Text):
        return Grammar(text=None, notes=("Free text has no grammar.",))
    if isinstance(output, Labels):
        return _label_grammar(output.names)
    return _schema_grammar(output.generated if isinstance(output, JsonSchema) else output)


def _label_grammar(names: tuple[str, ...]) -> Grammar:
    # One terminal instead of a rule: the parser allows 2,000 alternatives, the lexer any number.
    choices = " | ".join(json.dumps(name, ensure_ascii=False) for name in names)
    text = f"%llguidance {{}}\nstart: LABEL\nLABEL: {choices}"
    problem, notes = _compile(text)
    if problem:
        raise _not_supported(problem)
    return Grammar(text=text, notes=notes)


def _schema_grammar(definition: Mapping[str, Any]) -> Grammar:
    try:
        schema = json.loads(json.dumps(resolved(definition)))
    except InvalidSchema as error:
        raise _not_supported(str(error)) from error
    _remove(schema, {"x-insource"})
    _exclusive_to_any_of(schema)
    schema["x-guidance"] = COMPACT
    dropped: set[Dropped] = set()
    problem = ""
    for _ in range(MAX_REPAIRS):
        text = f"%llguidance {{}}\n{JSON_GRAMMAR}{json.dumps(schema, ensure_ascii=False)}"
        problem, warnings = _compile(text)
        if not problem:
            notes = (*warnings, *_looseness(schema))
            return Grammar(text=text, dropped=tuple(sorted(dropped)), notes=notes)
        removed = _loosen(schema, problem)
        if not removed:
            break
        dropped |= removed
    raise _not_supported(problem)


def _compile(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the engine's error, or an empty one and the warnings."""
    from llguidance import LLMatcher

    failed, messages = LLMatcher.validate_grammar_with_warnings(text)
    return (messages[0], ()) if failed else ("", tuple(messages))


def _loosen(schema: dict[str, Any], problem: str) -> set[Dropped]:
    """Remove what ``problem`` names and return it; the grammar then accepts more, never less."""
    if found := _UNIMPLEMENTED.search(problem):
        return _remove(schema, set(json.loads(f"[{found[1]}]")))
    if found := _UNKNOWN_FORMAT.search(problem):
        return _remove(schema, {"format"}, value=found[1])
    for said, keywords in _SAID.items():
        if said in problem:
            return _remove(schema, keywords)
    if _OVERLAPPING in problem:
        return _remove_patterns_of_names(schema)
    if _ONE_OF in problem:
        return _one_of_to_any_of(schema)
    if _RANGE in problem:
        return _remove_ranges(schema)
    if _REGEX in problem:
        patterns = {node["pattern"] for _, node in subschemas(schema) if isinstance(node.get("pattern"), str)}
        bad = [one for one in sorted(patterns) if not _compiles({"type": "string", "pattern": one})]
        return {dropped for pattern in bad for dropped in _remove(schema, {"pattern"}, value=pattern)}
    return set()


def _remove(schema: dict[str, Any], keywords: set[str], value: Any = None) -> set[Dropped]:
    removed = set()
    for path, node in list(subschemas(schema)):
        for keyword in keywords & node.keys():
            if value is None or node[keyword] == value:
                del node[keyword]
                removed.add(Dropped(keyword, path))
    return removed


def _remove_patterns_of_names(schema: dict[str, Any]) -> set[Dropped]:
    """Remove patterns of names that overlap, and what is said of all other names: it would forbid them."""
    removed = set()
    for path, node in list(subschemas(schema)):
        if len(node.get("patternProperties", ())) > 1:
            for keyword in {"patternProperties", "additionalProperties"} & node.keys():
                del node[keyword]
                removed.add(Dropped(keyword, path))
    return removed


def _remove_ranges(schema: dict[str, Any]) -> set[Dropped]:
    """Remove the bounds that the engine cannot write: it knows numbers up to 2^53 or so."""
    removed = set()
    for path, node in list(subschemas(schema)):
        bounds = {keyword: node[keyword] for keyword in _BOUNDS if keyword in node}
        kind = "integer" if _types(node) == ["integer"] else "number"
        if bounds and not _compiles({"type": kind, **bounds}):
            for keyword in bounds:
                del node[keyword]
                removed.add(Dropped(keyword, path))
    return removed


def _one_of_to_any_of(schema: dict[str, Any]) -> set[Dropped]:
    changed = set()
    for path, node in list(subschemas(schema)):
        if "oneOf" in node:
            _merge_one_of(node)
            changed.add(Dropped("oneOf", path))
    return changed


def _merge_one_of(node: dict[str, Any]) -> None:
    branches = node.pop("oneOf")
    if "anyOf" in node:
        node["allOf"] = [*node.get("allOf", ()), {"anyOf": node.pop("anyOf")}, {"anyOf": branches}]
    else:
        node["anyOf"] = branches
    # Parts first: in this order the grammar writes their properties.
    ordered = {keyword: node[keyword] for keyword in ("$ref", "allOf", "anyOf") if keyword in node} | node
    node.clear()
    node.update(ordered)


def _exclusive_to_any_of(schema: dict[str, Any]) -> None:
    """Write ``oneOf`` as ``anyOf`` where no value can fit two branches; the engine does not see it through
    references."""
    definitions = schema.get("$defs", {})
    for _, node in list(subschemas(schema)):
        if "oneOf" in node:
            options = [place_of({"allOf": [option], "$defs": definitions}) for option in node["oneOf"]]
            if all(_disjoint(one, other) for one, other in combinations(options, 2)):
                _merge_one_of(node)


def _disjoint(one: Place, other: Place) -> bool:
    if one.types and other.types and not one.types & other.types and not _numeric(one) & _numeric(other):
        return True
    return any(
        not _overlap(listed_values(one.properties[name]), listed_values(other.properties[name]))
        for name in {*one.required} & {*other.required} & one.properties.keys() & other.properties.keys()
    )


def _numeric(place: Place) -> frozenset[str]:
    return frozenset({"number"} if place.types & {"number", "integer"} else ())


def _overlap(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> bool:
    return one is None or other is None or any(value in other for value in one)


def _compiles(schema: dict[str, Any]) -> bool:
    return not _compile(f"%llguidance {{}}\n{JSON_GRAMMAR}{json.dumps(schema)}")[0]


def _looseness(schema: dict[str, Any]) -> Iterator[str]:
    """Yield notes on what the schema leaves open, where an answer may continue up to ``max_tokens``."""
    nodes = [node for _, node in subschemas(schema)]
    bounds = {"maxLength", "enum", "const", "pattern", "format"}
    endless = sum("string" in _types(node) and not bounds & node.keys() for node in nodes)
    closing = {"additionalProperties", "patternProperties"}
    extensible = sum("properties" in node and not closing & node.keys() for node in nodes)
    if endless:
        yield f"{endless} text fields have no maxLength."
    if extensible:
        yield f'{extensible} objects allow undeclared keys; "additionalProperties": false forbids them.'
    if unnamed := sum(map(_has_any_names, nodes)):
        yield f"{unnamed} objects have keys of any name: one that comes twice makes the answer invalid."


def _has_any_names(node: dict[str, Any]) -> bool:
    """Whether the grammar takes names that it does not list, and so cannot keep one from coming twice."""
    listed = node.keys() & {"properties", "additionalProperties", "patternProperties"}
    return "patternProperties" in node or bool(
        node.get("additionalProperties", "object" in _types(node) and not listed)
    )


def _types(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _not_supported(problem: str) -> DataError:
    words = _POSITION.sub("", problem.split("\n   1 |")[0].strip())
    return DataError(
        "schema-not-supported",
        "The output contract cannot be enforced during generation.",
        hint="Change that part of the schema: use references only under $defs, and no keywords that "
        "contradict each other.",
        details=(words,),
    )

"""Grammars for constrained decoding, in llguidance's format, compiled strictly before use.

Rules from measurements of llguidance 1.9: whitespace is compact, because flexible whitespace can continue
without end; keys come in the order of ``properties``. Keywords that the engine does not support are removed
from the grammar and listed by name; the schema keeps them for validating the finished answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from insource.foundation.errors import DataError
from insource.types import Frozen, JsonSchema, Labels, OutputSpec, Text

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
MAX_REPAIRS = 32
_UNIMPLEMENTED = re.compile(r"Unimplemented keys: \[(.*?)\]")
_UNKNOWN_FORMAT = re.compile(r"Unknown format: (.+)")
_POSITION = re.compile(r"^at \d+\(\d+\): (failed to compile JSON schema: )?")
_ONE_OF = "oneOf constraints are not supported"
_REGEX = "regex parse error"

# Keywords that hold further schemas: in an object by name, as the value, in a list.
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SINGLE = ("items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")


class Grammar(Frozen):
    """A complete llguidance grammar; ``text`` is None when answers are free text.

    ``dropped_keywords`` are in the schema but not in the grammar, so the answer must be validated.
    """

    text: str | None
    dropped_keywords: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def compile_grammar(output: OutputSpec | dict[str, Any]) -> Grammar:
    """Return the grammar of an output contract or JSON Schema; it is compiled once to check it.

    Raises:
        DataError: ``schema-not-supported``, with the engine's message.
    """
    if isinstance(output, Text):
        return Grammar(text=None, notes=("Free text has no grammar.",))
    if isinstance(output, Labels):
        return _label_grammar(output.names)
    return _schema_grammar(output.definition if isinstance(output, JsonSchema) else output)


def _label_grammar(names: tuple[str, ...]) -> Grammar:
    # One terminal instead of a rule: the parser allows 2,000 alternatives, the lexer any number.
    choices = " | ".join(json.dumps(name, ensure_ascii=False) for name in names)
    text = f"%llguidance {{}}\nstart: LABEL\nLABEL: {choices}"
    problem, notes = _compile(text)
    if problem:
        raise _not_supported(problem)
    return Grammar(text=text, notes=notes)


def _schema_grammar(definition: dict[str, Any]) -> Grammar:
    schema = json.loads(json.dumps(definition))
    _remove(schema, {"x-insource"})
    schema["x-guidance"] = COMPACT
    dropped: set[str] = set()
    problem = ""
    for _ in range(MAX_REPAIRS):
        text = f"%llguidance {{}}\nstart: %json {json.dumps(schema, ensure_ascii=False)}"
        problem, warnings = _compile(text)
        if not problem:
            notes = (*warnings, *_looseness(schema))
            return Grammar(text=text, dropped_keywords=tuple(sorted(dropped)), notes=notes)
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


def _loosen(schema: dict[str, Any], problem: str) -> set[str]:
    """Remove what ``problem`` names and return those keywords; the grammar then accepts more, never less."""
    if found := _UNIMPLEMENTED.search(problem):
        return _remove(schema, set(json.loads(f"[{found[1]}]")))
    if found := _UNKNOWN_FORMAT.search(problem):
        return _remove(schema, {"format"}, value=found[1])
    if _ONE_OF in problem:
        return _one_of_to_any_of(schema)
    if _REGEX in problem:
        patterns = {node["pattern"] for node in _nodes(schema) if isinstance(node.get("pattern"), str)}
        bad = [pattern for pattern in sorted(patterns) if not _pattern_compiles(pattern)]
        return {keyword for pattern in bad for keyword in _remove(schema, {"pattern"}, value=pattern)}
    return set()


def _remove(schema: dict[str, Any], keywords: set[str], value: Any = None) -> set[str]:
    removed = set()
    for node in list(_nodes(schema)):
        for keyword in keywords & node.keys():
            if value is None or node[keyword] == value:
                del node[keyword]
                removed.add(keyword)
    return removed


def _one_of_to_any_of(schema: dict[str, Any]) -> set[str]:
    nodes = [node for node in _nodes(schema) if "oneOf" in node]
    for node in nodes:
        branches = node.pop("oneOf")
        node.setdefault("anyOf", branches)
    return {"oneOf"} if nodes else set()


def _pattern_compiles(pattern: str) -> bool:
    return not _compile(
        f"%llguidance {{}}\nstart: %json {json.dumps({'type': 'string', 'pattern': pattern})}"
    )[0]


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema inside a schema; properties named like keywords are not mistaken for them."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in _BY_NAME:
        for child in dict(schema.get(keyword) or {}).values():
            yield from _nodes(child)
    for keyword in _SINGLE:
        yield from _nodes(schema.get(keyword))
    for keyword in _LISTS:
        children = schema.get(keyword)
        for child in children if isinstance(children, list) else ():
            yield from _nodes(child)


def _looseness(schema: dict[str, Any]) -> Iterator[str]:
    """Yield notes on what the schema leaves open, where an answer may continue up to ``max_tokens``."""
    nodes = list(_nodes(schema))
    bounds = {"maxLength", "enum", "const", "pattern", "format"}
    endless = sum("string" in _types(node) and not bounds & node.keys() for node in nodes)
    closing = {"additionalProperties", "patternProperties"}
    extensible = sum("properties" in node and not closing & node.keys() for node in nodes)
    if endless:
        yield f"{endless} text fields have no maxLength."
    if extensible:
        yield f'{extensible} objects allow undeclared keys; "additionalProperties": false forbids them.'


def _types(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _not_supported(problem: str) -> DataError:
    words = _POSITION.sub("", problem.split("\n   1 |")[0].strip())
    return DataError(
        "schema-not-supported",
        "The output contract cannot be enforced during generation.",
        hint="Change that part of the schema: use patterns without look-around or back-references, "
        "references only under $defs, and no keywords that contradict each other.",
        details=(words,),
    )

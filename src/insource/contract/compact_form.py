"""The compact form of a JSON answer: lists of values in the schema's order, in place of objects with keys.

``{"voltage":24,"phases":null}`` is ``[24,null]``. The keys of a narrow task say nothing that the schema does
not say, and a model writes each of their tokens. A text in compact form is read back byte by byte, so that
every byte of a value stays where the model wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from insource.contract.canonical_form import canonical_target
from insource.contract.grammar import JSON_GRAMMAR
from insource.contract.places import Place, place_of
from insource.contract.resolved import resolved, schema_text, subschemas, target_of
from insource.foundation.errors import ConfigError
from insource.types import JsonSchema, OutputSpec

_ITEM = "[]"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^{}\[\],:"]+')
_SAME_PLACE = ("allOf", "anyOf", "oneOf")
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"})
_CONDITIONS = frozenset({
    "if", "then", "else", "not", "dependentSchemas", "dependentRequired", "patternProperties",
    "propertyNames", "unevaluatedProperties", "prefixItems", "contains", "unevaluatedItems", "$dynamicRef",
})  # fmt: skip

Path = tuple[str, ...]
_HeldAt = Mapping[Path, tuple[str, ...]]


class NoCompactForm(ValueError):
    """The schema leaves open which keys an object has, or in which order."""


class _Open(NamedTuple):
    """A list or object that is being read; ``names`` of an object in compact form, ``path`` None in an object
    with its keys.
    """

    path: Path | None
    names: tuple[str, ...] | None
    at: int = 0

    @property
    def inner(self) -> Path | None:
        if self.path is None:
            return None
        return (*self.path, _ITEM if self.names is None else self.names[self.at])


@dataclass(frozen=True)
class CompactForm:
    """The compact form under one schema; ``names`` are the keys of every object, by its path."""

    names: _HeldAt

    def written(self, answer: str) -> str:
        """Return the compact form of an answer in canonical form.

        Raises:
            ValueError: the answer has other keys than the schema, or in another order.
        """
        with _indices_as_value_errors():
            compact = self._without_keys(answer)
        if self.read(compact) != answer:
            raise ValueError("its keys are not those of the schema, in their order")
        return compact

    def read(self, compact: str) -> str:
        """Return the answer with its keys. What has been cut off stays off.

        Raises:
            ValueError: the text is not in compact form.
        """
        return b"".join(self.pieces(compact.encode())).decode()

    def pieces(self, compact: bytes) -> list[bytes]:
        """Return, for each byte of a text in compact form, the bytes that stand for it in the answer.

        Raises:
            ValueError: the text is not in compact form.
        """
        with _indices_as_value_errors():
            return self._pieces(compact)

    def grammar(self, grammar: str) -> str:
        """Return the llguidance grammar of the compact form of what a JSON grammar allows."""
        return _compact_grammar(self, grammar)

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the schema of the compact form of what ``schema`` allows, which keeps to this form's."""
        whole = resolved(schema)
        compact: dict[str, Any] = self._schema(whole, (), whole.get("$defs", {}))
        return compact

    def __hash__(self) -> int:
        return hash(tuple(self.names.items()))

    def _without_keys(self, answer: str) -> str:
        kept: list[str] = []
        within: list[_Open] = []
        for token in _TOKEN.findall(answer):
            if token in ("{", "["):
                path = within[-1].inner if within else ()
                names = self.names.get(path) if path is not None and token == "{" else None
                is_open = token == "{" and names is None
                within.append(_Open(None if is_open else path, names))
                kept.append("{" if is_open else "[")
            elif token in ("}", "]"):
                ended = within.pop()
                if ended.names and ended.at != len(ended.names) - 1:
                    raise ValueError(f"{', '.join(ended.names[ended.at + 1 :])} is missing")
                kept.append(token if ended.names is None else "]")
            elif token == ":" and within[-1].names is not None:
                kept.pop()  # the key
            else:
                if token == "," and within[-1].names is not None:
                    within[-1] = within[-1]._replace(at=within[-1].at + 1)
                kept.append(token)
        return "".join(kept)

    def _pieces(self, compact: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        within: list[_Open] = []
        in_text = escaped = False
        for number in compact:
            byte = bytes((number,))
            if in_text:
                in_text = escaped or byte != b'"'
                escaped = byte == b"\\" and not escaped
            elif byte == b'"':
                in_text = True
            elif byte in b"[{":
                path = within[-1].inner if within else ()
                names = self.names.get(path) if path is not None and byte == b"[" else None
                within.append(_Open(path if byte == b"[" else None, names))
                byte = byte if names is None else b"{" + _key(names, 0)
            elif byte == b"," and within[-1].names is not None:
                here = within[-1] = within[-1]._replace(at=within[-1].at + 1)
                byte += _key(here.names or (), here.at)
            elif byte in b"]}":
                byte = byte if within.pop().names is None else b"}"
            pieces.append(byte)
        return pieces

    def _schema(self, schema: Any, path: Path, definitions: Mapping[str, Any]) -> Any:
        if not isinstance(schema, dict):
            return schema
        names = self.names.get(path)
        compact: dict[str, Any] = {}
        if "$ref" in schema:
            compact["allOf"] = [self._schema(target_of(schema["$ref"], definitions), path, definitions)]
        for keyword, value in schema.items():
            if keyword in _SAME_PLACE:
                held = [self._schema(one, path, definitions) for one in value]
                compact[keyword] = [*compact.get(keyword, ()), *held]
            elif keyword == "items":
                compact["items"] = self._schema(value, (*path, _ITEM), definitions)
            elif keyword == "type" and names is not None:
                kinds = [value] if isinstance(value, str) else value
                compact["type"] = ["array" if kind == "object" else kind for kind in kinds]
            elif keyword != "$ref" and (names is None or keyword not in _OF_OBJECTS):
                compact[keyword] = value
        if names is not None and "properties" in schema:
            held = schema["properties"]
            compact["prefixItems"] = [
                self._schema(held.get(name, True), (*path, name), definitions) for name in names
            ]
            compact |= {"minItems": len(names), "maxItems": len(names)}
        return compact


def compact_form(output: OutputSpec | Mapping[str, Any]) -> CompactForm:
    """Return the compact form of a task's answers, or of a document's own schema.

    Raises:
        NoCompactForm: with the reason.
    """
    if isinstance(output, JsonSchema):
        if output.reasoning is not None:
            raise NoCompactForm("the answer begins with reasoning")
        return _of_schema(schema_text(output.definition))
    if not isinstance(output, Mapping):
        raise NoCompactForm("the answers are no JSON")
    return _of_schema(schema_text(output))


def require_compact_form(output: OutputSpec) -> CompactForm:
    """Return the compact form of a task's answers.

    Raises:
        ConfigError: ``no-compact-form``.
    """
    try:
        return compact_form(output)
    except NoCompactForm as error:
        raise ConfigError(
            "no-compact-form",
            f"Answers to this task cannot be trained without their keys: {error}.",
            hint="Remove `training.compact_answers`, or require every key of every object in the schema and\n"
            '      close it: "additionalProperties": false.',
        ) from error


@lru_cache(maxsize=64)
def _of_schema(schema: str) -> CompactForm:
    for path, node in subschemas(resolved(json.loads(schema))):
        if found := _CONDITIONS & node.keys():
            raise NoCompactForm(f"{path} has {', '.join(sorted(found))}")
    names: dict[Path, tuple[str, ...]] = {}
    _collect(place_of(json.loads(schema)), (), names)
    if not names:
        raise NoCompactForm("the schema has no object")
    return CompactForm(names)


def _collect(
    place: Place, path: Path, names: dict[Path, tuple[str, ...]], above: Sequence[Place] = ()
) -> None:
    """Note the keys of every object at ``path`` and within; ``above`` are the places around it."""
    where = ".".join(path).replace(".[]", "[]") or "the answer"
    if any(place is one for one in above):
        raise NoCompactForm(f"{where} can hold itself")
    if place.open:
        if {"object", "array"} & place.types or not place.types:
            raise NoCompactForm(f"{where} has alternatives")
        return
    above = (*above, place)
    if place.items is not None and ("array" in place.types or not place.types):
        if "object" in place.types:
            raise NoCompactForm(f"{where} may be a list or an object")
        _collect(place.items, (*path, _ITEM), names, above)
    if "object" not in place.types:
        return
    if not place.closed:
        raise NoCompactForm(f"{where} may have keys that the schema does not name")
    if {"enum", "const"} & place.keywords.keys():
        raise NoCompactForm(f"{where} is one of several whole objects")
    if optional := place.properties.keys() - set(place.required):
        raise NoCompactForm(f"{where} may lack {', '.join(sorted(optional))}")
    names[path] = tuple(place.properties)
    for name, inner in place.properties.items():
        _collect(inner, (*path, name), names, above)


@contextmanager
def _indices_as_value_errors() -> Iterator[None]:
    try:
        yield
    except IndexError as error:
        raise ValueError("it has another form than the schema") from error


def _key(names: Sequence[str], at: int) -> bytes:
    return _key_text(names[at]) if names else b""


@lru_cache(maxsize=4096)
def _key_text(name: str) -> bytes:
    return canonical_target({name: None}, {}).removeprefix("{").removesuffix("null}").encode()


@lru_cache(maxsize=256)
def _compact_grammar(form: CompactForm, grammar: str) -> str:
    before, _, schema = grammar.partition(JSON_GRAMMAR)
    options = (held := json.loads(schema)).pop("x-guidance")
    compact = form.schema(held) | {"x-guidance": options}
    return f"{before}{JSON_GRAMMAR}{json.dumps(compact, ensure_ascii=False)}"

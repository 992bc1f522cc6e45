"""Show a row to the checks: its answer as fields and its normalised texts, each computed once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from insource.contract.places import Place, valid_place
from insource.dataset.checks.spelling import words
from insource.formats.strict_json import as_object
from insource.foundation import canonical
from insource.matching.align import is_empty
from insource.matching.comparators import KEYWORD, Comparator, comparator_for
from insource.matching.numbers import parse_number
from insource.similarity.normal_text import normalised
from insource.types import Row

LABEL = "label"
"""The field's name where the whole answer is a label or a text."""

_FIGURES = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
MAX_LEAVES = 500
"""Filled fields of one answer that are looked at; a table of a thousand lines says nothing new."""


class Leaf(NamedTuple):
    """A filled field of an answer; ``path`` reads ``power.voltage``, ``lines[].qty``, ``protocols[]``."""

    path: str
    value: Any


class RowView:
    """One row, with what several checks need of it.

    ``fields`` are those of the contract that rows have in common; a row's own contract comes before it.
    """

    def __init__(self, row: Row, fields: Fields | None = None) -> None:
        self.row = row
        self._shared = fields

    @cached_property
    def answer(self) -> dict[str, Any] | None:
        """The object that the output is or spells."""
        return as_object(self.row.output)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The filled fields; a label or text is one field by the name ``label``."""
        return _filled(self.row.output, self.answer)

    @cached_property
    def cloud_leaves(self) -> tuple[Leaf, ...]:
        """The filled fields of the recorded cloud answers, read as the row's own is."""
        return tuple(
            leaf for text in self.row.cloud_outputs.values() for leaf in _filled(text, as_object(text))
        )

    @cached_property
    def text(self) -> str:
        """The output as text."""
        return self.row.output if isinstance(self.row.output, str) else json.dumps(self.row.output)

    @cached_property
    def said(self) -> str:
        """The answer in one spelling: canonical JSON without what is empty, or the text."""
        return str(self.row.output).strip() if self.answer is None else canonical.dumps(pruned(self.answer))

    @cached_property
    def asked(self) -> str:
        """What makes two rows the same question: the normalised input and the fields asked for."""
        fields = None if self.row.attributes is None else sorted(self.row.attributes)
        return canonical.dumps([self.normal_input, fields])

    @cached_property
    def normal_input(self) -> str:
        return normalised(self.row.input)

    @cached_property
    def tokens(self) -> str:
        """The input's words and figures, number words read, each between spaces."""
        return f" {' '.join(words(self.row.input))} "

    @cached_property
    def split_tokens(self) -> str:
        """As ``tokens``, every comma ending a value, as in CSV."""
        return f" {' '.join(words(self.row.input.replace(',', ' ')))} "

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """The figures of the input, whatever unit follows, with commas in numbers and between them."""
        pieces = [*_FIGURES.findall(self.row.input), *_FIGURES.findall(self.row.input.replace(",", " "))]
        return frozenset(number for piece in pieces if (number := parse_number(piece)) is not None)

    @cached_property
    def _fields(self) -> Fields:
        own = self.row.contract
        return schema_fields(own) if own or self._shared is None else self._shared

    def comparator(self, path: str) -> Comparator:
        """Return how the field's values compare, as the schema says."""
        return self._fields.comparator(path)

    def declared(self, path: str) -> Mapping[str, Any]:
        """Return the field's schema; empty when it has none."""
        return self._fields.declared(path)


def pruned(value: Any) -> Any:
    """Return a JSON value without its empty parts: an absent field and a null say the same."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if not is_empty(item)}
    if isinstance(value, list):
        return [pruned(item) for item in value if not is_empty(item)]
    return value


def replaced(row: Row, change: Callable[[str, Any], Any]) -> Row:
    """Return the row with ``change(path, value)`` in place of every filled field; text stays text.

    The recorded cloud answers are changed likewise: they are compared with the row's own.
    """
    output = _changed(row.output, change)
    cloud = {model: _changed(text, change) for model, text in row.cloud_outputs.items()}
    if output is row.output and cloud == row.cloud_outputs:
        return row
    return row.model_copy(update={"output": output, "cloud_outputs": cloud})


def _changed(said: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return an output of the same form, or the very same one when nothing changes."""
    answer = as_object(said)
    if answer is None:
        text = str(said).strip()
        changed = change(LABEL, text)
        return said if changed == text else changed
    mended = _replaced("", answer, change)
    if canonical.dumps(mended) == canonical.dumps(answer):
        return said
    return mended if isinstance(said, dict) else json.dumps(mended, ensure_ascii=False)


def _replaced(path: str, value: Any, change: Callable[[str, Any], Any]) -> Any:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return {key: _replaced(prefix + key, item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(f"{path}[]", item, change) for item in value]
    return value if is_empty(value) else change(path, value)


def _filled(said: Any, answer: dict[str, Any] | None) -> tuple[Leaf, ...]:
    if answer is None:
        return (Leaf(LABEL, str(said).strip()),)
    return tuple(islice(_leaves("", answer), MAX_LEAVES))


def _leaves(path: str, value: Any) -> Iterator[Leaf]:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for key, item in value.items():
            yield from _leaves(prefix + key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(f"{path}[]", item)
    elif not is_empty(value):
        yield Leaf(path, value)


class Fields:
    """The fields of one schema, which is resolved once; what paths come to is kept for the latest ones."""

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._root = valid_place(schema)
        self.declared = lru_cache(maxsize=4096)(self._find)
        self.comparator = lru_cache(maxsize=4096)(lambda path: comparator_for(self.declared(path)))

    def _find(self, path: str) -> Mapping[str, Any]:
        place: Place | None = self._root
        for name in path.split("."):
            place = place.somewhere(name.rstrip("[]")) if place else None
            for _ in range(name.count("[]")):
                place = _item_of(place) if place else None
        return place.keywords if place else {}


def _item_of(place: Place) -> Place | None:
    """Return what holds for every item; items whose schemas differ by position have none in common."""
    heads = [item for index in range(place.heads) if (item := place.item(index))]
    after = [place.items] if place.items else []
    alike = {json.dumps(dict(item.keywords)) for item in heads + after}
    return (heads + after)[0] if len(alike) == 1 else None


def schema_fields(schema: Mapping[str, Any] | None) -> Fields:
    """Return the fields of a schema, the same for equal schemas: the latest 64 are kept."""
    return _schema_fields(json.dumps(schema))


@lru_cache(maxsize=64)
def _schema_fields(schema: str) -> Fields:
    return Fields(json.loads(schema))


def is_derived(schema: Mapping[str, Any]) -> bool:
    """Return whether ``"x-insource": {"derived": true}`` says that the value is worked out, not read."""
    declared = schema.get(KEYWORD)
    return isinstance(declared, Mapping) and declared.get("derived") is True

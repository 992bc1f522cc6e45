"""The grammar of one document's answer, held to the values that the document states.

A small model writes the likeliest value where a document states none: "50 Hz" for a frequency. In a grammar
that offers only what stands in the document, and null, it cannot. What stands there is found as for span
ranking (``models/fitted/spans``), with what training taught: units, factors, number words, spellings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, NamedTuple, Self

from insource.contract.grammar import compile_grammar
from insource.contract.places import Place, place_of
from insource.contract.resolved import resolved
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError
from insource.foundation.files import write_json
from insource.models.fitted.spans.fields import ITEM, Path, from_json, properties_of, to_json
from insource.models.grounding.values import GroundedField, scopes_of

VERSION = 2
MOST_VALUES = 200
"""A field with more values in a document is left open in it: a grammar with all of them would be slow."""


_NO_LIST: tuple[Any, ...] = (None, [])


class Cap(NamedTuple):
    """Keywords that limit what the schema leaves endless at ``path``."""

    path: Path
    limits: Mapping[str, int]


@dataclass(frozen=True)
class Grounding:
    """The fields whose values have to stand in the document. All others are as the schema says, within
    ``caps``.
    """

    fields: tuple[GroundedField, ...]
    caps: tuple[Cap, ...] = ()

    def schema(self, schema: Mapping[str, Any], document: str) -> dict[str, Any]:
        """Return the schema with the values of ``document``; the same where nothing can be restricted.

        A field stays open when it has to have a value and the document states none.
        """
        scopes = scopes_of(document) if self.fields else ()
        whole, overlay = place_of(schema), dict[str, Any]()
        held = set[Path]()
        for one in self.fields if scopes else ():
            path = one.field.path
            place = place_at(whole, path)
            limits = place and _limits(one.values(scopes), place)
            if limits:
                _node(overlay, path).update(limits)
                held |= {path, (*path, ITEM)}
        for path, caps in self.caps:
            # What a document states may be longer, and a document's own schema may say more than the task's.
            if path not in held and _is_endless(place_at(whole, path), caps):
                _node(overlay, path).update(caps)
        if not overlay:
            return dict(schema)
        parts = dict(resolved(schema))
        definitions = parts.pop("$defs", {})
        # A part of its own: beside the schema's keywords, these properties would come first in the answer.
        return {"$defs": definitions, "allOf": [parts, overlay]}

    def grammar(self, schema: Mapping[str, Any], document: str) -> str | None:
        """Return the grammar; that of the schema alone where no grammar can be made of both."""
        grounded = json.dumps(self.schema(schema, document), ensure_ascii=False)
        return _grammar(grounded, json.dumps(schema, ensure_ascii=False))

    @property
    def names(self) -> tuple[str, ...]:
        """The paths of the fields."""
        return tuple(one.field.name for one in self.fields)

    @property
    def digest(self) -> str:
        """A digest of everything that changes an answer."""
        return digest(self._to_json())

    def save(self, path: FilePath) -> None:
        """Write a JSON file."""
        write_json(path, self._to_json())

    def _to_json(self) -> dict[str, Any]:
        fields = [
            to_json(one.field, one.taught)
            | {
                "barred": sorted(map(list, one.barred)),
                "strangers": sorted(([*context, key] for context, key in one.strangers), key=repr),
            }
            for one in self.fields
        ]
        caps = [{"path": list(path), "limits": dict(limits)} for path, limits in self.caps]
        return {"schema_version": VERSION, "fields": fields, "caps": caps}

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Read what ``save`` wrote."""
        value = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            tuple(
                GroundedField(*from_json(one), _pairs(one["barred"]), _strangers(one["strangers"]))
                for one in value["fields"]
            ),
            tuple(Cap(tuple(one["path"]), one["limits"]) for one in value.get("caps", ())),
        )


def _pairs(values: list[list[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((one, other) for one, other in values)


def _strangers(values: list[Any]) -> frozenset[tuple[tuple[str, str], Any]]:
    return frozenset(((tag, word), tuple(key) if isinstance(key, list) else key) for tag, word, key in values)


@lru_cache(maxsize=256)
def _grammar(grounded: str, plain: str) -> str | None:
    # Evaluation asks twice for each document: to answer it, and to read the confidence of the answer.
    try:
        return compile_grammar(json.loads(grounded)).text
    except DataError:
        return compile_grammar(json.loads(plain)).text


def _is_endless(place: Place | None, caps: Mapping[str, int]) -> bool:
    """Return whether a schema has this place, and says nothing there that ``caps`` would narrow."""
    return place is not None and not place.keywords.keys() & {"enum", "const", "pattern", "format", *caps}


def _limits(values: list[Any], place: Place) -> dict[str, Any]:
    """Return the keywords that hold a place to these values; none when that would leave no answer."""
    if len(values) > MOST_VALUES:
        return {}
    if "array" in place.types:
        return _limits_of_list(values, place)
    nothing = [value for value in (None, "") if place.accepts(value)][:1]
    return {"enum": [*values, *nothing]} if nothing or any(map(place.accepts, values)) else {}


def _limits_of_list(values: list[Any], place: Place) -> dict[str, Any]:
    """Return the keywords for a list of values, or for a place that may hold one value or a list."""
    if not values:
        nothing: list[Any] = [value for value in _NO_LIST if place.accepts(value)]
        return {"enum": nothing} if nothing else {}
    items = {"items": {"enum": values}}
    if place.types <= {"array", "null"}:
        return items
    return {"anyOf": [{"enum": [*values, None]}, {"type": "array", **items}]}


def place_at(place: Place | None, path: Path) -> Place | None:
    """Return the place that a path leads to, None where the schema has none."""
    for step in path:
        if place is None:
            return None
        place = place.items if step == ITEM else properties_of(place).get(step)
    return place


def _node(overlay: dict[str, Any], path: Path) -> dict[str, Any]:
    node = overlay
    for step in path:
        if step == ITEM:
            node = node.setdefault("items", {})
        else:
            node = node.setdefault("properties", {}).setdefault(step, {})
    return node

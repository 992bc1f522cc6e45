"""The fields of a schema, and what training taught about the values of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from insource.contract.places import Place, listed_values
from insource.matching.comparators import Comparator, comparator_for

Kind = Literal["number", "quantity", "date", "id", "text", "choice"]
Path = tuple[str, ...]
ITEM = "[]"
"""The step of a path into the items of a list."""

_KINDS: dict[str | None, Kind] = {
    "quantity": "quantity", "id": "id", "enum": "choice", "exact": "choice", "boolean": "choice",
    "number": "number", "integer": "number", "date": "date",
}  # fmt: skip
_MAX_DEPTH = 12


def spelled(path: Path) -> str:
    """Return a path as scores spell it: ``power.voltage``, ``lines[].qty``."""
    return ".".join(path).replace(f".{ITEM}", ITEM)


@dataclass(frozen=True)
class Field:
    """One leaf of the schema. ``many`` says that it may be a list, ``single`` that it may be one value."""

    path: Path
    kind: Kind
    comparator: Comparator = field(default_factory=Comparator)
    many: bool = False
    single: bool = True
    choices: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The path as scores spell it."""
        return spelled((*self.path, ITEM) if self.many and not self.single else self.path)

    @property
    def rows(self) -> Path:
        """The path of the innermost list of objects that the field is in; empty outside of all."""
        at = max((n for n, step in enumerate(self.path) if step == ITEM), default=-1)
        return self.path[: at + 1]

    @classmethod
    def of(cls, path: Path, place: Place, *, many: bool = False, single: bool = True) -> Self:
        """Return the field of a leaf's place."""
        comparator = comparator_for(place.keywords)
        kind = _KINDS.get(comparator.kind, "text")
        choices = tuple(
            v for v in listed_values(place) or () if v is not None and not isinstance(v, dict | list)
        )
        if comparator.kind == "boolean":
            kind, choices = "choice", choices or (True, False)
        return cls(
            path=path,
            kind="choice" if choices else "text" if kind == "choice" else kind,
            comparator=comparator,
            many=many,
            single=single,
            choices=choices,
        )


def fields_of(place: Place, path: Path = ()) -> Iterator[Field]:
    """Yield the leaves under a place. Parts that refer to themselves, and open maps, have none."""
    if len(path) > _MAX_DEPTH or (path and place.endless):
        return
    if properties := properties_of(place):
        for name, inner in properties.items():
            yield from fields_of(inner, (*path, name))
    elif "array" in place.types:
        items, scalar = place.items, place.types - {"array", "null", "object"}
        if items is not None and properties_of(items):
            yield from fields_of(items, (*path, ITEM))
        elif items is None or "array" not in items.types:
            yield Field.of(path, place if scalar or items is None else items, many=True, single=bool(scalar))
    elif "object" not in place.types:
        yield Field.of(path, place)


def properties_of(place: Place) -> dict[str, Place]:
    """Return the declared properties, those of open branches included."""
    found = dict(place.properties)
    for branch in place.branches:
        for name, inner in branch.properties.items():
            found.setdefault(name, inner)
    return found


@dataclass(frozen=True)
class Taught:
    """What training rows say about a field's values.

    ``aliases``: squashed spellings and the value each stands for. ``factors``: for the word behind a number,
    what the number is multiplied by. ``longest`` (tokens), ``shortest`` (characters), ``inner`` (punctuation)
    and ``digits`` (always with a digit) say what a text looks like. ``vocabulary`` counts folded values and
    ``spellings`` writes them. ``suffix`` is what quantities end with, ``date_format`` how dates are written.
    ``sums``: dates are computed from another date and a number of days. ``usual`` are the most common values.
    """

    aliases: dict[str, Any] = field(default_factory=dict)
    factors: dict[str, list[float]] = field(default_factory=dict)
    longest: int = 1
    shortest: int = 1
    inner: tuple[str, ...] = ()
    digits: bool = False
    vocabulary: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    suffix: str = ""
    date_format: str = ""
    sums: bool = False
    usual: tuple[Any, ...] = ()


def to_json(found: Field, taught: Taught) -> dict[str, Any]:
    """Return both as JSON values."""
    return {"field": asdict(found), "taught": asdict(taught)}


def from_json(value: dict[str, Any]) -> tuple[Field, Taught]:
    """Read what ``to_json`` wrote."""
    one, taught = dict(value["field"]), dict(value["taught"])
    one |= {"path": tuple(one["path"]), "choices": tuple(one["choices"])}
    one["comparator"] = Comparator(**one["comparator"])
    taught |= {"inner": tuple(taught["inner"]), "usual": tuple(taught["usual"])}
    return Field(**one), Taught(**taught)


def merged(one: Field, other: Field) -> Field:
    """Return a field that two contracts have, with the values of both."""
    choices = one.choices + tuple(v for v in other.choices if not any(v is w or v == w for w in one.choices))
    return replace(one, many=one.many or other.many, single=one.single or other.single, choices=choices)

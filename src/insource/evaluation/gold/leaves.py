"""The leaves of a task's output by the path that slots have, with their comparators and closed lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from insource.contract.places import Place, listed_values, valid_place
from insource.evaluation.scorers import LABEL
from insource.matching.comparators import Comparator, comparator_for
from insource.types import JsonSchema, Labels, OutputSpec


class Leaf(NamedTuple):
    """``listed`` are the values of a closed list, empty for an open field; ``types`` the JSON types."""

    comparator: Comparator = Comparator()
    listed: tuple[Any, ...] = ()
    types: frozenset[str] = frozenset()

    @property
    def stands_in_input(self) -> bool:
        """Whether a value of this field is expected to stand in the document, and not to judge it."""
        return not self.listed and "boolean" not in self.types


ANY = Leaf()


def leaves_of(output: OutputSpec) -> dict[str, Leaf]:
    """Return the leaves by slot path. Of a schema that refers to itself, the first round is read."""
    if isinstance(output, Labels):
        return {LABEL: Leaf(listed=output.names)}
    if not isinstance(output, JsonSchema):
        return {}
    place = valid_place(output.definition)
    return {} if place is None else dict(_walk("", place, frozenset()))


def _walk(path: str, place: Place, above: frozenset[int]) -> Iterator[tuple[str, Leaf]]:
    if id(place) in above:
        return
    above |= {id(place)}
    for option in (place, *place.branches):
        if option.items is not None:
            yield from _walk(f"{path}[]", option.items, above)
            if option.types - {"array", "null", "object"}:
                yield path, _leaf(option)
        elif not option.properties and path:
            yield path, _leaf(option)
        for key, inner in option.properties.items():
            yield from _walk(f"{path}.{key}" if path else key, inner, above)


def _leaf(place: Place) -> Leaf:
    return Leaf(comparator_for(place.keywords), listed_values(place) or (), place.types - {"null", "array"})

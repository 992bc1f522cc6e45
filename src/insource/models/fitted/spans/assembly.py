"""Put the fields' answers together: one value that keeps to the schema wherever that is possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from insource.contract.places import Place, listed_values
from insource.matching.align import is_empty
from insource.matching.normal_forms import fold_text
from insource.models.fitted.spans.claims import Decision
from insource.models.fitted.spans.fields import ITEM, Field, Path, Taught, properties_of


class Empty(Enum):
    """How an answer says that there is nothing at a place."""

    NULL = "null"
    ABSENT = "absent"
    HOLLOW = "hollow"
    """An empty list, or an object that holds nothing."""


class Part(NamedTuple):
    """What was decided for the whole document, or for one row: by field, and the rows inside."""

    decisions: Mapping[Path, Decision]
    rows: Mapping[Path, Sequence[Part]] = {}


_ABSENT = object()
_PLAIN: tuple[Any, ...] = ("", 0, False, [], {}, 0.5)


class Assembler:
    """Assembles answers. ``forms`` says how the training targets spell no object or list, by path."""

    def __init__(self, fields: Mapping[Path, tuple[Field, Taught]], forms: Mapping[Path, str]) -> None:
        self._fields = fields
        self._forms = forms

    def answer(self, place: Place, part: Part) -> Any:
        """Return the answer of one document."""
        value = self._value(place, (), part, required=True)
        return None if value is _ABSENT else value

    def _value(self, place: Place, path: Path, part: Part, *, required: bool) -> Any:
        if properties := properties_of(place):
            return self._object(place, properties, path, part, required=required)
        if (rows := part.rows.get((*path, ITEM))) is not None and place.items is not None:
            return self._list_of_objects(place, place.items, path, rows, required=required)
        if path not in self._fields:
            return self._nothing(place, self._forms.get(path, ""), (), required=required)
        decision = part.decisions.get(path) or Decision((), (), 0.0)
        field, taught = self._fields[path]
        values = [_spelt(value, taught) for value in decision.values]
        others = [*(_spelt(value, taught) for value in decision.others), *taught.usual]
        if field.many and (made := _list(place, field, values, others)) is not None:
            return made
        if not field.many and values:
            found = next(
                (value for value in (*values, *others[: len(decision.others)]) if place.accepts(value)), None
            )
            if found is not None:
                return found
        return self._nothing(place, self._forms.get(path, ""), [*values, *others], required=required)

    def _object(
        self, place: Place, properties: Mapping[str, Place], path: Path, part: Part, *, required: bool
    ) -> Any:
        made = self._properties(place, properties, path, part)
        if place.open and (chosen := place.of(made)) is not place:
            made = self._properties(chosen, chosen.properties, path, part)
        form = self._forms.get(path, Empty.HOLLOW.value)
        if path and is_empty(made) and (form != Empty.HOLLOW.value or not place.accepts(made)):
            return self._nothing(place, form, (made,), required=required)
        return made

    def _properties(
        self, place: Place, properties: Mapping[str, Place], path: Path, part: Part
    ) -> dict[str, Any]:
        made = {
            name: self._value(inner, (*path, name), part, required=name in place.required)
            for name, inner in properties.items()
        }
        return {name: value for name, value in made.items() if value is not _ABSENT}

    def _list_of_objects(
        self, place: Place, items: Place, path: Path, rows: Sequence[Part], *, required: bool
    ) -> Any:
        made = [self._value(items, (*path, ITEM), row, required=True) for row in rows]
        made = [item for item in made if not is_empty(item)][: place.keywords.get("maxItems")]
        if made and place.accepts(made):
            return made
        kept = [item for item in made if items.accepts(item)]
        if kept and place.accepts(kept):
            return kept
        return self._nothing(place, self._forms.get(path, ""), (made,), required=required)

    def _nothing(self, place: Place, form: str, options: Iterable[Any], *, required: bool) -> Any:
        """Return no value in the form of the targets; where one is needed, the first option that fits."""
        forms = dict.fromkeys((form, Empty.NULL.value, Empty.ABSENT.value, Empty.HOLLOW.value))
        for one in forms:
            if one == Empty.ABSENT.value and not required:
                return _ABSENT
            if one == Empty.NULL.value and place.accepts(None):
                return None
            if one == Empty.HOLLOW.value and "array" in place.types and place.accepts([]):
                return []
        options = (*options, *(listed_values(place) or ()), *_PLAIN)
        fitting = (value for option in options for value in (option, [option]) if place.accepts(value))
        return next(fitting, None)


def _list(place: Place, field: Field, values: list[Any], others: list[Any]) -> Any:
    """Return the values as a list, or one alone where the field may be; None where nothing fits."""
    items = place.items
    fitting = [
        value for value in values if items is None or "array" not in place.types or items.accepts(value)
    ]
    if len(fitting) == 1 and field.single and place.accepts(fitting[0]):
        return fitting[0]
    fitting = fitting[: place.keywords.get("maxItems")]
    if not fitting:
        return None
    if place.accepts(fitting):
        return fitting
    missing = place.keywords.get("minItems", 0) - len(fitting)
    more = [value for value in others if value not in fitting][: max(0, missing)]
    for option in (fitting + more, fitting[0]):
        if place.accepts(option):
            return option
    return None


def _spelt(value: Any, taught: Taught) -> Any:
    """Return a text as the training targets spell it."""
    return taught.spellings.get(fold_text(value), value) if isinstance(value, str) else value

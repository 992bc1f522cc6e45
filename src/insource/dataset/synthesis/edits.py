"""Make counterfactuals: a real document with values changed or removed, and its new label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np

from insource.dataset.rows.teacher_policy import co_teachers
from insource.dataset.synthesis.output import synthetic_row
from insource.dataset.synthesis.places import Path, Place, as_label, places, replaced
from insource.dataset.synthesis.wanted import Wanted
from insource.foundation.errors import DataError
from insource.foundation.rng import generator
from insource.matching.surface import shape
from insource.types import Example, Row

DELETED_SHARE = 0.2


class EditedText(NamedTuple):
    """A new document with its label, before it is checked. ``parents`` are row ids."""

    input: str
    output: str | dict[str, Any]
    parents: tuple[str, ...]
    attributes: tuple[str, ...] | None = None
    contract: dict[str, Any] | None = None


class _Donor(NamedTuple):
    row_id: str
    value: str | int | float


def drafts(
    examples: Sequence[Example], method: Literal["edit", "recombine"], seed: int
) -> Iterator[EditedText]:
    """New documents without end, the same for the same examples and seed; none when nothing is editable.

    ``edit`` changes one value of a document, or takes out the line of a value that may be absent;
    ``recombine`` changes several, each to a value that another document has in that field, written in
    the same shape (``480 V`` for ``24 V``, not for ``480``).
    """
    editable = [(example, found) for example in examples if (found := places(example))]
    donors = _donors(editable)
    order = generator(seed, f"dataset.synthesis.{method}")
    while editable:
        example, found = editable[int(order.integers(len(editable)))]
        draft = (
            _edited(example, found, donors, order)
            if method == "edit"
            else _recombined(example, found, donors, order)
        )
        yield draft if draft is not None else EditedText("", {}, (example.row_id,))


def _donors(editable: Sequence[tuple[Example, tuple[Place, ...]]]) -> dict[tuple[Path, str], list[_Donor]]:
    donors: dict[tuple[Path, str], list[_Donor]] = defaultdict(list)
    for example, found in editable:
        for place in found:
            donors[place.path, shape_of(place.value)].append(_Donor(example.row_id, place.value))
    return donors


def shape_of(value: str | int | float) -> str:
    """Return the shape of a value's text, with its type: a number never stands in for a text."""
    return f"{type(value).__name__}:{shape(str(value))}"


def _edited(
    example: Example,
    found: Sequence[Place],
    donors: dict[tuple[Path, str], list[_Donor]],
    order: np.random.Generator,
) -> EditedText | None:
    place = found[int(order.integers(len(found)))]
    if order.random() < DELETED_SHARE:
        return _without(example, place, found)
    return _with_values(example, [place], donors, order)


def _recombined(
    example: Example,
    found: Sequence[Place],
    donors: dict[tuple[Path, str], list[_Donor]],
    order: np.random.Generator,
) -> EditedText | None:
    if len(found) < 2:
        return None
    count = int(order.integers(2, len(found) + 1))
    chosen = sorted(int(n) for n in order.permutation(len(found))[:count])
    return _with_values(example, [found[n] for n in chosen], donors, order)


def _with_values(
    example: Example,
    chosen: Sequence[Place],
    donors: dict[tuple[Path, str], list[_Donor]],
    order: np.random.Generator,
) -> EditedText | None:
    label = as_label(example)
    text, parents = example.input, [example.row_id]
    for place in reversed(chosen):  # from the end, so that earlier places stay where they are
        others = [one for one in donors[place.path, shape_of(place.value)] if one.value != place.value]
        if not others or label is None:
            return None
        donor = others[int(order.integers(len(others)))]
        text = text[: place.start] + str(donor.value) + text[place.end :]
        label = replaced(label, place.path, donor.value)
        parents.append(donor.row_id)
    assert label is not None
    return EditedText(text, label, tuple(dict.fromkeys(parents)), example.attributes, example.contract)


def _without(example: Example, place: Place, found: Sequence[Place]) -> EditedText | None:
    """Return the document without the line that says it, when that line says nothing else of the label."""
    start = example.input.rfind("\n", 0, place.start) + 1
    end = example.input.find("\n", place.end)
    end = len(example.input) if end < 0 else end + 1
    alone = not any(other is not place and start <= other.start < end for other in found)
    label = as_label(example)
    if not alone or label is None or end - start == len(example.input):
        return None
    text = example.input[:start] + example.input[end:]
    return EditedText(
        text, replaced(label, place.path, None), (example.row_id,), example.attributes, example.contract
    )


def edited_rows(train: Sequence[Example], wanted: Wanted, seed: int) -> Iterator[Row]:
    found = drafts(train, "edit" if wanted.method == "edit" else "recombine", seed)
    first = next(found, None)
    if first is None:
        raise DataError(
            "nothing-to-edit",
            "No training document contains a value of its label exactly once, spelled as in the label.",
            hint="Labels of classes cannot be edited in; use --method paraphrase or --method label.",
        )
    by_id = {example.row_id: example for example in train}
    for draft in chain([first], found):
        # The label is as trustworthy as its parents': a teacher's among them makes it a teacher's.
        origins = [by_id[parent].provenance for parent in draft.parents]
        origin = next((one for one in origins if one.from_teacher), origins[0])
        kept = origin.model_copy(
            update={
                "synthetic": wanted.method,
                "parents": draft.parents,
                "co_teachers": co_teachers(origins, origin),
            }
        )
        yield synthetic_row(
            draft.input, draft.output, kept, attributes=draft.attributes, contract=draft.contract
        )

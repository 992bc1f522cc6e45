"""Learn from some of the scopes what stands for the values of each field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insource.arms.classical.spans.aliases import learned_aliases, learned_numbers
from insource.arms.classical.spans.samples import Equality
from insource.arms.classical.spans.values import settled, taught_forms
from insource.matching.normal_forms import fold_text
from insource.models.fitted.spans.document import Reading, Scope
from insource.models.fitted.spans.fields import Field, Path, Taught
from insource.models.fitted.spans.measures import readings
from insource.models.fitted.spans.texts import spellings_in

Golds = Sequence[Sequence[Any] | None]
"""The values of a field in each scope, None where it is not judged."""


@dataclass(frozen=True)
class Group:
    """The fields that are looked for in the same scopes: whole documents, or the rows of one list.

    ``owners`` are the samples that the scopes are of. ``forms`` hold what all scopes teach about the look of
    values; spellings and factors are learned for each fold anew, because those of all rows would make the
    rows held out look easier than new ones.
    """

    scopes: Sequence[Scope]
    owners: NDArray[np.int64]
    golds: Mapping[Path, Golds]
    fields: Mapping[Path, Field]
    forms: Mapping[Path, Taught]
    equal: Mapping[Path, Equality]
    spellings: Sequence[set[str]]
    tokens: Sequence[set[str]]
    read: Sequence[Sequence[Reading]]

    def of_samples(self, samples: Iterable[int]) -> list[int]:
        """Return the scopes of these samples."""
        return np.flatnonzero(np.isin(self.owners, np.fromiter(samples, dtype=np.int64))).tolist()


def group_of(
    scopes: Sequence[Scope], owners: Sequence[int], fields: Iterable[Field], golds: Mapping[Path, Golds]
) -> Group:
    """Return the group of scopes with its fields as the values show them."""
    equal = {one.path: Equality(one.comparator) for one in fields}
    plain = {path: [gold or () for gold in golds[path]] for path in equal}
    settled_fields = {one.path: settled(one, scopes, plain[one.path]) for one in fields}
    return Group(
        scopes=scopes,
        owners=np.array(owners, dtype=np.int64),
        golds=golds,
        fields=settled_fields,
        forms={
            path: taught_forms(one, plain[path], equal[path], scopes) for path, one in settled_fields.items()
        },
        equal=equal,
        spellings=[spellings_in(scope) for scope in scopes],
        tokens=[spellings_in(scope, 1) for scope in scopes],
        read=[list(readings(scope)) for scope in scopes],
    )


def teach(group: Group, train: Sequence[int]) -> dict[Path, Taught]:
    """Return what the scopes in ``train`` teach about each field."""
    taught = dict(group.forms)
    numbers = [path for path, one in group.fields.items() if one.kind == "number"]
    for path, one in group.fields.items():
        gold = [group.golds[path][n] or () for n in train]
        if one.kind == "choice":
            known = [[_member(value, one.choices) for value in values] for values in gold]
            kept = [[value for value in values if value is not None] for values in known]
            aliases = learned_aliases([group.spellings[n] for n in train], kept, one.choices)
            taught[path] = replace(taught[path], aliases=aliases)
        elif one.kind in ("text", "id"):
            words = Counter(fold_text(str(value)) for values in gold for value in values)
            taught[path] = replace(taught[path], vocabulary=dict(words))
    if numbers:
        golds = [[group.golds[path][n] or () for n in train] for path in numbers]
        learned = learned_numbers(
            [group.read[n] for n in train],
            [group.tokens[n] for n in train],
            golds,
            [group.equal[path] for path in numbers],
        )
        for path, factors in zip(numbers, learned.factors, strict=True):
            taught[path] = replace(taught[path], aliases=learned.aliases, factors=factors)
    return taught


def _member(value: Any, choices: Sequence[Any]) -> Any:
    """Return the choice that a value is, in another spelling perhaps; None when it is none."""
    if value in choices:
        return value
    folded = fold_text(str(value))
    return next((one for one in choices if fold_text(str(one)) == folded), None)

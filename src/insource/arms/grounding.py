"""Find out for which fields an answer can be held to the values of its document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from insource.arms import caps
from insource.arms.classical.spans.folds import Fold, fold_sets
from insource.arms.classical.spans.samples import Sample, all_fields, samples_of, values_at
from insource.arms.classical.spans.teaching import Group, group_of, teach
from insource.models.fitted.spans.candidate import value_key
from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.fields import ITEM, Field, Kind, Path, Taught
from insource.models.grounding.grounding import MOST_VALUES, Grounding
from insource.models.grounding.values import Context, GroundedField, context_of, scopes_of
from insource.types import Example, JsonSchema, Task

VERSION = 2
LEAST_SHARE = 0.95
"""A field is grounded when its values were found in at least this share of the cases."""

MOST_ROWS = 2000
"""Of more training rows, some evenly spaced ones between this number and its double are read."""

LEAST_VALUES = 20
"""With fewer values, the share says too little."""

SEEN, NEVER = 5, 0.02
"""A context is barred when it is in this many documents, and right in less than this share of them."""

EXPECTED, EXPECTED_OF_ID = 20, 5
"""A value is a stranger to a context when it would be right there this often by chance, but never is.

An identifier seldom comes twice, so that fewer documents show it of one.
"""

SETTINGS = {
    "share": LEAST_SHARE,
    "rows": MOST_ROWS, "values": LEAST_VALUES, "most": MOST_VALUES, "seen": SEEN, "never": NEVER,
    "expected": [EXPECTED, EXPECTED_OF_ID],
    "caps": [caps.LEAST_VALUES, caps.FACTOR, caps.SPARE, caps.MOST_CHARACTERS],
}  # fmt: skip
"""What decides, for the key of a run."""


class FieldShare(NamedTuple):
    """How many of a field's values were found in the documents of groups that taught nothing.

    Free text is never grounded: where a value begins and ends in its document is a matter of judgement.
    """

    name: str
    kind: Kind
    found: int
    values: int
    most: int

    @property
    def grounded(self) -> bool:
        """Whether the field is held to its document."""
        enough = self.values >= LEAST_VALUES and self.found >= LEAST_SHARE * self.values
        return enough and self.most <= MOST_VALUES and self.kind != "text"

    @property
    def reason(self) -> str:
        """The evidence in words."""
        if self.kind == "text":
            return "free text"
        if self.values < LEAST_VALUES:
            return f"{self.values} values are too few to tell"
        if self.most > MOST_VALUES:
            return f"a document states up to {self.most:,} possible values"
        return f"{self.found / self.values:.1%} of {self.values} values were found"


class FittedGrounding(NamedTuple):
    """The grounding, and what was found out about every field."""

    grounding: Grounding
    shares: tuple[FieldShare, ...]


def fit_grounding(task: Task, examples: Iterable[Example], seed: int = 0) -> FittedGrounding:
    """Return the grounding of a task with JSON answers, with limits for what its schema leaves endless.

    A field is grounded when its values are found in documents of groups that taught nothing about them. An
    answer that is no object has no fields.
    """
    samples = samples_of(task, examples)
    limits = caps.caps_of(
        task.output.definition if isinstance(task.output, JsonSchema) else {},
        (sample.target for sample in samples),
    )
    samples = samples[:: max(1, len(samples) // MOST_ROWS)]
    fit = _Fit(samples, _group(samples, [one for one in all_fields(task, samples).values() if one.path]))
    folds = next(iter(fold_sets(samples, seed)), [])
    shares = fit.shares(folds)
    grounded = {path for path, share in shares.items() if share.grounded}
    whole = fit.taught(range(len(samples))) if grounded else {}
    kept = tuple(one for path, one in whole.items() if path in grounded)
    return FittedGrounding(Grounding(kept, limits), tuple(shares.values()))


def _group(samples: Sequence[Sample], fields: Iterable[Field]) -> Group:
    """Put all fields into one group: values inside of lists of objects are looked for everywhere, too."""
    wide = [replace(one, many=True, single=False) if one.rows else one for one in fields]
    scopes = [Scope.whole(sample.document) for sample in samples]
    golds = {one.path: [_values(sample, one.path) for sample in samples] for one in wide}
    return group_of(scopes, range(len(samples)), wide, golds)


def _own(field: Field) -> Field:
    """Return a field inside of a list of objects as the schema has it: one value of an item."""
    return replace(field, many=False, single=True) if field.rows else field


def _values(sample: Sample, path: Path) -> tuple[Any, ...] | None:
    """Return the values at a path, those of all items of a list; None where it is not judged."""
    if path not in sample.paths:
        return None
    return tuple(_inside(sample.target, path, sample.unscored))


def _inside(target: Any, path: Path, unscored: bool) -> Iterator[Any]:
    if ITEM not in path:
        yield from values_at(target, path, unscored) or ()
        return
    at = path.index(ITEM)
    for step in path[:at]:
        target = target.get(step) if isinstance(target, dict) else None
    for item in target if isinstance(target, list) else ():
        yield from _inside(item, path[at + 1 :], unscored)


@dataclass(frozen=True)
class _Fit:
    """The training documents, each in its readings, and the values of every field in them."""

    samples: Sequence[Sample]
    group: Group

    @cached_property
    def _scopes(self) -> list[tuple[Scope, ...]]:
        return [scopes_of(sample.example.input) for sample in self.samples]

    def taught(self, train: Sequence[int]) -> dict[Path, GroundedField]:
        """Return every field with what these samples teach about it."""
        taught = teach(self.group, train)
        return {
            path: GroundedField(_own(field), taught[path], *self._barred(field, taught[path], train))
            for path, field in self.group.fields.items()
            if field.kind != "text"
        }

    def shares(self, folds: Sequence[Fold]) -> dict[Path, FieldShare]:
        """Count the values found in held-out samples."""
        found, values, most = Counter[Path](), Counter[Path](), Counter[Path]()
        for fold in folds:
            for path, one in self.taught(fold.train.tolist()).items():
                for n in fold.held.tolist():
                    stated = one.values(self._scopes[n])
                    most[path] = max(most[path], len(stated))
                    for gold in self.group.golds[path][n] or ():
                        values[path] += 1
                        found[path] += any(self.group.equal[path](gold, value) for value in stated)
        return {
            path: FieldShare(_own(field).name, field.kind, found[path], values[path], most[path])
            for path, field in self.group.fields.items()
        }

    def _barred(
        self, field: Field, taught: Taught, train: Sequence[int]
    ) -> tuple[frozenset[Context], frozenset[tuple[Context, Any]]]:
        """Return the contexts, and the values in the other contexts, that are none of the field's."""
        equal = self.group.equal[field.path]
        found, right = [], []
        for n in train:
            gold = self.group.golds[field.path][n] or ()
            here = {
                (context_of(scope, field, one), value_key(field, one.value)): one.value
                for scope in self._scopes[n]
                for one in candidates(scope, field, taught)
            }
            found.append(set(here))
            right.append({key for key, value in here.items() if any(equal(one, value) for one in gold)})
        rates = _rates(found, right)
        barred = frozenset(context for context, rate in rates.items() if rate < NEVER)
        seen = Counter(key for here in found for key in here)
        known = {key for here in right for key in here}
        least = EXPECTED_OF_ID if field.kind == "id" else EXPECTED
        strangers = {
            key
            for key, times in seen.items()
            if key not in known and key[0] not in barred and times * rates.get(key[0], 0.0) >= least
        }
        return barred, frozenset(strangers)


def _rates(
    found: Sequence[set[tuple[Context, Any]]], right: Sequence[set[tuple[Context, Any]]]
) -> dict[Context, float]:
    """Return how often each context that is in ``SEEN`` documents explains a value of the field.

    "60 months" is no reason to read 60 Hz there: of several contexts of a right value, the most reliable
    explains it, and the others are chance.
    """
    seen = Counter(context for here in found for context in {context for context, _ in here})
    hits = Counter(context for here in right for context in {context for context, _ in here})
    best = [max(here, key=lambda one: (hits[one[0]] / seen[one[0]], one[0])) for here in right if here]
    explains = Counter(context for context, _ in best)
    return {context: explains[context] / times for context, times in seen.items() if times >= SEEN}

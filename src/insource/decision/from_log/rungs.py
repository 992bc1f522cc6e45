"""Cross-validate what needs no language model on a sample of a task's logged answers, within a time.

What fits stands above this package and is passed in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from insource.dataset.rows.examples import example_of
from insource.dataset.rows.records import BadRow
from insource.dataset.rows.targets import Targets
from insource.decision.from_log.samples import Sample
from insource.types import Example, JsonSchema, OutputSpec, Task, Text
from insource.types.log_profile import CheapRung

Fit = Callable[[Task, Sequence[Example]], Sequence[CheapRung]]
"""Cross-validates the rungs that can do a task on these examples.

Raises:
    ValueError: these examples cannot be fitted; the message says why.
"""

FEWEST = 30
"""Fewer rows tell nothing: each fold would be judged on ten."""
CELLS, MOST_CELLS = 200_000, 4_000_000
"""Characters of documents times fields that are read: what the span ranking does in some seconds; and for the
fewest rows at most, in half a minute."""


class Measured(NamedTuple):
    rungs: tuple[CheapRung, ...]
    note: str


class RungBudget:
    """The seconds that fitting may take over all tasks, the costliest first; what has begun is finished."""

    def __init__(self, seconds: float, fit: Fit | None) -> None:
        self._seconds = self._left = seconds
        self._fit = fit

    def measure(self, name: str, output: OutputSpec, sample: Sample) -> Measured:
        """Return what the rungs reach, or why nothing was measured."""
        if self._fit is None:
            return Measured((), "no rung was asked for")
        if not sample.rows:
            return Measured((), "no usable answer is recorded")
        if isinstance(output, Text):
            return Measured((), "the answers are free text, which no rung without a language model writes")
        examples, misfits = _examples(output, sample)
        if len(examples) < FEWEST:
            return Measured((), f"{len(examples)} usable answers; {FEWEST} are needed")
        if self._left <= 0:
            return Measured((), f"the {self._seconds:.0f} s for this were spent on tasks that cost more")
        chosen = examples[: _affordable(output, examples)]
        if not chosen:
            return Measured((), f"{FEWEST} documents are too long to be fitted in half a minute")
        metric = "field_accuracy" if isinstance(output, JsonSchema) else "accuracy"
        task = Task(name=name, instruction="", output=output, primary_metric=metric)
        begun = time.monotonic()
        try:
            rungs = tuple(self._fit(task, chosen))
        except ValueError as error:
            return Measured((), f"not fitted: {error}")
        finally:
            self._left -= time.monotonic() - begun
        note = f"cross-validated on {len(chosen):,} of {len(examples):,} sampled answers"
        return Measured(rungs, f"{note}; {misfits:,} answers do not fit the contract" if misfits else note)


def judged_by(examples: Sequence[Example]) -> Literal["cloud answers", "checked answers", "both"]:
    """Return who gave the answers that a rung is compared with."""
    checked = sum(one.provenance.label == "checked" for one in examples)
    return "checked answers" if checked == len(examples) else "both" if checked else "cloud answers"


def _examples(output: OutputSpec, sample: Sample) -> tuple[list[Example], int]:
    targets, found, misfits = Targets(output, "null"), [], 0
    for row in sample.rows:
        try:
            found.append(example_of(row, targets.of(row)))
        except BadRow:
            misfits += 1
    return found, misfits


def _affordable(output: OutputSpec, examples: Sequence[Example]) -> int:
    """Return how many of the examples, in their order, are fitted in the time; 0 when the fewest are not."""
    if not isinstance(output, JsonSchema):
        return len(examples)
    fields = max(1, len(output.definition.get("properties", {})))
    spent = 0
    for place, example in enumerate(examples):
        spent += len(example.input) * fields
        if place >= FEWEST and spent > CELLS:
            return place
        if spent > MOST_CELLS:
            return 0
    return len(examples)

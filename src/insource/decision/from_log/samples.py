"""Take samples of a task's calls as rows: different inputs to learn from, and inputs that came again.

Calls are chosen by the digests of their inputs, so that the same log gives the same sample and repeats stay
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from insource.dataset.sources.calls import row_of
from insource.decision.from_log.figures import Integers
from insource.decision.from_log.gathering import Gathered
from insource.store.calls.calls import get_call
from insource.store.calls.feedback import Feedback
from insource.store.database import Database
from insource.types import Dropped, Row

INPUTS = 2000
"""Different inputs of a task that are read as rows."""
REPEATS, OF_ONE_INPUT = 1000, 10
"""Calls whose input came again that are read as rows, and the most of one input."""
GROUP = "user"


class Sample(NamedTuple):
    """Rows of a task's calls, and why other calls of the sample are none."""

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]

    @property
    def left_out(self) -> dict[str, int]:
        return dict(Counter(one.reason for one in self.dropped).most_common())


class SampledRows:
    """A sample as a source of rows."""

    name = "a sample of the log"
    notes = ()

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def __iter__(self) -> Iterator[Row | Dropped]:
        yield from self._sample.rows
        yield from self._sample.dropped


def different_inputs(
    database: Database, calls: Gathered, feedback: Mapping[str, Sequence[Feedback]]
) -> Sample:
    """Return one call of each of up to ``INPUTS`` inputs: a corrected one, else the latest."""
    corrected = np.array([one in feedback for one in calls.call_ids])
    chosen = np.flatnonzero(((calls.columns["usable"] == 1) | corrected) & (calls.columns["place"] >= 0))
    # The last of each input in this order counts: corrected calls after the others, later ones after earlier.
    ordered = chosen[np.lexsort((chosen, corrected[chosen]))]
    last = {digest: place for digest, place in zip(_questions(calls, ordered), ordered.tolist(), strict=True)}
    return _read(database, calls, [last[one] for one in sorted(last)[:INPUTS]], feedback)


def repeated_inputs(
    database: Database, calls: Gathered, feedback: Mapping[str, Sequence[Feedback]]
) -> Sample:
    """Return calls whose input came more than once, up to ``REPEATS``, those of an input together."""
    usable = np.flatnonzero((calls.columns["usable"] == 1) & (calls.columns["place"] >= 0))
    by_input: dict[int, list[int]] = {}
    for digest, place in zip(_questions(calls, usable), usable.tolist(), strict=True):
        by_input.setdefault(digest, []).append(place)
    places: list[int] = []
    for digest in sorted(one for one, found in by_input.items() if len(found) > 1):
        if len(places) >= REPEATS:
            break
        places += by_input[digest][:OF_ONE_INPUT]
    return _read(database, calls, places, feedback)


def _questions(calls: Gathered, places: Integers) -> list[int]:
    found: list[int] = calls.columns["question"][places].tolist()
    return found


def _read(
    database: Database, calls: Gathered, places: Iterable[int], feedback: Mapping[str, Sequence[Feedback]]
) -> Sample:
    rows: list[Row] = []
    dropped: list[Dropped] = []
    for place in places:
        call = get_call(database, calls.call_ids[place])
        if call is None:  # purged meanwhile
            continue
        item = row_of(call, feedback.get(call.call_id, ()), GROUP, "last")
        if isinstance(item, Row):
            rows.append(item)
        else:
            dropped.append(item)
    return Sample(tuple(rows), tuple(dropped))


def batches(names: Iterable[str], size: int = 500) -> Iterator[tuple[str, ...]]:
    """Yield the names in groups of at most ``size``."""
    found = iter(names)
    while some := tuple(islice(found, size)):
        yield some

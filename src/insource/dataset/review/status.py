"""Work out which review decisions still hold for the rows as they are now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import is_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.review.apply import contested_fields, current
from insource.dataset.review.fields import fields_of, row_hash
from insource.dataset.rows.staged import Staged
from insource.types import OutputSpec, ReviewDecision


class Standing(NamedTuple):
    """One decided row: the decisions ``about`` it, and who of their reviewers is ``done`` with it.

    A reviewer is done when each decision is about the row as it stands; with a stale one the row comes back.
    ``choices`` says of each field whether its values are a closed list, of rows that several have decided.
    """

    place: int
    about: tuple[ReviewDecision, ...]
    done: frozenset[str]
    contested: bool
    choices: Mapping[str, bool]


class Standings:
    """The standing of each decided row. A row is read again only when its decisions have changed.

    ``hashes`` has ``row_hash`` of each row. Not safe to use from several threads.
    """

    def __init__(self, rows: Staged, contract: OutputSpec, hashes: NDArray[np.uint64]) -> None:
        self._rows = rows
        self._contract = contract
        self._sorted = np.argsort(hashes)
        self._hashes = hashes[self._sorted]
        self._seen: tuple[ReviewDecision, ...] = ()
        self._known: dict[str, Standing | None] = {}

    def of(self, decisions: tuple[ReviewDecision, ...]) -> list[Standing]:
        """Return the standings under these decisions, of the rows that are there."""
        if decisions is not self._seen:
            about: dict[str, list[ReviewDecision]] = defaultdict(list)
            for decision in decisions:
                about[decision.row_id].append(decision)
            self._known = {row_id: self._standing(row_id, tuple(found)) for row_id, found in about.items()}
            self._seen = decisions
        return [one for one in self._known.values() if one is not None]

    def _standing(self, row_id: str, about: tuple[ReviewDecision, ...]) -> Standing | None:
        known = self._known.get(row_id)
        if known is not None and _very_same(known.about, about):
            return known
        wanted = np.uint64(row_hash(row_id))
        at = int(np.searchsorted(self._hashes, wanted))
        if at == len(self._hashes) or self._hashes[at] != wanted:
            return None
        place = int(self._sorted[at])
        row = self._rows[place]
        hold = current(about, row)
        given, left = Counter(one.who for one in about), Counter(one.who for one in hold)
        fields = fields_of(row, self._contract) if len(given) > 1 else ()
        return Standing(
            place=place,
            about=about,
            done=frozenset(who for who, count in left.items() if count == given[who]),
            contested=bool(contested_fields(hold)),
            choices={field.pointer: bool(field.choices) for field in fields},
        )


def _very_same(one: Sequence[ReviewDecision], other: Sequence[ReviewDecision]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))

"""Filter synthetic examples: contract, grounding, novelty, and distance to held-out documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from hashlib import blake2b

from insource.dataset.rows.records import BadRow
from insource.dataset.rows.targets import Targets
from insource.dataset.synthesis.places import as_label, leaves
from insource.matching.grounding import grounding_tier
from insource.similarity.near_duplicates import nearest
from insource.similarity.normal_text import normalised, numbers_of
from insource.types import Example, Row


class Filters:
    """Keeps count of what was refused and why. ``held_out`` are the documents of the splits that judge."""

    def __init__(self, targets: Targets, held_out: Sequence[str], known: Iterable[Example]) -> None:
        self.refused: Counter[str] = Counter()
        self._targets = targets
        self._held_out = held_out
        self._known = {_key(example.input) for example in known}

    def near_held_out(self, texts: Sequence[str]) -> frozenset[str]:
        """Return the texts that would leak: near-duplicates of a held-out document with the same numbers."""
        found = nearest(texts, self._held_out) if texts else ()
        return frozenset(
            text
            for text, pair in zip(texts, found, strict=True)
            if pair is not None and numbers_of(text) == numbers_of(self._held_out[pair.first])
        )

    def passes(self, row: Row, parent: Example | None, near: Container[str]) -> bool:
        """Return whether the row may join the training split; a reason is counted when it may not."""
        reason = self._reason(row, parent, near)
        if reason:
            self.refused[reason] += 1
            return False
        self._known.add(_key(row.input))
        return True

    def _reason(self, row: Row, parent: Example | None, near: Container[str]) -> str:
        if not row.input.strip():
            return "not-editable"
        try:
            target = self._targets.of(row)
        except BadRow:
            return "schema-violation"
        if _key(row.input) in self._known:
            return "already-there"
        if parent is not None and _lost_grounding(row, target, parent):
            return "ungrounded"
        return "near-held-out" if row.input in near else ""


def _lost_grounding(row: Row, target: str, parent: Example) -> bool:
    """Return whether a value is grounded in the parent's document and not in the new one."""
    made = Example(row_id=row.row_id, digest="", input=row.input, target=target, provenance=row.provenance)
    before, after = as_label(parent), as_label(made)
    if before is None or after is None:
        return False
    grounded = {path for path, value in leaves(before) if grounding_tier(value, parent.input) is not None}
    return any(path in grounded and grounding_tier(value, row.input) is None for path, value in leaves(after))


def _key(text: str) -> bytes:
    return blake2b(normalised(text).encode(), digest_size=16).digest()

"""Overlaps between the splits of a dataset, and splits that are too small."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.finding import Instance

OverlapKind = Literal[
    "exact-record", "near-duplicate-record", "near-duplicate-text", "template", "identifier"
]


class Overlap(Frozen):
    """One way in which splits share content.

    ``count`` is the number of distinct shared things: inputs, templates, identifiers. ``removed`` is the
    number of rows dropped because of it. ``rows`` counts, by split, the remaining rows that share something
    with another split. ``instances`` are the first affected rows.
    """

    kind: OverlapKind
    count: int
    removed: int = 0
    rows: dict[str, int] = {}
    summary: str
    instances: tuple[Instance, ...] = ()


class Shortfall(Frozen):
    """A split that is too small for its purpose: ``missing = need - have`` examples, and why."""

    split: str
    have: int
    need: int
    missing: int
    why: str

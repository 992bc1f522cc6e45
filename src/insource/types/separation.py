"""What the splits of a dataset share, and what they are too small for."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.finding import Instance

OverlapKind = Literal[
    "exact-record", "near-duplicate-record", "near-duplicate-text", "template", "identifier"
]


class Overlap(Frozen):
    """One way in which splits share something.

    ``count`` is the number of different things shared: inputs, templates, identifiers. ``removed`` rows
    were dropped for it. ``rows`` counts the rows that stayed in each split and share it with another.
    ``instances`` are the first of the rows.
    """

    kind: OverlapKind
    count: int
    removed: int = 0
    rows: dict[str, int] = {}
    summary: str
    instances: tuple[Instance, ...] = ()


class Shortfall(Frozen):
    """A split too small for what is to be decided on it: ``missing = need - have`` examples, and why."""

    split: str
    have: int
    need: int
    missing: int
    why: str

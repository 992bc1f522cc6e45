"""Describe what a synthesis is to make."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from insource.types import Frozen

Method = Literal["edit", "recombine", "paraphrase", "label"]


class Wanted(Frozen):
    """The number of rows to make, and the limits on the way.

    ``count`` is the number of rows, or of documents to ask a teacher about. ``samples`` answers have to
    agree. ``max_usd`` limits the cost of all of it. ``inputs`` are the documents to label.
    """

    method: Method
    count: int
    samples: int = 2
    max_usd: Decimal | None = None
    inputs: tuple[str, ...] = ()

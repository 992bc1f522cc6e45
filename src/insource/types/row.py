"""A row: one labelled document as a source gave it, before it is an example."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from insource.types.base import Frozen
from insource.types.dataset import Provenance, Split


class Row(Frozen):
    """One readable row of a source.

    ``output`` is as given: an object, or text that may spell one. ``time`` is ISO 8601 when the source
    has one. ``group`` is what must not straddle two splits: a customer, a thread, a layout. ``prompt`` is
    the instruction that came with the document when the source keeps it (a system message). ``confidence``,
    between 0 and 1, is whoever's who made the output.
    """

    line: int | None
    row_id: str
    input: str
    output: str | dict[str, Any]
    split: Split | None = None
    group: str | None = None
    time: str | None = None
    prompt: str = ""
    attributes: tuple[str, ...] | None = None
    contract: dict[str, Any] | None = None
    cloud_outputs: dict[str, str] = Field(default_factory=dict)
    cloud_latency_s: dict[str, float] = Field(default_factory=dict)
    confidence: float | None = None
    provenance: Provenance

"""A labelled document as a source provides it, before it becomes an example."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from insource.types.base import Frozen
from insource.types.dataset import CloudCall, Provenance, Split


class Row(Frozen):
    """One readable row of a source.

    ``output`` is unparsed: an object, or text that may contain one. ``time`` is ISO 8601, if the source has
    one. Rows of the same ``group`` (a customer, a thread, a layout) must not be in two splits. ``prompt`` is
    the instruction that the source stores with the document (a system message); ``cloud_calls`` says how each
    cloud was asked, where that is recorded. ``confidence`` is between 0 and 1 and belongs to whoever produced
    the output. ``acceptable``, ``facts`` and ``reasoning`` are as in ``Example``.
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
    cloud_calls: dict[str, CloudCall] = Field(default_factory=dict, exclude_if=lambda calls: not calls)
    cloud_failures: dict[str, str] = Field(default_factory=dict, exclude_if=lambda held: not held)
    confidence: float | None = None
    acceptable: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    facts: tuple[dict[str, Any], ...] = ()
    reasoning: str = Field("", exclude_if=lambda held: not held)
    provenance: Provenance

"""`[log]` and `[prices]`."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from insource.types import Frozen


class LogSection(Frozen):
    redact: tuple[Literal["secrets", "personal"], ...] = Field(
        ("secrets",), description="Built-in rules applied before anything is written."
    )
    patterns: tuple[str, ...] = Field(
        (), description="Regular expressions of your own (RE2) to take out as well; `name=regex` names one."
    )
    presidio: bool = Field(False, description="Let Presidio look for personal data too (extra `presidio`).")
    metadata_only: tuple[str, ...] = Field(
        (),
        description="Tasks whose requests and answers are not kept, only counts, cost and times; `*` is all.",
    )
    retention_days: float | None = Field(
        None, gt=0, description="Calls older than this are purged by themselves (days); kept when empty."
    )
    retention_gb: float | None = Field(
        None, gt=0, description="The oldest calls go when the store is larger than this (GB)."
    )


class OwnPrice(Frozen):
    """A model's prices in US dollars per million tokens; what is not given costs as input or output do.

    ``batch`` is the share of all that a call in a batch costs.
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    cache_write: Decimal | None = Field(None, ge=0)
    audio_input: Decimal | None = Field(None, ge=0)
    audio_output: Decimal | None = Field(None, ge=0)
    batch: Decimal = Field(Decimal(1), ge=0, le=1)


class PricesSection(Frozen):
    models: dict[str, OwnPrice] = Field(
        {},
        description="Your own prices by model, before the table's: `input`, `output`, and if they differ"
        " `cached`, `cache_write`, `audio_input`, `audio_output` (US dollars per million tokens), `batch`"
        " (ratio).",
    )

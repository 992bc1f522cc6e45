"""The sections ``[log]`` and ``[prices]``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from insource.types import Frozen


class LogSection(Frozen):
    """``[log]``: what is recorded of a call, and for how long."""

    redact: tuple[Literal["secrets", "personal"], ...] = Field(
        ("secrets",), description="Built-in redaction rules, applied before anything is written."
    )
    patterns: tuple[str, ...] = Field(
        (), description="Additional regular expressions to redact (RE2 syntax); `name=regex` names a pattern."
    )
    presidio: bool = Field(
        False, description="Also redact personal data that Presidio finds (extra `presidio`)."
    )
    metadata_only: tuple[str, ...] = Field(
        (),
        description="Tasks whose requests and answers are not stored, only counts, costs and times; `*` "
        "means all.",
    )
    retention_days: float | None = Field(
        None, gt=0, description="Purge calls older than this (days); when empty, keep them."
    )
    retention_gb: float | None = Field(
        None, gt=0, description="Purge the oldest calls when the store is larger than this (GB)."
    )


class OwnPrice(Frozen):
    """Prices of a model in US dollars per million tokens.

    Prices that are None default to ``input`` or ``output``. ``batch`` is the price of a call in a batch
    relative to the full price (ratio).
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    cache_write: Decimal | None = Field(None, ge=0)
    audio_input: Decimal | None = Field(None, ge=0)
    audio_output: Decimal | None = Field(None, ge=0)
    batch: Decimal = Field(Decimal(1), ge=0, le=1)


class PricesSection(Frozen):
    """``[prices]``: prices that override the built-in table."""

    models: dict[str, OwnPrice] = Field(
        {},
        description="Prices by model that override the built-in table: `input`, `output` and, if they differ,"
        " `cached`, `cache_write`, `audio_input`, `audio_output` (US dollars per million tokens), `batch`"
        " (ratio).",
    )

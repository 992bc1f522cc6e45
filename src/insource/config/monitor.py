"""The section ``[monitor]``."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from insource.types import Frozen


class MonitorSection(Frozen):
    """``[monitor]``: what is watched after a model is deployed, and who is told."""

    window: int = Field(
        500, ge=50, description="Calls of a window; each is compared with the reference once (calls)."
    )
    reference: int = Field(
        2000, ge=50, description="Most documents, or earlier calls, that a window is compared with."
    )
    reference_of: Literal["calls", "dataset"] = Field(
        "calls",
        description="What documents are compared with: the first `calls` that the version answered, or the "
        "documents of the `dataset` that it was measured on, each taken by itself.",
    )
    documents: Literal["hashed", "sentences"] = Field(
        "hashed",
        description="What the classifier sees of documents: letters and features, `hashed`, or `sentences`: "
        "also sentence embeddings, which see a new topic in the same style (extra `embeddings`; 5 ms a "
        "document).",
    )
    alpha: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Probability of a false alarm in a window, all label-free signals together (ratio).",
    )
    webhook: str = Field("", description="URL that alerts are posted to; empty for none.")
    webhook_secret_env: str = Field(
        "INSOURCE_WEBHOOK_SECRET",
        description="Name of the environment variable with the secret that signs what the webhook gets.",
    )
    webhook_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Longest time for the webhook to accept alerts (seconds)."
    )
    on_drift: Literal["alert", "audit-more"] = Field(
        "alert",
        description="What an alert of a label-free signal does: it is only told, or `audit-more` also asks "
        "for more audits. Nothing but audits rolls back.",
    )
    audit_factor: float = Field(
        4.0, gt=1, description="Times by which `audit-more` raises the share of audited calls (ratio)."
    )

    @field_validator("webhook")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise PydanticCustomError(
                "not_shown", "Not an http or https URL; it is not shown here, because it may hold a secret."
            )
        return value


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and " " not in value
        )
    except ValueError:  # the port is no number, or the brackets of an address do not match
        return False

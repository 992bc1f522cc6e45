"""`[gateway]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen


class GatewayTask(Frozen):
    """``[gateway.tasks.<name>]``: what holds for the calls tagged with that name."""

    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether its calls may leave the machine."
    )


class GatewaySection(Frozen):
    host: str = Field("127.0.0.1", description="Address to listen on; this machine only by default.")
    port: int = Field(8790, ge=0, le=65535, description="Port of `insource gateway`; 0 takes a free one.")
    max_body_mb: float = Field(
        64, gt=0, description="Largest call; it is held in memory and beyond this refused (MB)."
    )
    max_upload_mb: float = Field(512, gt=0, description="Largest file passed on, never held (MB).")
    stream_usage: Literal["estimate", "inject"] = Field(
        "estimate",
        description="Token counts of a stream whose caller did not ask for them: estimate and mark them, "
        "or ask the provider for them and keep its extra chunk from the caller.",
    )
    on_log_failure: Literal["pass", "refuse"] = Field(
        "pass", description="When a call cannot be logged: serve it and count the loss, or refuse it."
    )
    require_key: bool = Field(
        False, description="Refuse calls without a virtual key; beyond loopback that is always so."
    )
    tasks: dict[str, GatewayTask] = Field(
        {}, description='`[gateway.tasks.<name>]` with `privacy = "local-only"` or `"cloud-allowed"`.'
    )
    untagged: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Where a task is local-only: what becomes of calls that name none of the listed tasks.",
    )


class UpstreamSection(Frozen):
    kind: Literal["openai", "anthropic", "azure", "gemini"] | None = Field(
        None, description="The API it speaks; its name when that is one of these, else openai."
    )
    base_url: str = Field(
        "", description="What the provider's own clients are given; the provider's public one when empty."
    )
    api_key_env: str = Field(
        "",
        description="Name of the environment variable with the key that callers with a virtual key use.",
    )
    timeout_s: float = Field(600, gt=0, description="Longest silence before an answer is given up (seconds).")
    connect_timeout_s: float = Field(10, gt=0, description="Longest wait for a connection (seconds).")
    retries: int = Field(
        0, ge=0, le=5, description="Repetitions of what is safe to repeat, before a byte of the answer."
    )

"""The sections ``[gateway]`` and ``[upstreams]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen


class GatewayTask(Frozen):
    """``[gateway.tasks.<name>]``: settings for the calls tagged with that task."""

    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether the calls of this task may leave the machine."
    )


class GatewaySection(Frozen):
    """``[gateway]``: the gateway's address, limits and policies."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. The default accepts local callers only."
    )
    port: int = Field(8790, ge=0, le=65535, description="Port of `insource gateway`; 0 picks a free port.")
    projects: tuple[str, ...] = Field(
        (), description="Folders of other projects whose tasks are answered too, relative to this file."
    )
    max_waiting: int = Field(
        64, ge=0, description="Calls that may wait for a local model; what is beyond that is overload."
    )
    deadline_s: float = Field(
        60, gt=0, description="Maximum time a call waits for the answer of a local model (seconds)."
    )
    overload: Literal["cloud", "refuse"] = Field(
        "cloud",
        description="What becomes of a call that may not wait longer: the task's `cloud` answers, or 429 "
        "does; without a cloud always 429.",
    )
    max_body_mb: float = Field(
        64,
        gt=0,
        description="Maximum size of a call, which is held in memory; larger calls are refused (MB).",
    )
    max_upload_mb: float = Field(
        512, gt=0, description="Maximum size of a file upload, which is streamed (MB)."
    )
    stream_usage: Literal["estimate", "inject"] = Field(
        "estimate",
        description="How to count the tokens of a stream whose caller did not ask for usage: `estimate` them "
        "and mark them so, or `inject` the request for usage and hide the extra chunk from the caller.",
    )
    on_log_failure: Literal["pass", "refuse"] = Field(
        "pass", description="When a call cannot be logged: `pass` it and count the loss, or `refuse` it."
    )
    require_key: bool = Field(
        False,
        description="Refuse calls without a virtual key. Always on when host is not a loopback address.",
    )
    tasks: dict[str, GatewayTask] = Field(
        {},
        description='Tasks as `[gateway.tasks.<name>]`, with `privacy = "local-only"` or `"cloud-allowed"`.',
    )
    untagged: Literal["refuse", "allow"] = Field(
        "refuse",
        description="When a task is local-only: whether to refuse calls that name none of the listed tasks.",
    )


class UpstreamSection(Frozen):
    """``[upstreams.<name>]``: one provider behind the gateway."""

    kind: Literal["openai", "anthropic", "azure", "gemini"] | None = Field(
        None, description="API of the upstream; when empty, its name if that is one of these, else openai."
    )
    base_url: str = Field("", description="Base URL of the API; when empty, the provider's public URL.")
    api_key_env: str = Field(
        "",
        description="Name of the environment variable with the key to send for callers with a virtual key.",
    )
    timeout_s: float = Field(600, gt=0, description="Maximum time without data from the upstream (seconds).")
    connect_timeout_s: float = Field(10, gt=0, description="Maximum time to connect (seconds).")
    retries: int = Field(
        0,
        ge=0,
        le=5,
        description="Maximum retries of a request that is safe to repeat and whose answer has not begun.",
    )

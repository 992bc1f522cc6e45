"""What is said to a model and what it answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from insource.types.base import Frozen

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "error", "unknown"]


class Message(Frozen):
    """One turn of a conversation.

    Examples:
        >>> from insource import Message
        >>> Message(role="user", content="Rated voltage: 480 V").model_dump()
        {'role': 'user', 'content': 'Rated voltage: 480 V'}
    """

    role: Literal["system", "user", "assistant"]
    content: str


Count = Annotated[int, Field(ge=0, le=2**53)]  # what JSON and every database can keep


class Usage(Frozen):
    """Tokens of one call; None where the provider did not say.

    ``input_tokens`` are all that were read, ``output_tokens`` all that were written; the others say how
    many of these were read from or written to the provider's cache, were audio, or were reasoning.
    """

    input_tokens: Count | None = None
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    audio_input_tokens: Count | None = None
    audio_output_tokens: Count | None = None


class TokenLogprob(Frozen):
    """One generated token: its id in the model's vocabulary, its bytes, its raw log-probability.

    ``top`` holds (token id, log-probability) of the likeliest candidates, before any grammar.
    """

    id: int
    bytes: bytes
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Completion(Frozen):
    """A model's answer. ``latency_s`` is wall time as the caller felt it; a simulated model assumes it.

    Examples:
        >>> from insource import Completion
        >>> answer = Completion(text='{"voltage": "480 V"}', model="tuned", latency_s=0.8)
        >>> answer.finish_reason
        'stop'
    """

    text: str
    finish_reason: FinishReason = "stop"
    model: str = ""
    usage: Usage = Usage()
    latency_s: float | None = None
    tokens: tuple[TokenLogprob, ...] = ()

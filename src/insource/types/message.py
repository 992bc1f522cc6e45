"""Messages sent to a model, and its answer."""

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


Count = Annotated[int, Field(ge=0, le=2**53)]  # an exact integer in JSON and in every database


class Usage(Frozen):
    """The tokens of one call; None where the provider did not report them.

    ``input_tokens`` and ``output_tokens`` are totals. The other fields are parts of these totals: tokens read
    from or written to the provider's cache, audio tokens, reasoning tokens.
    """

    input_tokens: Count | None = None
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    audio_input_tokens: Count | None = None
    audio_output_tokens: Count | None = None


class TokenLogprob(Frozen):
    """One generated token: its vocabulary id, its bytes and its raw log-probability.

    ``top`` holds (token id, log-probability) of the most likely candidates, before any grammar is applied.
    """

    id: int
    bytes: bytes
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Completion(Frozen):
    """A model's answer. ``latency_s`` is wall time in seconds at the caller; a simulated model assumes it.

    What a model knows of its own certainty stands beside the text, each between 0 and 1: ``confidence`` that
    the whole answer is right, ``field_confidences`` by path, ``label_probabilities`` of the likeliest labels,
    in falling order. A language model states none of them; its ``tokens`` give its confidence.

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
    confidence: float | None = None
    field_confidences: dict[str, float] = {}
    label_probabilities: dict[str, float] = {}

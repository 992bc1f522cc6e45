"""Read the token counts of an answer in any known spelling.

Providers and gateways name the same count in many ways, nest it or not, include the cached tokens in the
input or not, and include reasoning in the output or not. ``read_counts`` knows the names; where the names
leave a choice, the reported total decides. Names in lists below are in snake case; ``_snake`` makes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from insource.providers.dialect import MAX_COUNT, dicts
from insource.types import Usage

# Counts that several tools report beside the input, not as a detail of it. Anthropic and Bedrock leave these
# tokens out of ``input_tokens``.
_BESIDE = {
    "cached": ("cache_read_input_tokens", "cache_read_input_token_count"),
    "written": ("cache_creation_input_tokens", "cache_write_input_tokens", "cache_write_input_token_count"),
}
_THOUGHTS = "thoughts_token_count"  # Gemini leaves thoughts out of its output count
_IN, _OUT = "in.", "out."  # the details of the input and of the output, whatever their group is called
_MODALITIES = ("audio", "image", "video")
_NAMES = {
    "input": ("prompt_tokens", "input_tokens", "prompt_token_count", "input_token_count", "input", "prompt"),
    "output": (
        *("completion_tokens", "output_tokens", "candidates_token_count", "response_token_count"),
        *("output_token_count", "output", "completion"),
    ),
    "total": ("total_tokens", "total_token_count", "total"),
    "tools": ("tool_use_prompt_token_count",),  # what Gemini's own tools read
    "cached": (
        *("cached_tokens", "cache_read_tokens", "cached_input_tokens", "cached_prompt_tokens"),
        *("prompt_cache_hit_tokens", "cached_content_token_count", "input_cached_tokens", "input_cache_read"),
        *(f"{_IN}{name}" for name in ("cached_tokens", "cache_read_tokens", "cache_read", "cached")),
        *_BESIDE["cached"],
    ),
    "written": (
        *("cache_write_tokens", "cache_creation_tokens", "input_cache_creation", "input_cache_write"),
        *(f"{_IN}{name}_tokens" for name in ("cache_write", "cache_creation")),
        *(f"{_IN}{name}" for name in ("cache_write", "cache_creation")),
        *_BESIDE["written"],
    ),
    "reasoning": (
        *(f"{_OUT}{name}" for name in ("reasoning_tokens", "thinking_tokens", "reasoning")),
        *("reasoning_tokens", "reasoning_output_tokens", "output_reasoning_tokens", "output_reasoning"),
        _THOUGHTS,
    ),
    "cached_audio": ("cache_tokens_details.audio", f"{_IN}cached_tokens_details.audio_tokens"),
    **{_IN + kind: (f"{_IN}{kind}_tokens", f"{_IN}{kind}") for kind in _MODALITIES},
    **{_OUT + kind: (f"{_OUT}{kind}_tokens", f"{_OUT}{kind}") for kind in _MODALITIES},
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names}
_APART = {*_BESIDE["cached"], *_BESIDE["written"], "input"}

_SIDES = {
    f"{name}_details": side
    for side, names in (
        (_IN, "prompt_tokens prompt_token prompt input_tokens input_token input"),
        (_OUT, "completion_tokens completion_token completion output_tokens output_token output"),
        (_OUT, "candidates_tokens response_tokens"),
    )
    for name in names.split()
}
_PREFIX = re.compile(r"(?:gen_ai|llm)\.(?:usage|token_count)\.")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Counts(NamedTuple):
    """The counts of one answer: ``usage``, and those that only its price needs.

    ``cache_write_1h_tokens`` are the cache writes with a lifetime of an hour. The other fields are the tokens
    of images and videos, and cached tokens of audio, None where they were not reported.
    """

    usage: Usage = Usage()
    cache_write_1h_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    video_input_tokens: int = 0
    video_output_tokens: int = 0
    cached_audio_tokens: int | None = None


def read_usage(reported: Any, *, cache_apart: bool | None = None) -> Usage:
    """Return the token counts of a usage mapping; what is missing or not a valid count is unknown (None).

    Where the reported total, or a cached count above the input, tells whether the input includes the cached
    tokens, that decides. Elsewhere ``cache_apart`` says that it leaves them out; None: the names decide.
    """
    return read_counts(reported, cache_apart=cache_apart).usage


def read_counts(reported: Any, *, cache_apart: bool | None = None) -> Counts:
    """Return the counts as ``read_usage`` does, with those that only the price needs."""
    if not isinstance(reported, Mapping):
        return Counts()
    if "iterations" in reported and (parts := [one for one in iterations(reported) if not one.get("model")]):
        return _sum([read_counts({**one, "iterations": None}, cache_apart=cache_apart) for one in parts])
    found, filled = _found(reported)
    hour = found.get("hour", 0)
    cached, written, reasoning = (found.get(kind) for kind in ("cached", "written", "reasoning"))
    if written is None and hour:
        written = hour + found.get("five_minutes", 0)
    if cache_apart is None:
        cache_apart = _names_put_cache_apart(filled)
    cache = (cached or 0) + (written or 0)
    read, answered = _in_full(found, cache, cache_apart=cache_apart, thought_apart=_THOUGHTS in filled)
    return Counts(
        usage=Usage(
            input_tokens=_valid(read),
            cached_tokens=cached,
            cache_write_tokens=written,
            output_tokens=_valid(answered),
            reasoning_tokens=reasoning,
            audio_input_tokens=found.get("in.audio"),
            audio_output_tokens=found.get("out.audio"),
        ),
        cache_write_1h_tokens=hour,
        image_input_tokens=found.get("in.image", 0),
        image_output_tokens=found.get("out.image", 0),
        video_input_tokens=found.get("in.video", 0),
        video_output_tokens=found.get("out.video", 0),
        cached_audio_tokens=found.get("cached_audio"),
    )


def iterations(reported: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of an answer that Anthropic bills one by one, such as a compaction and the message.

    The counts at the top leave compactions out. A part with a ``model`` was answered by that other model.
    """
    return [one for one in dicts(reported.get("iterations")) if _valid(one.get("input_tokens")) is not None]


def merged(before: Any, later: Any) -> Any:
    """Return what a stream has reported so far, after a later report.

    Reports are cumulative. A later null, zero or empty value is a field that the server did not fill in, so
    it replaces nothing.
    """
    if isinstance(before, dict) and isinstance(later, dict):
        return before | {name: merged(before.get(name), value) for name, value in later.items()}
    return later if later or before is None else before


def _found(reported: Mapping[str, Any]) -> tuple[dict[str, int], set[str]]:
    """Return the counts by kind, and the names of those above zero.

    Several names state the same count, and a zero may be one that was not filled in, so the largest counts.
    """
    found: dict[str, int] = {}
    filled: set[str] = set()
    _collect(reported, "", found, filled)
    if "input" in found and "output" not in found and "prompt_token_count" in filled:
        found["output"] = 0  # Gemini omits it when no token was written
    return found, filled


def _in_full(
    found: Mapping[str, int], cache: int, *, cache_apart: bool, thought_apart: bool
) -> tuple[int | None, int | None]:
    """Return the input with cached tokens and the output with reasoning.

    Of the readings that the sizes allow, the one that adds up to the reported total is right. When none does,
    the names decide, and what the total has beyond both is output: some servers count reasoning only there.
    """
    read, answered, whole = found.get("input"), found.get("output"), found.get("total")
    if read is None:
        return (cache or None if cache_apart else None), answered
    read += found.get("tools", 0)
    apart = cache if cache_apart or cache > read else 0
    if answered is None:
        return read + apart, None
    reasoning = found.get("reasoning", 0)
    thoughts = reasoning if thought_apart or reasoning > answered else 0
    if whole is not None and whole != read + answered + apart + thoughts:
        for more_read, more_answered in ((a, b) for a in (0, cache) for b in (0, reasoning)):
            possible = read + more_read >= cache and answered + more_answered >= reasoning
            if possible and read + more_read + answered + more_answered == whole:
                return read + more_read, answered + more_answered
    read, answered = read + apart, answered + thoughts
    return read, max(answered, (whole or 0) - read)


def _names_put_cache_apart(filled: set[str]) -> bool:
    """Whether these are the names of Anthropic or Bedrock, or Langfuse's kinds, which leave the cache out."""
    if "prompt_tokens" in filled or any(name.startswith(_IN) for name in filled):
        return False
    return not filled.isdisjoint(_APART)


def _collect(counts: Mapping[str, Any], inside: str, found: dict[str, int], filled: set[str]) -> None:
    """Add every valid count under its path, such as ``in.cached_tokens``.

    Attributes of OpenTelemetry keep their meaning without ``gen_ai.usage.``; ``details`` of a list, one item
    per modality, become ``in.audio``.
    """
    for raw, value in counts.items():
        if type(value) is not int:  # the common case
            if isinstance(value, Mapping):
                _collect(value, _group(inside, raw), found, filled)
                continue
            if isinstance(value, list):
                for item in dicts(value):
                    if isinstance(kind := item.get("modality"), str):
                        _collect({kind.lower(): item.get("tokenCount")}, _group(inside, raw), found, filled)
                continue
            value = _valid(value)
        if value is None or not 0 <= value <= MAX_COUNT:
            continue
        name, kind = _named(inside, raw)
        if kind is not None and value >= found.get(kind, 0):
            found[kind] = value
        if value:
            filled.add(name)


@lru_cache(maxsize=1024)
def _group(inside: str, raw: str) -> str:
    name = _snake(raw)
    return inside + _SIDES.get(name, f"{name}.")


@lru_cache(maxsize=1024)
def _named(inside: str, raw: str) -> tuple[str, str | None]:
    """Return the path of a count and the kind that it has, None for another."""
    name = inside + _snake(raw)
    kind = _KINDS.get(name)
    if kind is None and "ephemeral_" in name:
        kind = "hour" if name.endswith("ephemeral_1h_input_tokens") else "five_minutes"
    return name, kind


@lru_cache(maxsize=1024)
def _snake(raw: str) -> str:
    """Return ``cacheReadInputTokens`` and ``gen_ai.usage.cache_read.input_tokens`` as one name."""
    name = _PREFIX.sub("", raw)
    group, _, rest = name.partition(".")
    if rest and group in _SIDES:  # OpenInference: llm.token_count.prompt_details.cache_read
        return _SIDES[group] + rest.replace(".", "_")
    return _HUMP.sub(r"_\1", name).lower().replace(".", "_")


def _valid(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    countable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if countable else None


def _sum(parts: list[Counts]) -> Counts:
    """Return the sums of the counts; a count that no part has stays unknown."""

    def added(values: list[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return _valid(sum(known)) if known else None

    usage = {name: added([getattr(one.usage, name) for one in parts]) for name in Usage.model_fields}
    rest = {name: added([getattr(one, name) for one in parts]) for name in Counts._fields[1:]}
    known: dict[str, Any] = {name: value for name, value in rest.items() if value is not None}
    return Counts(Usage(**usage), **known)

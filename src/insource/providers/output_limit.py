"""The longest answer that a request allows, in any dialect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def output_limit(request: Mapping[str, Any]) -> int:
    """Return the largest number of output tokens that the request allows one answer; 0 when it sets none.

    Reads ``max_tokens`` (OpenAI and Anthropic), ``max_completion_tokens``, ``max_output_tokens``, and
    Gemini's limit in ``generationConfig``.
    """
    gemini = generation_config(request)
    limits = [request.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    limits += [gemini.get("maxOutputTokens"), gemini.get("max_output_tokens")]
    return max(whole(limit) for limit in limits)


def generation_config(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object in which Gemini requests keep their limits; empty for other requests."""
    nested = request.get("generationConfig") or request.get("generation_config")
    return nested if isinstance(nested, dict) else {}


def whole(value: object) -> int:
    """Return a positive number rounded up; 0 for anything else, which providers refuse."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return max(math.ceil(value), 0)

"""Token counts that a tool spelled its own way: which of them are parts of others, and which come on top.

``Usage`` counts a cached token in the input and a reasoning token in the output. Tools do either. A total, if
there is one, tells which; a part larger than its whole is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.formats.values import count
from insource.types import Usage


def whole_usage(
    usage: Usage, *, total: int | None = None, more_input: int = 0, more_output: int = 0
) -> Usage:
    """Return the usage with parts that were counted apart added to the input or the output.

    ``total`` is the tool's own sum. ``more_input`` and ``more_output`` are further parts, for which ``Usage``
    has no field. What the total has beyond input and output is output, as in the gateway: reasoning that is
    counted nowhere else.
    """
    read, answered = usage.input_tokens, usage.output_tokens
    if read is None:
        return usage
    cached = (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
    thought = usage.reasoning_tokens or 0
    of_input = cached + (usage.audio_input_tokens or 0) + more_input
    of_output = thought + (usage.audio_output_tokens or 0) + more_output
    if answered is None:
        return _counted(usage, read if cached <= read else read + cached, None)
    sums = ((0, 0), (of_input, 0), (cached, 0), (0, of_output), (of_input, of_output))
    for whole_input, whole_output in ((read + more, answered + most) for more, most in sums):
        if whole_input + whole_output == total and cached <= whole_input and thought <= whole_output:
            return _counted(usage, whole_input, whole_output)
    if cached > read:
        read += cached
    if thought > answered:
        answered += thought
    return _counted(usage, read, answered if total is None else max(answered, total - read))


def _counted(usage: Usage, read: int, answered: int | None) -> Usage:
    return usage.model_copy(update={"input_tokens": count(read), "output_tokens": count(answered)})


def flat(counts: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Return the counts by name, those of nested details under ``outer_inner``."""
    found: dict[str, int] = {}
    for name, value in counts.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}_")
        elif (number := count(value)) is not None:
            found[f"{prefix}{name}"] = number
    return found

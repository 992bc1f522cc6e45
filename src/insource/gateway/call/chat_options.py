"""What a chat completion request asks of the answer beside its text: a format, and log-probabilities.

Source: the OpenAI API reference, ``response_format``, ``logprobs`` and ``top_logprobs``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from insource.contract.resolved import InvalidSchema
from insource.contract.validate import fits
from insource.gateway.call.caller_schemas import CostlySchema, require_cheap
from insource.gateway.call.openai_api import Logprobs
from insource.types import Completion, JsonSchema, OutputSpec

Accepts = Callable[[str], bool]
"""Whether a finished answer has the format that the caller asked for."""

# What OpenAI writes for a value whose probability is 0.
NEVER = -9999.0


def accepting(response_format: Any, output: OutputSpec) -> Accepts | None:
    """Return the check of a request's ``response_format``, None if this gateway cannot check it.

    ``output`` is the contract that the answer fits in any case. Labels are not JSON.
    """
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if response_format is None or kind == "text":
        return lambda text: True
    if not isinstance(output, JsonSchema):
        return None
    if kind == "json_object":
        return lambda text: _holds(text, lambda value: isinstance(value, dict))
    if kind != "json_schema":
        return None
    named = response_format.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        return None
    if schema in (output.definition, output.generated):
        return lambda text: True
    try:
        require_cheap(schema)
        fits(None, schema)
    except (CostlySchema, InvalidSchema):
        return None
    return lambda text: _holds(text, lambda value: fits(value, schema))


def logprobs_of(completion: Completion, top: int, spelled: Callable[[int], bytes] | None) -> Logprobs | None:
    """Return the log-probabilities of an answer with the ``top`` likeliest alternatives, None without any.

    A language model states those of its tokens, before the grammar is applied. A model for labels states
    those of the labels: its answer is one token, and the other labels are the alternatives.
    """
    if completion.tokens and spelled is not None:
        content = [
            _entry(token.bytes, token.logprob)
            | {"top_logprobs": [_entry(spelled(other), logprob) for other, logprob in token.top[:top]]}
            for token in completion.tokens
            if token.bytes
        ]
    elif completion.label_probabilities:
        labels = completion.label_probabilities
        likeliest = [_entry(label.encode(), _log(share)) for label, share in labels.items()][:top]
        answered = _entry(completion.text.encode(), _log(labels.get(completion.text, 0.0)))
        content = [answered | {"top_logprobs": likeliest}]
    else:
        return None
    return {"content": content, "refusal": None}


def _entry(spelling: bytes, logprob: float) -> dict[str, Any]:
    text = spelling.decode("utf-8", "replace")
    return {"token": text, "logprob": max(logprob, NEVER), "bytes": list(spelling)}


def _log(share: float) -> float:
    return math.log(share) if share > 0 else NEVER


def _holds(text: str, check: Callable[[Any], bool]) -> bool:
    """Return whether a text is JSON whose value passes the check."""
    try:
        return check(json.loads(text))
    except (ValueError, RecursionError):
        return False

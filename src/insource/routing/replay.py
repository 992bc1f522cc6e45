"""Replay the tokens of an answer through its grammar: what each token decided, and how surely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from insource.foundation.errors import IntegrityError
from insource.types import TokenLogprob

# When the allowed candidates together are less probable than this, the model wanted a token that the grammar
# forbids. Its preference among the others is then no evidence, and p̂ is 0.
TINY_MASS = 0.01


class Decision(NamedTuple):
    """What the choice of one token among others says.

    ``sure`` is p̂, its probability among the allowed candidates, ``runner_up`` that of the likeliest other one
    (0: there is none), ``mass`` the probability of all allowed candidates before the grammar, ``entropy`` the
    entropy among them in nats.
    """

    sure: float
    runner_up: float = 0.0
    mass: float = 1.0
    entropy: float = 0.0


OUTSIDE = Decision(sure=0.0, runner_up=1.0, mass=0.0)
"""A token that the grammar forbids, as an unconstrained answer may hold."""


def replayed(
    tokens: tuple[TokenLogprob, ...], grammar: str | None, tokenizer: Any | None
) -> list[Decision | None] | None:
    """Return the decision of every token, None for a token that decided nothing; None overall when candidates
    are missing: missing never means certain.

    ``tokenizer`` is the ``llguidance.LLTokenizer`` of the model that answered, required with a grammar.

    Raises:
        IntegrityError: ``tokenizer-mismatch`` when the tokens are not those of ``tokenizer``.
    """
    if not any(token.bytes for token in tokens) or any(not token.top for token in tokens):
        return None
    if grammar is None:
        return [_among(token, None) if token.bytes else None for token in tokens]
    if tokenizer is None:
        return None
    return list(_under_grammar(tokens, grammar, tokenizer))


def _under_grammar(
    tokens: tuple[TokenLogprob, ...], grammar: str, tokenizer: Any
) -> Iterator[Decision | None]:
    """Yield the decisions; ``OUTSIDE`` from where the answer leaves the grammar."""
    from llguidance import LLMatcher
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    matcher = LLMatcher(tokenizer, grammar, log_level=0)
    mask = allocate_token_bitmask(1, tokenizer.vocab_size)
    for token in tokens:
        if not token.bytes:  # the end marker
            yield None
            continue
        _check(token, tokenizer)
        # Where the grammar dictates the next bytes, the model has no choice: its probability means nothing.
        forced = bool(matcher.compute_ff_bytes().startswith(token.bytes))
        if not forced:
            fill_next_token_bitmask(matcher, mask)  # before the token is consumed: the mask of its own place
        if not matcher.consume_token(token.id):
            yield OUTSIDE
        # One bit a token, in words of 32. The view is unsigned, because bitwise_count counts the bits of the
        # absolute value. A single bit is a forced token, too, though several byte strings would be allowed.
        elif forced or int(np.bitwise_count(mask.view(np.uint32)).sum()) == 1:
            yield None
        else:
            yield _among(token, mask[0])


def _among(token: TokenLogprob, mask: Any | None) -> Decision:
    """Return the decision among the top candidates that the mask allows; all of them without a mask."""
    own = min(1.0, math.exp(token.logprob))  # single precision can round it to just above 0
    allowed = [
        math.exp(logprob)
        for candidate, logprob in token.top
        if candidate != token.id and (mask is None or int(mask[candidate // 32]) >> candidate % 32 & 1)
    ]
    mass = own + sum(allowed)
    if mask is None:  # nothing is forbidden: the raw probability is among all tokens
        return Decision(own, max(allowed, default=0.0), 1.0, _entropy([own, *allowed], mass))
    if mass < TINY_MASS:
        return Decision(0.0, max(allowed, default=0.0) / mass if mass else 0.0, mass, 0.0)
    entropy = _entropy([own, *allowed], mass)
    return Decision(own / mass, max(allowed, default=0.0) / mass, min(1.0, mass), entropy)


def _entropy(shares: list[float], mass: float) -> float:
    return -sum(share / mass * math.log(share / mass) for share in shares if share > 0) if mass > 0 else 0.0


def _check(token: TokenLogprob, tokenizer: Any) -> None:
    if token.id >= tokenizer.vocab_size or tokenizer.decode_bytes([token.id]) != token.bytes:
        raise IntegrityError(
            "tokenizer-mismatch",
            f"Token {token.id} is {token.bytes!r} in the answer but differs in the tokenizer: "
            "they belong to different models.",
            hint="Export the model again, so that the export has its tokenizer: insource export",
        )

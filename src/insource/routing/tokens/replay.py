"""Replay the tokens of an answer through its grammar: what each token decided, and how surely."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
        return [_unconstrained(token) if token.bytes else None for token in tokens]
    if tokenizer is None:
        return None
    return list(_under_grammar(tokens, grammar, tokenizer))


def _under_grammar(
    tokens: tuple[TokenLogprob, ...], grammar: str, tokenizer: Any
) -> Iterator[Decision | None]:
    """Yield the decisions; ``OUTSIDE`` from where the answer leaves the grammar."""
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, grammar, log_level=0)
    for token in tokens:
        if not token.bytes:  # the end marker
            yield None
            continue
        _check(token, tokenizer)
        # Where the grammar dictates the next bytes, the model has no choice: its probability means nothing.
        forced = bool(matcher.compute_ff_bytes().startswith(token.bytes))
        # What was allowed at a token's place has to be asked before the token is consumed.
        others = () if forced else tuple(_allowed(token, matcher, tokenizer.eos_token))
        forced = forced or (not others and _alone(token, matcher, tokenizer))
        if not matcher.consume_token(token.id):
            yield OUTSIDE
        else:
            yield None if forced else _among(token, others)


def _allowed(token: TokenLogprob, matcher: Any, stop: int) -> Iterator[float]:
    """Yield the probabilities of the other candidates that the grammar allows; ``stop`` ends an answer.

    Asking about twenty tokens takes a fraction of the time of the mask over the whole vocabulary.
    """
    for candidate, logprob in token.top:
        if candidate != token.id and allows(matcher, candidate, stop):
            yield math.exp(logprob)


def allows(matcher: Any, candidate: int, stop: int) -> bool:
    """Return whether a token may come next, as the mask of the grammar has it."""
    if candidate == stop:
        return bool(matcher.is_accepting())
    return bool(matcher.validate_tokens([candidate]) == 1)


def _alone(token: TokenLogprob, matcher: Any, tokenizer: Any) -> bool:
    """Return whether no other token of the whole vocabulary is allowed, though several byte strings may be.

    Where the token was not improbable without the grammar, p̂ is 1 either way, so it is not asked.
    """
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    if math.exp(token.logprob) >= TINY_MASS:
        return False
    mask = allocate_token_bitmask(1, tokenizer.vocab_size)
    fill_next_token_bitmask(matcher, mask)
    # One bit a token, in words of 32. The view is unsigned, because bitwise_count counts the bits of the
    # absolute value.
    return int(np.bitwise_count(mask.view(np.uint32)).sum()) == 1


def _among(token: TokenLogprob, others: Sequence[float]) -> Decision:
    """Return the decision for a token among the probabilities of the ``others`` that are allowed."""
    own = min(1.0, math.exp(token.logprob))  # single precision can round it to just above 0
    mass = own + sum(others)
    best = max(others, default=0.0)
    if mass < TINY_MASS:
        return Decision(0.0, best / mass if mass else 0.0, mass)
    return Decision(own / mass, best / mass, min(1.0, mass), _entropy((own, *others), mass))


def _unconstrained(token: TokenLogprob) -> Decision:
    """Return the decision where nothing is forbidden: the probability is among all tokens already."""
    own = min(1.0, math.exp(token.logprob))
    others = [math.exp(logprob) for candidate, logprob in token.top if candidate != token.id]
    return Decision(own, max(others, default=0.0), 1.0, _entropy((own, *others), own + sum(others)))


def _entropy(parts: Sequence[float], mass: float) -> float:
    """Return the entropy of parts of a mass: log m − Σ p log p / m."""
    logs = sum(part * math.log(part) for part in parts if part > 0)
    return max(0.0, math.log(mass) - logs / mass) if mass > 0 else 0.0


def _check(token: TokenLogprob, tokenizer: Any) -> None:
    if token.id >= tokenizer.vocab_size or tokenizer.decode_bytes([token.id]) != token.bytes:
        raise IntegrityError(
            "tokenizer-mismatch",
            f"Token {token.id} is {token.bytes!r} in the answer but differs in the tokenizer: "
            "they belong to different models.",
            hint="Export the model again, so that the export has its tokenizer: insource export",
        )

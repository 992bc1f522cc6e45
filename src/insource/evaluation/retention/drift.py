"""Measure how far two models' next tokens are apart: KL(base, tuned) in nats a token.

Along the base's own answers (teacher-forced), which shows what the adapter changed where nobody asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from insource.evaluation.estimators import Units, mean, quantile, rate
from insource.types import Completion, TokenLogprob
from insource.types.retention import AdapterOff, Drift

BANDS = (
    (0.005, "negligible: below what 5-bit weights change"),
    (0.02, "small: about what 5-bit weights change"),
    (0.07, "like heavy quantisation, to 3 bits"),
)
"""Upper ends in nats a token, after llama.cpp's figures for an 8B model: Q5_K_M .005, Q3_K_M .051."""
LARGE = "large: above what heavy quantisation changes"


class NextTokens(NamedTuple):
    """The likeliest next tokens of both models at one place, with their log-probabilities by token id."""

    prompt: int
    base: Mapping[int, float]
    tuned: Mapping[int, float]


def divergence(base: Mapping[int, float], tuned: Mapping[int, float]) -> float:
    """Return KL(base, tuned) in nats over the tokens that both list; all other tokens count as one.

    Joining outcomes never increases a divergence (data processing), so this is a lower bound.
    """
    common = base.keys() & tuned.keys()
    pairs = [(math.exp(base[token]), math.exp(tuned[token])) for token in common]
    rest = tuple(max(1.0 - sum(side), 1e-9) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
    cells = [*pairs, (rest[0], rest[1])]
    return max(0.0, math.fsum(p * math.log(p / q) for p, q in cells if p > 0 and q > 0))


def drift(prompts: Literal["task", "general"], places: Sequence[NextTokens]) -> Drift:
    """Return the drift over all places; those of one prompt are one unit."""
    nats = [divergence(place.base, place.tuned) for place in places]
    clusters = tuple(f"prompt {place.prompt}" for place in places)
    units = Units(clusters, len(set(clusters)))
    alike = [float(_first(place.base) == _first(place.tuned)) for place in places]
    found = mean(nats, units, share=False)
    note = "; ".join(filter(None, (found.note, "a lower bound")))
    return Drift(
        prompts=prompts,
        nats=found.model_copy(update={"note": note}),
        p99=quantile(nats, 0.99, "99th percentile over tokens"),
        same_first=rate(alike, units),
        band=band(found.value),
    )


def band(nats: float | None) -> str:
    """Return what loss through quantisation is of this size."""
    if nats is None:
        return "not measured"
    return next((name for end, name in BANDS if nats < end), LARGE)


def whole_tokens(said: Completion) -> list[TokenLogprob]:
    """Return an answer's tokens up to the first that is not listed with its candidates.

    An engine lists no token that ends within a character; what follows it has an unknown beginning.
    """
    whole, text = said.text.encode(), b""
    found = []
    for token in said.tokens:
        text += token.bytes
        if not token.top or not whole.startswith(text):
            break
        found.append(token)
    return found


def adapter_off(base: Sequence[Completion], off: Sequence[Completion]) -> AdapterOff:
    """Return whether the engine with its adapter off answers as one that never loaded it."""
    same = [float(one.text == other.text) for one, other in zip(base, off, strict=True)]
    differences = [
        abs(a.logprob - b.logprob)
        for one, other in zip(base, off, strict=True)
        for a, b in zip(one.tokens, other.tokens, strict=False)
        if one.text == other.text
    ]
    return AdapterOff(
        same=rate(same, Units(None, len(same))), largest_difference=max(differences, default=None)
    )


def _first(tokens: Mapping[int, float]) -> int:
    return max(tokens, key=lambda token: tokens[token])

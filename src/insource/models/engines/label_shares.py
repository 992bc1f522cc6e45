"""Probabilities over all labels of a task, as a language model has them under the grammar of its labels.

Labels are token sequences, each with the stop token at its end, and together a tree. At a branch, the
probabilities of the branches are made to sum to 1, as the grammar does during generation; where there is only
one way, its probability is 1. The probability of a label is the product along its way, so that all labels
together have 1.

A label counts as the tokens that the tokenizer makes of it, which are those that it was trained as. Under the
grammar the model could also spell it in other tokens; those have no part here.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from insource.models.protocol import Request
from insource.types import Completion

# What the labels that are left out may have together; and the requests at one document, after which more is
# left out. Four requests leave out less than UNSAID where a model is trained: the cap is for one that is not.
UNSAID = 0.001
MOST_REQUESTS = 32

Weigh = Callable[[tuple[int, ...], Sequence[int]], Mapping[int, float]]
"""From the tokens so far and those that may follow, to weights of the latter, in proportion."""


class LabelShares(NamedTuple):
    """``shares`` of the likeliest labels, in falling order, and how many ``requests`` they took."""

    shares: dict[str, float]
    requests: int


class SharesLabels(Protocol):
    """What knows the probabilities of labels, beside answering."""

    def label_shares(
        self, request: Request, labels: tuple[str, ...], stop: int, answer: Completion
    ) -> LabelShares:
        """Return the probabilities of the labels as the answer to a request; ``stop`` ends each.

        ``answer`` is the answer that the request had: what its tokens say is not asked again.
        """


def label_shares(
    sequences: Mapping[str, tuple[int, ...]],
    weigh: Weigh,
    known: Mapping[tuple[int, ...], Mapping[int, float]] | None = None,
) -> LabelShares:
    """Return the probabilities of labels by their token sequences, the likeliest way first.

    A branch costs one call of ``weigh``, unless ``known`` has weights of all its tokens. The walk ends when
    all that is left has less than ``UNSAID``, or after ``MOST_REQUESTS`` calls.

    Raises:
        ValueError: the sequence of a label is the beginning of another's.
    """
    names = {sequence: label for label, sequence in sequences.items()}
    children = _tree(sequences.values())
    if any(sequence in children for sequence in names):
        raise ValueError("a label has no end of its own")
    shares: dict[str, float] = {}
    requests, left = 0, 1.0
    heap: list[tuple[float, tuple[int, ...]]] = [(-1.0, ())]
    while heap and left > UNSAID:
        share, way = -heap[0][0], heap[0][1]
        if way in names:
            heapq.heappop(heap)
            shares[names[way]] = share
            left -= share
            continue
        after = children[way]
        weights = _known(known or {}, way, after)
        if weights is None:
            if requests == MOST_REQUESTS:
                break
            weights, requests = weigh(way, after), requests + 1
        heapq.heappop(heap)
        total = math.fsum(weights[token] for token in after)
        for token in after:
            heapq.heappush(heap, (-share * weights[token] / total, (*way, token)))
    return LabelShares(shares, requests)


def weights_of(answer: Completion) -> dict[tuple[int, ...], dict[int, float]]:
    """Return, for each place of an answer, the probabilities of the candidates that came with it."""
    if b"".join(token.bytes for token in answer.tokens) != answer.text.encode():
        return {}  # a token is missing: the engine lists none within a character
    ids = tuple(token.id for token in answer.tokens)
    return {
        ids[:place]: {other: math.exp(logprob) for other, logprob in token.top}
        for place, token in enumerate(answer.tokens)
    }


def _tree(sequences: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    children: dict[tuple[int, ...], dict[int, None]] = {}
    for sequence in sequences:
        for place, token in enumerate(sequence):
            children.setdefault(sequence[:place], {})[token] = None
    return {way: list(after) for way, after in children.items()}


def _known(
    known: Mapping[tuple[int, ...], Mapping[int, float]], way: tuple[int, ...], after: Sequence[int]
) -> Mapping[int, float] | None:
    if len(after) == 1:
        return {after[0]: 1.0}
    weights = known.get(way, {})
    return weights if all(weights.get(token) for token in after) else None

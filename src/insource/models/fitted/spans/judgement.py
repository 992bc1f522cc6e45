"""A label of the whole text, for values that no span spells: words of the document in a linear model."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insource.models.fitted.spans.context import hashed
from insource.models.fitted.spans.document import Document
from insource.models.fitted.spans.ranking import KEPT, Ranked

_CLIP = 12.0


def term_counts(document: Document) -> dict[int, int]:
    """Return how often each hashed term occurs: tokens, and pairs of them."""
    tokens = [token.folded for token in document.tokens if token.text != "\n"]
    pairs = (f"{one} {other}" for one, other in pairwise(tokens))
    return Counter(hashed([*tokens, *pairs]).tolist())


@dataclass(frozen=True)
class Judgement:
    """Multinomial logistic regression on TF-IDF of the terms at ``places``; ``labels`` may hold None.

    ``weights`` are labels × places, ``rarity`` the inverse document frequencies.
    """

    labels: tuple[Any, ...]
    places: NDArray[np.int32]
    rarity: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def probabilities(self, document: Document) -> NDArray[np.float64]:
        """Return the chance of each label."""
        values = np.zeros(len(self.places))
        for term, count in term_counts(document).items():
            if (column := self._columns.get(term)) is not None:
                values[column] = math.log1p(count) * self.rarity[column]
        norm = float(np.linalg.norm(values))
        scores = self.weights @ (values / norm if norm else values) + self.intercepts
        odds = np.exp(scores - scores.max())
        return np.asarray(odds / odds.sum(), dtype=np.float64)

    @cached_property
    def _columns(self) -> dict[int, int]:
        return {place: column for column, place in enumerate(self.places.tolist())}

    def rank(self, document: Document) -> tuple[Ranked, ...]:
        """Return the likeliest labels as ranked values, with the log-odds of each; None is no value."""
        chances = np.clip(self.probabilities(document), 1e-9, 1 - 1e-9)
        odds = np.clip(np.log(chances / (1 - chances)), -_CLIP, _CLIP)
        order = sorted(range(len(self.labels)), key=lambda k: (-odds[k], k))
        kept = [k for k in order if self.labels[k] is not None][:KEPT]
        end = len(document.text)
        return tuple(
            Ranked(self.labels[k], json.dumps(self.labels[k]), float(odds[k]), float(odds[k]), 0, end)
            for k in kept
        )

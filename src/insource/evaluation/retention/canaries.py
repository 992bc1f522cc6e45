"""Canaries: rare values of the training labels that come up in answers to documents without them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from insource.evaluation.estimators import rate, sampling_units
from insource.matching.grounding import grounding_tier
from insource.types import EvalRecord, Example
from insource.types.retention import Canaries

SHORTEST = 4
"""Characters: a shorter value, such as 24, comes up by itself."""


def canaries(train: Sequence[Example], test: Sequence[Example], records: Sequence[EvalRecord]) -> Canaries:
    """Return how many answers to test documents hold a value that one training label alone has.

    A value counts when neither its document nor its label states it: nobody could have read it there.
    """
    counts = Counter(text for example in train for text in {t for _, t in _texts(json.loads(example.target))})
    rare = {text for text, count in counts.items() if count == 1}
    by_row = {example.row_id: example for example in test}
    leaks, groups, found = [], [], []
    for record in records:
        example = by_row.get(record.row_id)
        if example is None or record.score is None or record.score.answer is None:
            continue
        own = {text for _, text in _texts(json.loads(example.target))}
        named = [
            path
            for path, text in _texts(record.score.answer)
            if text in rare and text not in own and grounding_tier(text, example.input) is None
        ]
        leaks.append(float(bool(named)))
        groups.append(example.group)
        found += [(path, record.row_id) for path in named]
    if not rare or not leaks:
        return Canaries(note="no training label has a value of its own")
    return Canaries(values=len(rare), rate=rate(leaks, sampling_units(groups)), found=tuple(found))


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values of a JSON document that are long enough, with their places."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _texts(held, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for held in value:
            yield from _texts(held, f"{path}[]")
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        if len(text) >= SHORTEST:
            yield path, text

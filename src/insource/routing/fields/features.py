"""The features of each field of an answer: its tokens, its value, its document."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from insource.matching.normal_forms import fold_text
from insource.routing.fields.habits import FieldValue, Habits
from insource.routing.tokens.evidence import LEAST_LOG, contract_path
from insource.types import Completion, TokenEvidence

Value = TypeVar("Value")
Floats = NDArray[np.float64]

TOKENS = ("mean", "tenth", "quarter", "total", "first", "margin", "mass", "entropy", "branches")
FEATURES = (
    "own", "own missing", *TOKENS, "tokens missing", "structure", "empty", "length", "items",
    "stands in the document", "parts in the document", "usual shape", "in range", "novelty",
    "document length", "another look", "another look missing",
)  # fmt: skip
"""The names of the features, in their order. ``own`` is the log odds of the confidence that the answer states
of the field: the least p̂ of a language model, the probability of a fitted one. ``structure`` is the least
log p̂ of the lists and objects around the field. ``another look`` is 1 where a second answer agrees."""

SECOND_LOOK = ("another look", "another look missing")
VALUE_CHECKS = ("empty", "stands in the document", "parts in the document", "usual shape", "in range")
"""The features that follow from the value and its document alone."""

MISSING = math.nan
"""What is not known. Where it is read, it stands for the mean, and its feature ``… missing`` is 1: a missing
log-probability must never look like a certain one."""

_PARTS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LEAST_ODDS = 1e-6


FURTHEST = 5.0
"""A feature counts for at most so many standard deviations: what hardly ever varied was not learned well."""


def standardised(x: Floats, center: Floats, scale: Floats) -> Floats:
    """Return features about their means, in standard deviations; what is missing stands for the mean."""
    return np.asarray(np.clip(np.nan_to_num((x - center) / scale), -FURTHEST, FURTHEST))


class Reading(NamedTuple):
    """A document as the features see it."""

    folded: str
    parts: frozenset[str]
    length: float
    novelty: float


def read(document: str, novelty: float) -> Reading:
    """Return a document, folded once for all of its fields."""
    folded = fold_text(document)
    return Reading(folded, frozenset(_parts(folded)), math.log1p(len(document)), novelty)


def features_of(
    fields: Sequence[FieldValue],
    completion: Completion,
    reading: Reading,
    habits: Habits,
    agrees: Mapping[str, bool] | None = None,
) -> list[list[float]]:
    """Return one row a field, shape (fields, ``len(FEATURES)``); what is not known is ``MISSING``.

    ``agrees`` says by field whether a second answer has the same values; None without one.
    """
    stated = _by_contract(completion.field_confidences)
    rows = []
    for path, values in fields:
        own = completion.confidence if not path else _nearest(stated, path)
        tokens = _nearest(completion.field_evidence, path)
        agreed = None if agrees is None else agrees.get(path)
        rows.append([
            *_flagged(None if own is None else _odds(own)),
            *_of_tokens(tokens),
            _structure(completion.field_evidence, path),
            *_of_values(values, reading),
            float(all(habits.usual_shape(path, value) for value in values)),
            float(all(habits.in_range(path, value) for value in values)),
            reading.novelty,
            reading.length,
            *_flagged(None if agreed is None else float(agreed)),
        ])  # fmt: skip
    return rows


def _flagged(value: float | None) -> tuple[float, float]:
    return (MISSING, 1.0) if value is None else (value, 0.0)


def _odds(probability: float) -> float:
    kept = min(max(probability, _LEAST_ODDS), 1 - _LEAST_ODDS)
    return math.log(kept / (1 - kept))


def _by_contract(confidences: Mapping[str, float]) -> dict[str, float]:
    """Return the least confidence of the items of a list together."""
    found: dict[str, float] = {}
    for path, sure in confidences.items():
        field = contract_path(path)
        found[field] = min(sure, found.get(field, 1.0))
    return found


def _nearest(held: Mapping[str, Value], path: str) -> Value | None:
    """Return what is held of a field, or else of what holds it: a list or object may be null as a whole."""
    while path not in held and path:
        path = _outer(path)
    return held.get(path)


def _outer(path: str) -> str:
    return path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]


def _of_tokens(tokens: TokenEvidence | None) -> list[float]:
    if tokens is None:
        return [MISSING] * len(TOKENS) + [1.0]
    found = [float(getattr(tokens, name)) for name in TOKENS]
    found[TOKENS.index("mass")] = max(math.log(max(tokens.mass, 1e-9)), LEAST_LOG)
    found[TOKENS.index("branches")] = math.log1p(tokens.branches)
    return [*found, 0.0]


def _structure(evidence: Mapping[str, TokenEvidence], path: str) -> float:
    least, inner = 0.0, path
    while path:
        path = _outer(path)
        if (found := evidence.get(path)) is not None and path != inner:
            least = min(least, found.least)
    return least


def _of_values(values: Sequence[Any], reading: Reading) -> list[float]:
    if not values:
        return [1.0, 0.0, 0.0, 1.0, 1.0]
    texts = [value if isinstance(value, str) else _written(value) for value in values]
    folded = [fold_text(text) for text in texts]
    parts = [part for text in folded for part in _parts(text)]
    return [
        0.0,
        math.log1p(sum(map(len, texts))),
        math.log1p(len(texts)),
        sum(text in reading.folded for text in folded) / len(folded),
        sum(part in reading.parts for part in parts) / len(parts) if parts else 1.0,
    ]


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parts(text: str) -> list[str]:
    """Return the numbers and words of a text; a number without leading zeros, as dates are written."""
    return [part.lstrip("0") or "0" if part[0].isdigit() else part for part in _PARTS.findall(text)]

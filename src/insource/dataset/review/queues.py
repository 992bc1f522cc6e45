"""Order the rows for review: which to show first, and why."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from insource.contract.places import valid_place
from insource.dataset.checks.row_view import RowView
from insource.dataset.checks.ungrounded_values import is_grounded
from insource.dataset.review.fields import AnswerField, fields_of, schema_of
from insource.formats.strict_json import as_object
from insource.foundation import canonical
from insource.matching.align import align
from insource.similarity.normal_text import normalised
from insource.types import Labels, OutputSpec, Row

QueueName = Literal[
    "disagreements", "to-label", "waiting", "low-confidence", "ungrounded", "audit", "contested", "all"
]
QUEUES: Mapping[QueueName, str] = {
    "disagreements": "models against the label or each other, nearly the same input with other labels",
    "to-label": "what a decision named to be labelled next, the most telling first",
    "waiting": "doubtful answers that were served and wait for a person, in the order of the calls",
    "low-confidence": "rows by their confidence, lowest first",
    "ungrounded": "values that cannot be found in their document",
    "audit": "rows in a random order that the seed fixes",
    "contested": "rows that reviewers decided differently, each other's decisions shown",
    "all": "every row, in the order of the source",
}
Answers = Mapping[str, Mapping[str, str]]
"""Logged answers by row id and model."""

Indices = NDArray[np.int64]
_AGREES = {"correct", "correctly_empty"}


Contradictions = Mapping[bytes, Sequence[int]]
"""The places of rows with nearly the same input and not all the same answer, by ``near_key``."""


def ordered(
    name: QueueName,
    rows: Iterable[Row],
    contract: OutputSpec,
    draws: NDArray[np.uint64],
    answers: Answers,
    contradictions: Contradictions,
    ranked: Sequence[str] = (),
) -> Indices:
    """Return the places of a queue's rows, the most telling first; ``contested`` is as ``all``.

    ``draws`` has a random number a row, ``ranked`` the row ids of ``to-label`` or ``waiting``.
    ``rows`` is read once, and one number a row is held.
    """
    if name == "audit":
        return np.argsort(draws, kind="stable").astype(np.int64)
    if name in ("all", "contested"):
        return np.arange(len(draws), dtype=np.int64)
    if name in ("to-label", "waiting"):
        wanted = {row_id: rank for rank, row_id in enumerate(ranked)}
        scores = np.fromiter((-wanted.get(row.row_id, math.inf) for row in rows), float)
        least = -math.inf
    elif name == "low-confidence":
        scores = np.fromiter(
            (-math.inf if row.confidence is None else -row.confidence for row in rows), float
        )
        least = -math.inf
    else:
        scores = np.fromiter(_scores(name, rows, contract, answers, contradictions), float)
        least = 0.0
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    telling: Indices = order[scores[order] > least]
    return telling


def disputes(row: Row, contract: OutputSpec, outputs: Mapping[str, str]) -> tuple[float, float]:
    """Return how far models differ from the label, and from each other: shares of fields, between 0 and 1."""
    label = [_difference(row.output, text, row, contract) for text in outputs.values()]
    pairs = [
        _difference(one, other, row, contract) for one, other in combinations(list(outputs.values())[:4], 2)
    ]
    return max(label, default=0.0), max(pairs, default=0.0)


def missing_values(field: AnswerField, view: RowView) -> tuple[str | int | float, ...]:
    """Return the values of a field that have to stand in the document and do not, as the check judges it.

    Members of an enumeration, booleans and labels are judgements, not quotations.
    """
    if field.choices:
        return ()
    return tuple(value for value in scalars(field.value) if not is_grounded(view, value, field.comparator))


def scalars(value: Any) -> Iterator[str | int | float]:
    """Yield the texts and numbers of a value, in order, through lists and objects."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from scalars(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
        yield value


def near_key(row: Row) -> bytes:
    """Equal for inputs that differ in case, spacing and punctuation only."""
    words = "".join(c if c.isalnum() else " " for c in normalised(row.input))
    return _hashed(" ".join(words.split()), row.attributes)


def contradictions(rows: Iterable[Row]) -> Contradictions:
    """Read the rows once; a hash of input and answer is held for each."""
    first: dict[bytes, tuple[int, bytes]] = {}
    found: dict[bytes, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        key, answer = near_key(row), _hashed(_said(row.output))
        place, said = first.setdefault(key, (index, answer))
        if said != answer:
            found[key] = [*(found[key] or [place]), index]
    return dict(found)


def _scores(
    name: str, rows: Iterable[Row], contract: OutputSpec, answers: Answers, contradicted: Contradictions
) -> Iterator[float]:
    for row in rows:
        if name == "ungrounded":
            judged = isinstance(contract, Labels) and row.contract is None
            view = RowView(row)
            yield 0.0 if judged else sum(bool(missing_values(one, view)) for one in fields_of(row, contract))
        else:
            against, between = disputes(row, contract, {**row.cloud_outputs, **answers.get(row.row_id, {})})
            yield 2.0 * (near_key(row) in contradicted) + against + between / 2


def _difference(one: str | dict[str, Any], other: str, row: Row, contract: OutputSpec) -> float:
    schema, left, right = schema_of(row, contract), as_object(one), as_object(other)
    if left is None or right is None or not valid_place(schema):
        return float(_said(one) != _said(other))
    if left == right:
        return 0.0  # as most answers are; aligning them is the work
    slots = align(left, right, schema, absent="unscored" if row.attributes is not None else "null")
    return sum(slot.bucket not in _AGREES for slot in slots) / max(1, len(slots))


def _said(output: str | dict[str, Any]) -> Any:
    found = as_object(output)
    return str(output).strip() if found is None else found


def _hashed(*parts: Any) -> bytes:
    return blake2b(canonical.dumps(parts).encode(), digest_size=16).digest()

"""Label the documents on which two models differ first: the others add nothing to the difference.

Answers that are equal under the comparators are right or wrong together. The full paired difference
therefore follows from labels of the differing documents alone, or of a random sample of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from insource.evaluation.metrics import LOWER_IS_BETTER, document_value
from insource.evaluation.predictions.prediction import Prediction
from insource.evaluation.scorers import Scorer, build_scorer
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError
from insource.foundation.rng import generator
from insource.stats.two_phase import labels_needed, two_phase_mean
from insource.types import Completion, Estimate, EvalRecord, Example, Task

METHOD = "t over a random sample of the differing documents"


class Queue(NamedTuple):
    """The documents on which two models differ, in a random order that the seed fixes, of ``documents``.

    Whoever labels it from the top labels a random sample, however far they get.
    """

    differing: tuple[tuple[Prediction, Prediction], ...]
    documents: int


class Labelled(NamedTuple):
    """The difference, candidate minus baseline, and the labels that are still needed.

    ``labels`` of ``differing`` documents are labelled. ``left`` are those still needed for a verdict at the
    margin if the difference stays as it is, 0 when it is settled, None when labels alone will not do.
    """

    difference: Estimate
    labels: int
    differing: int
    left: int | None


def queue(
    first: Mapping[str, Prediction], second: Mapping[str, Prediction], task: Task, seed: int = 0
) -> Queue:
    """Return the documents that both models answered and on which their answers differ.

    Raises:
        DataError: ``no-common-documents``.
    """
    common = [row for row in first if row in second]
    if not common:
        raise DataError(
            "no-common-documents",
            "The two models have no document in common.",
            hint="Compare predictions with the same `id` for the same document.",
        )
    scorer = build_scorer(task)
    differing = [row for row in sorted(common) if not _same(first[row], second[row], scorer)]
    order = generator(seed, "evaluation.labelling").permutation(len(differing))
    return Queue(
        tuple((first[differing[at]], second[differing[at]]) for at in order),
        len(common),
    )


def estimate_from(found: Queue, gold: Mapping[str, str], task: Task) -> Labelled:
    """Estimate the difference of the task's primary metric from the labels of the queue's documents.

    Raises:
        DataError: ``labels-not-from-the-top`` when labels leave out documents that stand before them: a
            choice of documents is no random sample.
    """
    ids = [one.id for one, _ in found.differing]
    labelled = [row for row in ids if row in gold]
    if labelled != ids[: len(labelled)]:
        left_out = next(row for row in ids if row not in gold)
        raise DataError(
            "labels-not-from-the-top",
            f"The document {left_out} has no label, but documents below it have.",
            hint="Label the queue from the top, without leaving one out: only then it is a random sample.",
        )
    scorer = build_scorer(task)
    sign = -1.0 if task.primary_metric in LOWER_IS_BETTER else 1.0
    gains = []
    for first, second in found.differing[: len(labelled)]:
        values = [_value(one, gold[first.id], task, scorer) for one in (first, second)]
        gains.append(values[0] - values[1])
    result = two_phase_mean(gains, len(ids), found.documents)
    interval = result.interval
    difference = Estimate(
        value=None if labelled == [] and ids else result.value,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        confidence=0.95,
        n=found.documents,
        method=METHOD,
    )
    return Labelled(
        difference,
        len(labelled),
        len(ids),
        _left([sign * gain for gain in gains], found, difference, task.margin, sign),
    )


def _left(
    gains: Sequence[float], found: Queue, difference: Estimate, margin: float, sign: float
) -> int | None:
    if difference.low is None or difference.high is None or difference.value is None:
        return None
    low, high = sorted((sign * difference.low, sign * difference.high))
    if low > -margin or high < 0:
        return 0
    if len(gains) == len(found.differing):
        return None
    value = sign * difference.value
    needed = labels_needed(gains, len(found.differing), found.documents, max(value + margin, -value))
    return None if needed is None else max(needed - len(gains), 1)


def _same(one: Prediction, other: Prediction, scorer: Scorer) -> bool:
    if one.output is None or other.output is None:
        return one.output is other.output
    if one.output == other.output:
        return True
    try:
        score = scorer(_example(one, one.output), Completion(text=other.output))
    except DataError:  # the first answer is no JSON, so it cannot be the second one's label
        return False
    return bool(score.exact)


def _value(one: Prediction, target: str, task: Task, scorer: Scorer) -> float:
    if one.output is None:
        record = EvalRecord(row_id=one.id, status="failed", reason=one.reason)
    else:
        score = scorer(_example(one, target), Completion(text=one.output))
        record = EvalRecord(row_id=one.id, status="scored", score=score)
    return document_value(record, task.primary_metric) or 0.0


def _example(one: Prediction, target: str) -> Example:
    return Example(
        row_id=one.id, digest=digest(one.id), input=one.input, target=target, provenance={"source": "queue"}
    )

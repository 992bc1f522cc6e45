"""Answers of models that were trained on more and more rows, by a law that the test has planted."""

import numpy as np
from scipy.special import ndtr

from insource.decision.sufficiency.losses import Asked
from insource.foundation.rng import generator
from insource.types import EvalRecord, Score, SlotScore

SIZES = (50, 100, 200, 400, 800)
FORMATS = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
ALIKE = 0.6
"""How far the same documents are wrong after each training: the correlation of what decides it."""


def asked_of(
    error,
    *,
    sizes=SIZES,
    orders=3,
    documents=300,
    seed=0,
    spread=0.01,
    labels=("a",),
    groups=None,
    fields=(),
):
    """``Asked`` for each size and order; ``error(rows)`` is the true error, or ``error(rows, label)``.

    ``spread`` is the standard deviation of the true error over trainings. The largest size has one order. In
    ``fields``, each document has a slot of each, wrong independently of the others.
    """
    rng = generator(seed, "learning-curves")
    parts = fields or ("(label)",)
    hard = rng.normal(size=(documents, len(parts)))
    found = []
    for rows in sizes:
        for order in range(orders if rows < sizes[-1] else 1):
            shift = spread * rng.normal()
            noise = np.sqrt(ALIKE) * hard + np.sqrt(1 - ALIKE) * rng.normal(size=hard.shape)
            records = []
            for at in range(documents):
                label = labels[at % len(labels)]
                wrong = [
                    bool(ndtr(noise[at, place]) < _rate(error, rows, part if fields else label, shift))
                    for place, part in enumerate(parts)
                ]
                records.append(_record(at, label, parts, wrong, groups[at] if groups else None))
            counts = {label: rows // len(labels) for label in labels}
            found.append(Asked(rows, order, records, counts))
    return found


def _rate(error, rows, part, shift):
    value = error(rows, part) if error.__code__.co_argcount == 2 else error(rows)
    return min(max(value + shift, 1e-4), 1 - 1e-4)


def _record(at, label, parts, wrong, group):
    slots = tuple(
        SlotScore(
            path=part,
            bucket="wrong" if bad else "correct",
            gold=label if part == "(label)" else "x",
            predicted="?" if bad else "x",
        )
        for part, bad in zip(parts, wrong, strict=True)
    )
    score = Score(slots=slots, exact=not any(wrong), **FORMATS)
    return EvalRecord(row_id=f"d{at}", group=group, status="scored", score=score)


def law(floor, scale, exponent):
    """The three-parameter law as a function of the rows."""
    return lambda rows: floor + scale * rows**-exponent

"""How much data: what a fit of the classical arms takes, and how far predictions of a curve are off.

Made data, seeded: invoices in eight layouts for fields, tickets for labels; planted laws for the predictions.
A prediction has to be better than "no change"; a simulation of the same kind had 2.5 and 4.0 points.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from claims import Claims, parser

from insource.arms.classical.label_fit import LabelRows, fit_labels
from insource.arms.classical.spans.fit import fit_spans
from insource.arms.folds import units_of
from insource.dataset.rows.examples import example_of
from insource.dataset.rows.records import row_of
from insource.dataset.rows.targets import Targets
from insource.decision.sufficiency.curve import FURTHEST, Fitted, shape_of
from insource.decision.sufficiency.losses import drawn, losses
from insource.evaluation.gold.leaves import leaves_of
from insource.foundation.rng import generator
from insource.models.fitted.labels import NGRAMS
from insource.types import Example, JsonSchema, Task

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.learning_curves import SIZES, asked_of, law
from support.made_invoices import SCHEMA, generate
from support.tickets import examples, tickets

FIELDS = len(leaves_of(JsonSchema(definition=SCHEMA)))


def fit_claims(claims: Claims, sizes: tuple[int, ...]) -> None:
    """Add the seconds of a fit, and the rows, times fields or labels, of a second."""
    task = Task(name="invoices", instruction="", output=JsonSchema(definition=SCHEMA))
    targets, rows = Targets(task.output, "null"), []
    for line, record in enumerate(generate({"train": max(sizes)}, 0), 1):
        row = row_of(record, line=line, source="made")
        rows.append(example_of(row, targets.of(row)))
    texts = examples(tickets(10 * max(sizes)))
    fit_spans(task, rows[:20])  # loads the libraries
    for size in sizes:
        begun = time.monotonic()
        fit_spans(task, rows[:size])
        _add(claims, "fields", rows[:size], FIELDS, begun)
    for size in sizes:
        some = texts[: 10 * size]
        begun = time.monotonic()
        found = LabelRows([one.input for one in some], [one.target for one in some], units_of(some))
        fit_labels(found, (NGRAMS,), None)
        _add(claims, "labels", some, len({one.target for one in some}), begun)


def _add(
    claims: Claims, kind: str, rows: tuple[Example, ...] | list[Example], columns: int, begun: float
) -> None:
    took = time.monotonic() - begun
    claims.add(f"{kind}, {len(rows):,} rows", took, "s")
    claims.add("  rows times fields or labels a second", columns * len(rows) / took, "")


def prediction_claims(claims: Claims, runs: int, orders: int) -> None:
    """Add how far predictions at four times the rows are off, in points, and how often the band covers."""
    random, at = generator(1, f"bench.sufficiency.{orders}"), FURTHEST * SIZES[-1]
    off, flat, covered, refused = [], [], [], []
    for run in range(runs):
        floor, exponent = random.uniform(0.02, 0.15), random.uniform(0.3, 0.8)
        truth = law(floor, (random.uniform(0.25, 0.5) - floor) * SIZES[0] ** exponent, exponent)
        found = losses(asked_of(truth, orders=orders, seed=run), "accuracy")
        draws = drawn(found, run, "curve")
        fitted = Fitted(found, draws)
        predicted = fitted.quality_at(at)
        off.append(100 * (1 - (predicted.value or 0.0) - truth(at)))
        flat.append(100 * (draws.observed[-1] - truth(at)))
        covered.append((predicted.low or 0.0) <= 1 - truth(at) <= (predicted.high or 0.0))
        refused.append(shape_of(found, draws).verdict != "monotone and convex" or bool(fitted.misses()))
    name = f"{SIZES[0]} to {SIZES[-1]} rows seen, {at:,} predicted, {orders} trainings a size"
    claims.add(f"{name}: error", _rms(off), "points (rms)", at_most=_rms(flat))
    claims.add("  of it, mean: negative promises too much", float(np.mean(off)), "points")
    claims.add('  error of "no change"', _rms(flat), "points (rms)")
    claims.add("  the 95 % band covers the truth", float(np.mean(covered)), "of curves", at_least=0.93)
    claims.add(
        "  refused: by the test of the shape, or the law misses the last point",
        float(np.mean(refused)),
        "of curves",
        at_most=0.05,
    )


def _rms(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    arguments = parser(__doc__).parse_args()
    claims = Claims()
    fit_claims(claims, (20, 80) if arguments.quick else (20, 80, 320, 640))
    for orders in (3, 1):
        prediction_claims(claims, 40 if arguments.quick else 300, orders)
    claims.write(arguments.json)


if __name__ == "__main__":
    main()

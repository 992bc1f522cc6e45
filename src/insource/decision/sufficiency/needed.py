"""How many more examples reach a target: overall, for a label, for a field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from insource.decision.sufficiency.curve import FURTHEST, Fitted, shape_of
from insource.decision.sufficiency.losses import FEWEST_DOCUMENTS, Asked, Drawn, Losses, drawn, losses
from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.metrics import UNDECLARED
from insource.evaluation.scorers import LABEL, TEXT
from insource.matching.acceptable import RIGHT
from insource.types import Estimate, EvalRecord
from insource.types.sufficiency import Needed, Part

BY_PART = "field_accuracy"


def needed(
    asked: Sequence[Asked], metric: str, target: float, *, of_parts: float | None, seed: int = 0
) -> tuple[Needed, ...]:
    """Return what ``target`` takes overall, then by label and by field where ``of_parts`` is not reached.

    ``of_parts`` is a share of right answers, None to ask of no part. Parts with too few documents are left
    out, the worst come first.
    """
    overall = more_examples(losses(asked, metric), "all", "", target, seed)
    parts = list(_parts(asked, of_parts, seed)) if of_parts is not None else []
    return (overall, *sorted(parts, key=lambda one: one.now.value or 0.0))


def more_examples(found: Losses, part: Part, name: str, target: float, seed: int = 0) -> Needed:
    """Return how many more examples reach ``target``, or the reason why that cannot be said."""
    said = Needed(
        part=part,
        name=name,
        target=target,
        now=found.point(-1) if found.documents else Estimate(value=None, method="not measured"),
        rows=round(found.rows[-1]) if found.rows else 0,
    )
    reached = said.now.value is not None and gain_sign(found.metric) * (said.now.value - target) >= 0
    if reached:
        return _worded(
            said.model_copy(update={"more": Estimate(value=0, low=0, n=found.documents, method="measured")})
        )
    if refused := found.why_not():
        return _worded(said.model_copy(update={"refused": refused}))
    draws = drawn(found, seed, f"needed.{part}.{name}")
    shape = shape_of(found, draws)
    if shape.verdict != "monotone and convex":
        return _worded(said.model_copy(update={"refused": shape.sentence.rstrip(".")}))
    return _worded(said.model_copy(update=_more(found, draws, target)))


def _more(found: Losses, draws: Drawn, target: float) -> dict[str, object]:
    fitted, rows = Fitted(found, draws), found.rows[-1]
    if missed := fitted.misses():
        return {"refused": missed}
    value, drawn_rows = fitted.rows_for(target)
    low, high = np.quantile(drawn_rows, [0.025, 0.975], method="inverted_cdf")
    furthest = FURTHEST * rows
    if value > furthest:
        at = fitted.quality_at(furthest)
        band = f"{_shown(at.value)} ({_shown(at.low)} to {_shown(at.high)})"
        return {
            "refused": f"at {furthest:,.0f} examples, {FURTHEST} times those of today, {band} is to be "
            "expected, short of it; nothing is extrapolated further"
        }
    beyond = high > furthest
    return {
        "more": Estimate(
            value=max(math.ceil(value - rows), 1),
            low=max(math.ceil(low - rows), 0),
            high=None if beyond else max(math.ceil(high - rows), 1),
            n=found.documents,
            method=f"three-parameter power law, {draws.method}",
            note=f"the upper end lies beyond {FURTHEST} times the examples of today" if beyond else "",
        )
    }


def _worded(said: Needed) -> Needed:
    what = {"all": "", "label": f" for the label {said.name}", "field": f" for the field {said.name}"}[
        said.part
    ]
    of = f" of the label {said.name}" if said.part == "label" else ""
    if said.refused:
        sentence = f"How many more examples reach {_shown(said.target)}{what} cannot be said: {said.refused}."
    elif said.more.value == 0:
        band = f"{_shown(said.now.value)} ({_shown(said.now.low)} to {_shown(said.now.high)})"
        sentence = (
            f"{_shown(said.target)}{what} is reached with the {said.rows:,} examples{of} of today: {band} on "
            f"{said.now.n:,} documents."
        )
    else:
        beyond = f"beyond {(FURTHEST - 1) * said.rows:,}"
        high = beyond if said.more.high is None else f"{said.more.high:,.0f}"
        examples = "example" if said.more.value == 1 else "examples"
        sentence = (
            f"About {said.more.value:,.0f} more {examples}{of} ({said.more.low:,.0f} to {high}) beside the "
            f"{said.rows:,} of today reach {_shown(said.target)}{what}."
        )
    return said.model_copy(update={"sentence": sentence})


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _parts(asked: Sequence[Asked], target: float, seed: int) -> Iterator[Needed]:
    """Yield the parts that miss the target and have documents enough to be judged."""
    last = max(asked, key=lambda one: one.rows).records
    slots = [slot for record in last if record.score for slot in record.score.slots]
    labels = dict.fromkeys(slot.gold for slot in slots if slot.path == LABEL)
    fields = dict.fromkeys(
        slot.path for slot in slots if slot.path not in (LABEL, TEXT) and not slot.path.endswith(UNDECLARED)
    )
    for label in labels:
        found = losses(asked, BY_PART, value=_of_label(label), rows=_with_label(label))
        if _missed(found, target):
            yield more_examples(found, "label", str(label), target, seed)
    for field in fields:
        found = losses(asked, BY_PART, value=_of_field(field))
        if _missed(found, target):
            yield more_examples(found, "field", field, target, seed)


def _missed(found: Losses, target: float) -> bool:
    if not found.rows or found.documents < FEWEST_DOCUMENTS:
        return False
    value = found.point(-1).value
    return value is not None and value < target


def _with_label(label: object) -> Callable[[Asked], int]:
    return lambda one: one.labels.get(str(label), 0)


def _of_label(label: object) -> Callable[[EvalRecord], float | None]:
    def value(record: EvalRecord) -> float | None:
        slots = record.score.slots if record.score else ()
        if not slots or slots[0].path != LABEL or slots[0].gold != label:
            return None
        return float(slots[0].bucket in RIGHT)

    return value


def _of_field(field: str) -> Callable[[EvalRecord], float | None]:
    def value(record: EvalRecord) -> float | None:
        slots = [slot for slot in record.score.slots if slot.path == field] if record.score else []
        return sum(slot.bucket in RIGHT for slot in slots) / len(slots) if slots else None

    return value

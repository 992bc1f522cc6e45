"""Turn predictions into the records of arms, judged by the gold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from insource.contract.infer import infer_output
from insource.evaluation.predictions.prediction import Prediction
from insource.evaluation.scorers import TEXT, build_scorer
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError, UserError
from insource.types import Arm, Completion, EvalRecord, Example, Score, SlotScore, Task, Text


class Judged(NamedTuple):
    """The records of each model that was asked for. ``without_gold`` documents could not be judged."""

    arms: dict[str, tuple[Arm, tuple[EvalRecord, ...]]]
    without_gold: int


def gold_of(predictions: Iterable[Prediction]) -> dict[str, str]:
    """Return the gold that the files hold, by document.

    Raises:
        DataError: ``gold-differs`` when two files disagree about a document.
    """
    gold: dict[str, str] = {}
    for one in predictions:
        if one.target is None:
            continue
        if gold.setdefault(one.id, one.target) != one.target:
            raise DataError(
                "gold-differs",
                f"The files hold different gold for the document {one.id}.",
                details=(gold[one.id], one.target),
                hint="Give the right gold in a file of its own: --gold FILE",
            )
    return gold


def task_of(gold: Mapping[str, str], name: str = "predictions") -> Task:
    """Return a task whose output contract is what these answers come to: JSON, labels or text."""
    output = infer_output(gold.values())
    metric = {"json": "field_accuracy", "labels": "accuracy", "text": "exact_match"}[output.kind]
    return Task(name=name, instruction="", output=output, primary_metric=metric)


def judge(
    predictions: Sequence[Prediction], gold: Mapping[str, str], task: Task, wanted: Iterable[str]
) -> Judged:
    """Score the predictions of the models ``wanted`` against the gold.

    A document without gold is left out. Where no document has gold, each is judged as the other tool did. A
    failed call counts as a failure; a document that is not in a model's file has no record.

    Raises:
        UserError: ``no-such-arm``.
        DataError: ``missing-gold`` when nothing can be judged.
    """
    by_model: dict[str, dict[str, Prediction]] = {}
    for one in predictions:
        by_model.setdefault(one.model, {})[one.id] = one
    names = list(dict.fromkeys(wanted))
    for name in names:
        require_known(name, by_model)
    asked = dict.fromkeys(row for name in names for row in by_model[name])
    by_tool = not gold
    known = [
        row
        for row in asked
        if row in gold
        or (by_tool and all(by_model[name][row].right is not None for name in names if row in by_model[name]))
    ]
    if not known:
        raise DataError(
            "missing-gold",
            "No document of these predictions has gold, so nothing can be judged.",
            hint="Give the right answers as JSON Lines or CSV with `id` and `output`: --gold FILE",
        )
    scorer = build_scorer(task)
    # A document has one group, whichever file names it.
    groups = {one.id: one.group for one in predictions if one.group is not None}

    def record(name: str, row: str) -> EvalRecord:
        found, group = by_model[name][row], groups.get(row)
        if found.output is None:
            return EvalRecord(row_id=row, group=group, status="failed", reason=found.reason)
        completion = Completion(text=found.output, model=name)
        score = _as_judged(found) if by_tool else scorer(_example(row, found, gold[row]), completion)
        return EvalRecord(row_id=row, group=group, status="scored", completion=completion, score=score)

    def arm(name: str) -> Arm:
        return Arm(
            name=name, model=name, kind="prediction", role="candidate", description="answers from a file"
        )

    records = {name: tuple(record(name, row) for row in known if row in by_model[name]) for name in names}
    arms = {name: (arm(name), found) for name, found in records.items()}
    return Judged(arms, len(asked) - len(known))


def require_known(name: str, by_model: Mapping[str, object]) -> None:
    """Raise ``no-such-arm`` when the files have no predictions of this model."""
    if name not in by_model:
        raise UserError(
            "no-such-arm",
            f"The files have no predictions of `{name}`.",
            details=(f"They have: {', '.join(by_model)}.",),
            hint="Name a model as the files do, or give one: --predictions NAME=FILE",
        )


def _example(row: str, found: Prediction, target: str) -> Example:
    return Example(
        row_id=row, digest=digest(row), input=found.input, target=target, provenance={"source": "predictions"}
    )


def _as_judged(found: Prediction) -> Score:
    """Return the other tool's judgement as a score of one slot."""
    right = bool(found.right)
    slot = SlotScore(path=TEXT, bucket="correct" if right else "wrong", predicted=found.output)
    return Score(slots=(slot,), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=right)


TEXT_TASK = Task(name="predictions", instruction="", output=Text(), primary_metric="exact_match")
"""The task of predictions that only the other tool judged."""

"""Extraction without a language model: candidate values of a document, ranked field by field.

Candidates are typed by the schema. A linear model over hashed features of their context ranks them, a second
one sees what the other fields claim, and the chance of no value is calibrated. ``arms/spans`` fits it,
``models/fitted/spans`` answers.
"""

from __future__ import annotations

from typing import Any

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.fitting import Fit, Found, fitted_plan
from insource.evaluation.metrics import document_value, estimate
from insource.evaluation.plan import ArmPlan
from insource.types import NOT_MEASURED, Arm, Estimate, EvalRecord, Example, Score, Task
from insource.types.evaluation import Effort

KIND, NAME = "classical fields", "span ranking"
VERSION = 1
MIN_ROWS = 1


def plans(inputs: ArmInputs) -> tuple[ArmPlan]:
    """Return the one plan, fitted to the training split."""
    arm = Arm(
        name=NAME,
        model=NAME,
        kind=KIND,
        role="candidate",
        local=True,
        description="ranks the values that stand in the document; linear, fitted to the training split",
        cost_per_1000_usd=0.0,
        cost_basis="milliseconds on this machine's processor",
    )
    return (
        fitted_plan(inputs, Fit(arm, _settings(), VERSION, ("scikit-learn", "numpy"), lambda: _fit(inputs))),
    )


def _fit(inputs: ArmInputs) -> Found:
    from insource.arms.classical.spans.fit import fit_spans

    found = fit_spans(inputs.task, inputs.dataset.splits["train"])
    settings = {"spans": "one setting, fixed before any document was seen"}
    if found.judged:
        settings["label of the whole text"] = ", ".join(found.judged)
    return Found(
        found.model,
        Effort(validation_evaluations=found.compared, settings=settings),
        expected_of(inputs.task, found.held_out),
    )


def expected_of(task: Task, held_out: tuple[tuple[Example, Score], ...]) -> Estimate:
    """Return the primary metric over the training rows, each answered by a model that had not seen its group.

    The result is not measured for a metric that has no value by document, or without rows to hold out.
    """
    records = [
        EvalRecord(row_id=example.row_id, group=example.group, status="scored", score=score)
        for example, score in held_out
    ]
    try:
        valued = [(record.group, document_value(record, task.primary_metric)) for record in records]
    except KeyError:
        return NOT_MEASURED
    kept = [(group, value) for group, value in valued if value is not None]
    if not kept:
        return NOT_MEASURED
    found = estimate([value for _, value in kept], [group for group, _ in kept], task.primary_metric)
    return found.model_copy(update={"method": f"{found.method}; cross-validation on the training split"})


def _settings() -> dict[str, Any]:
    from insource.arms.classical.spans import folds, judging, rankers

    return {
        "folds": folds.FOLDS,
        "C": [rankers.STRENGTH, judging.RERANK_STRENGTH, judging.OUTCOME_STRENGTH],
        "negatives": [rankers.NEGATIVES, rankers.HARD_NEGATIVES],
    }


FACTORY = ArmFactory(KIND, "candidate", plans, ArmNeeds(rows=MIN_ROWS, outputs=("json",)), early=True)

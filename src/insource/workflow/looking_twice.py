"""Look twice at the doubtful answers of the chosen arm, in an evaluation as in serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from insource.evaluation.plan import ArmPlan
from insource.evaluation.stage import Evaluated
from insource.routing.ways.second_look import SecondLookModel, in_grey_zone, looked_again, second_request
from insource.types import Completion, Dataset, EvalRecord, Example, OutputSpec, Served, Split, Task
from insource.types.ways import GreyZone
from insource.workflow.evaluate import evaluate_one
from insource.workflow.session import Session

Look = Callable[[Split, Evaluated], Evaluated]
"""Looks twice at the answers of the chosen arm on a split."""

LANGUAGE_MODELS = frozenset({"engine", "prompted"})
"""The kinds that answer otherwise at another temperature."""


def looking(
    session: Session,
    dataset: Dataset,
    task: Task,
    served: Served,
    plan_for: Callable[[tuple[Example, ...]], ArmPlan],
) -> Look:
    """Return how answers are looked at twice; ``plan_for`` asks the chosen arm about documents.

    Without a grey zone, and for a model that always answers the same, everything stays as it is.
    """
    zone = session.config.routing.second_look
    if zone is None or served.kind not in LANGUAGE_MODELS:
        return lambda split, evaluated: evaluated

    def look(split: Split, evaluated: Evaluated) -> Evaluated:
        asked = {record.row_id for record in evaluated.records}
        plan = plan_for(tuple(one for one in dataset.splits[split] if one.row_id in asked))
        return second_looks(session, dataset, task, split, plan, evaluated, zone)

    return look


@contextmanager
def looking_twice(
    opened: AbstractContextManager[Any],
    judge: Callable[[Completion], Completion],
    zone: GreyZone,
    output: OutputSpec,
) -> Iterator[Any]:
    """Open what has a ``model`` so that it looks twice at its answers in the grey zone, as was certified."""
    with opened as one:
        yield one._replace(model=SecondLookModel(one.model, judge, zone, output))


def second_looks(
    session: Session,
    dataset: Dataset,
    task: Task,
    split: Split,
    plan: ArmPlan,
    evaluated: Evaluated,
    zone: GreyZone,
) -> Evaluated:
    """Return an evaluation whose answers in the grey zone were looked at twice, as a served model does.

    The second answers are an evaluation of their own, so that an interrupted one goes on.
    """
    grey = {
        one.row_id
        for one in evaluated.records
        if one.completion is not None and in_grey_zone(one.confidence, zone)
    }
    examples = tuple(one for one in plan.examples if one.row_id in grey)
    if not examples:
        return evaluated
    name = f"{plan.arm.name}, second look"
    again = plan._replace(
        arm=plan.arm.model_copy(update={"name": name}),
        examples=examples,
        identity=plan.identity | {"look": "second"},
        ask=lambda example: second_request(plan.ask(example)),
        is_look=False,
        prepare=None,
    )
    seconds = {one.row_id: one for one in evaluate_one(session, dataset, task, split, again).records}
    return evaluated._replace(
        records=tuple(_looked(one, seconds.get(one.row_id), task) for one in evaluated.records)
    )


def _looked(first: EvalRecord, second: EvalRecord | None, task: Task) -> EvalRecord:
    if second is None or second.completion is None or first.completion is None:
        return first
    stated = first.completion.model_copy(update={"confidence": first.confidence})
    both = looked_again(stated, second.completion, task.output)
    return first.model_copy(update={"completion": both, "confidence": both.confidence})

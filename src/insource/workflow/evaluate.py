"""Evaluate every arm on the test split, and compare them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.registry import ARMS
from insource.evaluation.compare import compare
from insource.evaluation.metrics import LOWER_IS_BETTER
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress
from insource.evaluation.sample import sample
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated, evaluate_arm
from insource.foundation.errors import ProviderError
from insource.matching.surface import SurfaceForms
from insource.types import Comparison, Dataset, JsonSchema, Split, Task
from insource.workflow.ask_cloud import cloud_price
from insource.workflow.export import Made
from insource.workflow.looks import look_at_test
from insource.workflow.pay import Payer
from insource.workflow.session import Session


def evaluate_arms(
    session: Session, dataset: Dataset, task: Task, made: Made, arms: Sequence[ArmFactory] = ARMS
) -> tuple[Evaluated, ...]:
    """Evaluate every arm on the sealed test split, in the order of the registry.

    An arm that cannot be run is skipped with its reason. So is a baseline or reference whose model keeps
    failing. A candidate whose model keeps failing ends the walk: without it there is nothing to conclude.
    """
    inputs = inputs_of(session, dataset, task, made)
    evaluated = []
    for arm in arms:
        if reason := arm.why_not(inputs):
            session.skip(arm.kind, reason)
            continue
        for made_plan in arm.make(inputs):
            plan = made_plan.ready()
            if plan.note:
                session.skip(plan.arm.name, plan.note)
            if not plan.examples:
                continue
            try:
                evaluated.append(evaluate_one(session, dataset, task, "test", plan))
            except ProviderError as error:
                if error.code != "model-keeps-failing" or arm.role == "candidate":
                    raise
                session.skip(plan.arm.name, f"not measured: {error.message}")
    return tuple(evaluated)


def inputs_of(session: Session, dataset: Dataset, task: Task, made: Made) -> ArmInputs:
    """Return what this walk's arms are made from."""
    section = session.config.evaluation
    test = sample(dataset.splits["test"], section.test_documents)
    return ArmInputs(
        task=task,
        dataset=dataset,
        test=test,
        few=sample(test, section.base_documents),
        local=made.local,
        confidence=made.confidence,
        price=lambda model: cloud_price(session, dataset, task, model),
        runs=session.project.runs,
        progress=session.display.progress,
        reference=session.config.reference,
        pay=Payer(session, task),
    )


def evaluate_one(session: Session, dataset: Dataset, task: Task, split: Split, plan: ArmPlan) -> Evaluated:
    """Evaluate one arm on the documents of its plan, and tell the display."""
    name = plan.arm.name
    session.begin("evaluate", f"{name} on {len(plan.examples)} {split} documents")

    def look() -> None:
        if split == "test":
            look_at_test(session, dataset.splits["test"], name)

    def progress(at: Progress) -> None:
        seconds = f", {at.last_s:.1f} s each" if at.last_s else ""
        session.display.progress(f"documents{seconds}", at.done, at.total)

    scorer = build_scorer(task, surface_forms(task, dataset))
    evaluated = evaluate_arm(
        session.project.runs, dataset, task, split, plan, scorer, look=look, progress=progress
    )
    session.done(evaluated.run, f"evaluate {name} on {split}")
    session.display.evaluated(evaluated.evaluation, task.primary_metric)
    return evaluated


def surface_forms(task: Task, dataset: Dataset) -> SurfaceForms | None:
    """Return how values are written in the training labels; answers have to be spelled like that."""
    if not isinstance(task.output, JsonSchema):
        return None
    targets = (json.loads(example.target) for example in dataset.splits["train"])
    return SurfaceForms.fit(targets, task.output.definition)


def compare_arms(task: Task, evaluated: Sequence[Evaluated]) -> tuple[Comparison, ...]:
    """Compare each candidate with every baseline and reference, paired by document.

    The comparison that decides comes first: the clouds before the baselines, simulated clouds last, and among
    equals the arm that the candidate gains least over, on the documents that both were asked.
    """
    arms = {one.evaluation.arm.name: one.evaluation.arm for one in evaluated}
    sign = -1.0 if task.primary_metric in LOWER_IS_BETTER else 1.0

    def order(found: Comparison) -> tuple[bool, bool, float]:
        arm = arms[found.baseline]
        return arm.simulated, arm.role != "reference", sign * (found.difference.value or 0.0)

    candidates = [one for one in evaluated if one.evaluation.arm.role == "candidate"]
    others = [one for one in evaluated if one.evaluation.arm.role != "candidate"]
    found = [
        compare(
            (candidate.evaluation.arm, candidate.records),
            (other.evaluation.arm, other.records),
            metric=task.primary_metric,
            margin=task.margin,
            label_fields=fields_of_labels(task.output),
        )
        for candidate in candidates
        for other in others
    ]
    first = {one.evaluation.arm.name: place for place, one in enumerate(candidates)}
    return tuple(sorted(found, key=lambda one: (first[one.candidate], *order(one))))

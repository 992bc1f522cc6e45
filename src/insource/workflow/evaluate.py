"""Evaluate every arm on the test split, and compare them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from insource.arms.logged import cloud
from insource.arms.prompted import bases
from insource.arms.tuned import tuned
from insource.evaluation.compare import compare
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress
from insource.evaluation.sample import sample
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated, evaluate_arm
from insource.foundation.errors import ProviderError
from insource.matching.surface import SurfaceForms
from insource.types import Comparison, Dataset, Example, JsonSchema, Split, Task
from insource.types.evaluation import TUNED
from insource.workflow.ask_cloud import cloud_price
from insource.workflow.export import Made
from insource.workflow.looks import look_at_test
from insource.workflow.session import Session


def evaluate_arms(session: Session, dataset: Dataset, task: Task, made: Made) -> tuple[Evaluated, ...]:
    """Every candidate on the sealed test split: the clouds as logged, the untuned model, the tuned one."""
    section = session.config.evaluation
    test = sample(dataset.splits["test"], section.test_documents)
    few = sample(test, section.base_documents)
    evaluated = []
    for name in dataset.manifest.cloud_models:
        logged = [example for example in test if name in example.cloud_outputs]
        if len(logged) < len(test):
            session.skip(name, f"answered {len(logged)} of {len(test)} test documents; judged on those")
        if logged:
            price = cloud_price(session, dataset, task, name)
            plan = cloud(task, dataset, name, logged, price)
            evaluated.append(evaluate_one(session, dataset, task, "test", plan, logged))
    for plan in bases(made.local):
        try:
            evaluated.append(evaluate_one(session, dataset, task, "test", plan, few))
        except ProviderError as error:
            if error.code != "model-keeps-failing":
                raise
            session.skip(plan.arm.name, f"not measured: {error.message}")
    plan = tuned(made.local, made.confidence)
    evaluated.append(evaluate_one(session, dataset, task, "test", plan, test))
    return tuple(evaluated)


def evaluate_one(
    session: Session,
    dataset: Dataset,
    task: Task,
    split: Split,
    plan: ArmPlan,
    examples: Sequence[Example],
) -> Evaluated:
    name = plan.arm.name
    session.begin("evaluate", f"{name} on {len(examples)} {split} documents")

    def look() -> None:
        if split == "test":
            look_at_test(session, dataset.splits["test"], name)

    def progress(at: Progress) -> None:
        seconds = f", {at.last_s:.1f} s each" if at.last_s else ""
        session.display.progress(f"documents{seconds}", at.done, at.total)

    evaluated = evaluate_arm(
        session.project.runs,
        dataset,
        task,
        split,
        examples,
        plan,
        build_scorer(task, surface_forms(task, dataset)),
        look=look,
        progress=progress,
    )
    session.done(evaluated.run, f"evaluate {name} on {split}")
    session.display.evaluated(evaluated.evaluation, task.primary_metric)
    return evaluated


def surface_forms(task: Task, dataset: Dataset) -> SurfaceForms | None:
    """How values are written in the training labels; an answer is held to the same spelling."""
    if not isinstance(task.output, JsonSchema):
        return None
    targets = (json.loads(example.target) for example in dataset.splits["train"])
    return SurfaceForms.fit(targets, task.output.definition)


def compare_arms(task: Task, evaluated: Sequence[Evaluated]) -> tuple[Comparison, ...]:
    """The tuned model against every other arm, paired by document.

    The comparison that decides comes first: with the clouds, then with the stronger untuned arm.
    """
    by_name = {one.evaluation.arm.name: one for one in evaluated}
    candidate = by_name.get(TUNED)
    if candidate is None:
        return ()
    order = {"cloud": 0, "base": 1, "simulated": 2}
    others = sorted(
        (one for one in evaluated if one is not candidate),
        key=lambda one: (
            order[one.evaluation.arm.kind],
            -(one.evaluation.metrics[task.primary_metric].value or 0.0),
        ),
    )
    return tuple(
        compare(
            (candidate.evaluation.arm, candidate.records),
            (other.evaluation.arm, other.records),
            metric=task.primary_metric,
            margin=task.margin,
        )
        for other in others
    )

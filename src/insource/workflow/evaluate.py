"""Evaluate every arm on the test split, and compare them."""

from __future__ import annotations

from collections.abc import Sequence

from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.hybrid import hybrid_plan
from insource.arms.registry import ARMS
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress, never
from insource.evaluation.sample import sample
from insource.evaluation.scorers import build_scorer, training_forms
from insource.evaluation.stage import Asking, Evaluated, evaluate_arm
from insource.foundation.errors import ProviderError
from insource.training.stage import summary
from insource.types import Dataset, Estimate, Example, Split, Task
from insource.types.choice import Choice
from insource.workflow.ask_cloud import cloud_price
from insource.workflow.export import Made
from insource.workflow.looks import look_at_test
from insource.workflow.pay import Payer
from insource.workflow.session import Session

KEEPS_FAILING = "model-keeps-failing"


def evaluate_arms(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    arms: Sequence[ArmFactory] = ARMS,
    *,
    choice: Choice | None = None,
    best: Estimate | None = None,
) -> tuple[Evaluated, ...]:
    """Evaluate every arm on the sealed test split, in the order of the registry, and the hybrid last.

    The chosen arm is asked about every test document, however slow it is. An arm that cannot be run is
    skipped with its reason. So is an arm whose model keeps failing, unless it is the chosen one: without it
    there is nothing to conclude. ``best`` is as in ``choose``.
    """
    inputs = inputs_of(session, dataset, task, made)._replace(best_expected=best)
    chosen = choice.answering if choice else ()
    evaluated = []
    for arm in arms:
        if reason := arm.why_not(inputs):
            session.skip(arm.kind, reason)
            continue
        for made_plan in arm.make(inputs):
            is_chosen = made_plan.arm.name in chosen
            plan = (
                made_plan._replace(examples=inputs.test, hopeless=never, stops="") if is_chosen else made_plan
            ).ready()
            if plan.note:
                session.skip(plan.arm.name, plan.note)
            if not plan.examples:
                continue
            try:
                evaluated.append(evaluate_one(session, dataset, task, "test", plan))
            except ProviderError as error:
                if error.code != KEEPS_FAILING or is_chosen:
                    raise
                session.skip(plan.arm.name, f"not measured: {error.message}")
    measured = {one.evaluation.arm.name for one in evaluated}
    if choice is not None and choice.hybrid is not None and measured.issuperset(choice.hybrid.names):
        plan = hybrid_plan(inputs, choice.hybrid, evaluated)
        evaluated.append(evaluate_one(session, dataset, task, "test", plan))
    return tuple(evaluated)


def inputs_of(session: Session, dataset: Dataset, task: Task, made: Made | None) -> ArmInputs:
    """Return what this walk's arms are made from; those behind the engine need a model that is made."""
    section = session.config.evaluation
    test = sample(dataset.splits["test"], section.test_documents)
    # The test documents come first: an arm that the cap cuts is then not measured on validation, nor chosen.
    paid_for = (*test, *validation_documents(session, dataset))
    return ArmInputs(
        task=task,
        dataset=dataset,
        test=test,
        few=sample(test, section.base_documents),
        local=made.local if made else None,
        training=summary(made.trained) if made else None,
        confidence=made.confidence if made else lambda example, completion: None,
        price=lambda model: cloud_price(session, dataset, task, model),
        runs=session.project.runs,
        progress=session.display.progress,
        settings=section.model_copy(update={"knowledge": _inside(session, section.knowledge)}),
        reference=session.config.reference,
        pay=Payer(session, task, paid_for),
    )


def validation_documents(session: Session, dataset: Dataset) -> tuple[Example, ...]:
    """Return the documents that the candidate is chosen on."""
    return sample(dataset.splits["validation"], session.config.evaluation.validation_documents)


def _inside(session: Session, path: str) -> str:
    return str(session.project.folder / path) if path else ""


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

    scorer = build_scorer(task, training_forms(task, dataset.splits["train"]))
    section = session.config.evaluation
    asking = Asking(section.concurrency, section.repeats, section.repeat_documents)
    evaluated = evaluate_arm(
        session.project.runs, dataset, task, split, plan, scorer, look=look, progress=progress, asking=asking
    )
    session.done(evaluated.run, f"evaluate {name} on {split}")
    if evaluated.evaluation.stopped:
        session.skip(name, "; ".join(filter(None, (plan.note, evaluated.evaluation.stopped))))
    session.display.evaluated(evaluated.evaluation, task.primary_metric)
    return evaluated

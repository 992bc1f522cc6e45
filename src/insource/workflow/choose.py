"""Fit the early rungs, and choose the candidate on the validation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.hybrid import Hybrid, chosen_fields
from insource.arms.registry import ARMS
from insource.decision.cost import priced
from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.plan import ArmPlan
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import ProviderError
from insource.types import NOT_MEASURED, Dataset, Estimate, Task
from insource.types.choice import HYBRID, Choice, Trial
from insource.workflow.evaluate import KEEPS_FAILING, evaluate_one, inputs_of, validation_documents
from insource.workflow.export import Made
from insource.workflow.session import Session


def fit_early(
    session: Session, dataset: Dataset, task: Task, arms: Sequence[ArmFactory] = ARMS
) -> Estimate | None:
    """Fit the candidates that need no language model, and show what they are expected to reach.

    The figures come from cross-validation on the training split. What is fitted is kept, so the evaluation
    reads it back. Returns the best figure: a slow arm that cannot reach it is not asked about every document.
    Then the paid arms are asked: a person is there now, and hours later perhaps not.
    """
    inputs = inputs_of(session, dataset, task, None)
    possible = [arm for arm in arms if not arm.why_not(inputs)]
    for arm in possible:
        arm.verify(inputs)  # a mistake in the configuration shows before hours of training
    figures: list[Estimate] = []
    for arm in possible:
        if arm.early and arm.role == "candidate":
            session.begin("fit", f"{arm.kind} on {len(dataset.splits['train']):,} training documents")
            for plan in arm.make(inputs):
                session.display.expected(plan.arm, plan.expected, task.primary_metric)
                figures += [plan.expected] if plan.expected and plan.expected.value is not None else []
    for plan in (plan for arm in possible if arm.paid for plan in arm.make(inputs)):
        if note := plan.ready().note:
            session.skip(plan.arm.name, note)
    sign = gain_sign(task.primary_metric)
    return max(figures, key=lambda figure: sign * (figure.value or 0.0), default=None)


def choose(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    arms: Sequence[ArmFactory] = ARMS,
    *,
    best: Estimate | None = None,
) -> Choice | None:
    """Measure every candidate and cloud on the validation split, and choose; None without a candidate.

    ``best`` is the best figure of ``fit_early``.

    Raises:
        ProviderError: every candidate's model keeps failing.
    """
    validation = validation_documents(session, dataset)
    few = sample(validation, session.config.evaluation.base_documents)
    inputs = inputs_of(session, dataset, task, made)
    inputs = inputs._replace(test=validation, few=few, best_expected=best)
    trials: list[Trial] = []
    measured: list[Evaluated] = []
    failure: ProviderError | None = None
    for plan in _plans(session, inputs, arms):
        try:
            if plan.examples:
                measured.append(evaluate_one(session, dataset, task, "validation", plan))
                trials.append(_trial(session, task, plan, measured[-1]))
            else:
                trials.append(_trial(session, task, plan, None))
        except ProviderError as error:
            if error.code != KEEPS_FAILING:
                raise
            failure = error
            session.skip(plan.arm.name, f"not measured: {error.message}")
    candidates = [trial for trial in trials if trial.role == "candidate"]
    if not candidates and failure is not None:
        raise failure
    if not candidates:
        return None
    hybrid = _hybrid(task, measured)
    if hybrid is not None:
        candidates.append(_hybrid_trial(session, hybrid, measured))
    choice = _choice(task, candidates, [trial for trial in trials if trial.role != "candidate"])
    choice = choice.model_copy(update={"hybrid": hybrid.parts if hybrid else None})
    session.display.note(choice.reason)
    return choice


def _plans(session: Session, inputs: ArmInputs, arms: Sequence[ArmFactory]) -> Iterator[ArmPlan]:
    """Yield what can be chosen or compared with: a paid arm only with its answers to every document."""
    for arm in arms:
        if arm.why_not(inputs):
            continue
        for plan in (plan.ready() for plan in arm.make(inputs)):
            if reason := _unpaid(session, plan) if arm.paid else "":
                session.skip(plan.arm.name, reason)
            else:
                yield plan


def _unpaid(session: Session, plan: ArmPlan) -> str:
    """Return why a paid arm cannot be chosen, empty when it has all answers, those to the test included."""
    if plan.note or not plan.examples:
        return plan.note or "not measured: there are no validation documents"
    missing = session.paid_arms.get(plan.arm.name, "")
    return f"not to be chosen: answers to test documents are missing; {missing}" if missing else ""


def _trial(session: Session, task: Task, plan: ArmPlan, measured: Evaluated | None) -> Trial:
    """Return one arm's figures; without validation documents, only what is expected of it is known."""
    value, arm = plan.expected or NOT_MEASURED, plan.arm
    if measured is not None:
        value = measured.evaluation.metrics[task.primary_metric]
        arm = priced(session.config.decision, measured).arm
    return Trial(
        arm=arm.name,
        kind=arm.kind,
        role=arm.role,
        value=value,
        effort=plan.effort,
        cost_per_1000_usd=arm.cost_per_1000_usd,
    )


def _hybrid(task: Task, measured: Sequence[Evaluated]) -> Hybrid | None:
    """Return the hybrid around the best local candidate, None where no field gains by another arm."""
    local = [one for one in measured if one.evaluation.arm.role == "candidate" and one.evaluation.arm.local]
    if task.output.kind != "json" or len(local) < 2:
        return None
    best = max(local, key=lambda one: one.evaluation.metrics[task.primary_metric].value or 0.0)
    return chosen_fields(best, [one for one in local if one is not best], task.primary_metric)


def _hybrid_trial(session: Session, hybrid: Hybrid, measured: Sequence[Evaluated]) -> Trial:
    """Return the hybrid's figures. It costs what its dearest part costs, or an unknown amount."""
    arms = {one.evaluation.arm.name: priced(session.config.decision, one).arm for one in measured}
    costs = [arms[name].cost_per_1000_usd for name in hybrid.parts.names]
    known = [cost for cost in costs if cost is not None]
    return Trial(
        arm=HYBRID,
        kind=HYBRID,
        role="candidate",
        value=hybrid.expected,
        effort=hybrid.effort,
        cost_per_1000_usd=max(known) if len(known) == len(costs) else None,
    )


def _choice(task: Task, candidates: Sequence[Trial], others: Sequence[Trial]) -> Choice:
    metric = task.primary_metric
    sign = gain_sign(metric)

    def good(trial: Trial) -> float:
        return float("-inf") if trial.value.value is None else sign * trial.value.value

    def cost(trial: Trial) -> float:
        return float("inf") if trial.cost_per_1000_usd is None else trial.cost_per_1000_usd

    best = max(candidates, key=good)
    near = [trial for trial in candidates if good(trial) >= good(best) - task.margin]
    chosen = min(near, key=lambda trial: (cost(trial), -good(trial)))
    clouds = [trial for trial in others if trial.role == "reference"]
    baseline = max(clouds or others, key=good, default=None)
    return Choice(
        candidate=chosen.arm,
        baseline=baseline.arm if baseline else "",
        metric=metric,
        margin=task.margin,
        trials=(*candidates, *others),
        reason=_reason(chosen, best, candidates, metric, task.margin),
    )


def _reason(chosen: Trial, best: Trial, candidates: Sequence[Trial], metric: str, margin: float) -> str:
    if len(candidates) == 1:
        return f"Candidate: {chosen.arm}, the only one."
    if best.value.value is None:
        return f"Candidate: {chosen.arm}. Nothing was measured on validation documents: there are none."
    figure = (
        f"{100 * best.value.value:.1f} % {metric.replace('_', ' ')} on {best.value.n} validation documents"
    )
    if chosen is best:
        return f"Candidate: {chosen.arm}, the best of {len(candidates)} with {figure}."
    return (
        f"Candidate: {chosen.arm}, the cheapest within the margin of {100 * margin:.1f} points of the best, "
        f"{best.arm}, with {figure}."
    )

"""Fit the early rungs, and choose the candidate on the validation split."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from statistics import fmean
from typing import NamedTuple

from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.hybrid import Hybrid, chosen_fields
from insource.arms.registry import ARMS
from insource.decision.cost import priced, priced_together
from insource.evaluation.comparison.equal_terms import Values, on_equal_terms, values_of
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

SAME_COST = 1.05
"""Costs up to this ratio are the same: latency is not measured more precisely."""
TOO_FEW = "asked about {} documents only, too few to be chosen by"


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
            started = time.monotonic()
            plans = arm.make(inputs)
            session.note_stage(f"fit {arm.kind}", started, [plan.identity for plan in plans])
            for plan in plans:
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
    tried: list[_Tried] = []
    failure: ProviderError | None = None
    for plan in _plans(session, inputs, arms):
        try:
            measured = evaluate_one(session, dataset, task, "validation", plan) if plan.examples else None
        except ProviderError as error:
            if error.code != KEEPS_FAILING:
                raise
            failure = error
            session.skip(plan.arm.name, f"not measured: {error.message}")
        else:
            tried.append(_tried(session, task, plan, measured))
    candidates = [one for one in tried if one.trial.role == "candidate"]
    if not candidates:
        if failure is not None:
            raise failure
        return None
    hybrid = _hybrid(task, _enough(candidates, len(few)))
    if hybrid is not None:
        candidates.append(_tried_hybrid(session, hybrid, candidates))
    others = [one for one in tried if one.trial.role != "candidate"]
    choice = _choice(task, candidates, others, len(few))
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


class _Tried(NamedTuple):
    """An arm on the validation split: its figures, how many documents it was asked about, and its metric by
    document, without those on which its settings were chosen.
    """

    trial: Trial
    documents: int = 0
    values: Values = {}
    measured: Evaluated | None = None
    simulated: bool = False


def _tried(session: Session, task: Task, plan: ArmPlan, measured: Evaluated | None) -> _Tried:
    """Return one arm's figures; without validation documents, only what is expected of it is known."""
    value, arm, documents, values = plan.expected or NOT_MEASURED, plan.arm, 0, {}
    if measured is not None:
        documents = len(measured.records) - measured.evaluation.unscored
        value = measured.evaluation.metrics[task.primary_metric]
        arm = priced(session.config.decision, measured).arm
        values = values_of(measured.records, task.primary_metric)
        unseen = {row: value for row, value in values.items() if row not in plan.chosen_on}
        values = unseen or values
    trial = Trial(
        arm=arm.name,
        kind=arm.kind,
        role=arm.role,
        value=value,
        effort=plan.effort,
        cost_per_1000_usd=arm.cost_per_1000_usd,
    )
    return _Tried(trial, documents, values, measured, arm.simulated)


def _enough(tried: Sequence[_Tried], few: int) -> list[_Tried]:
    """Return the arms that were asked about enough documents: no fewer than the slow ones, if any was.

    One that stopped early, or for which the money ran out, may look good on a handful of documents.
    """
    least = min(few, max((one.documents for one in tried), default=0))
    return [one for one in tried if one.documents >= least]


def _figures(tried: Sequence[_Tried], candidates: Sequence[_Tried], sign: float) -> dict[str, float]:
    """Return the metric of each arm on equal terms; what is expected of it where nothing was measured."""
    if not any(one.values for one in candidates):
        return {one.trial.arm: one.trial.value.value for one in tried if one.trial.value.value is not None}
    yardstick = max(candidates, key=lambda one: (one.documents, sign * fmean(one.values.values() or [0.0])))
    return on_equal_terms({one.trial.arm: one.values for one in tried}, yardstick.trial.arm)


def _hybrid(task: Task, candidates: Sequence[_Tried]) -> Hybrid | None:
    """Return the hybrid around the best local candidate, None where no field gains by another arm.

    Its parts have answered every document that the best one was asked about.
    """
    local = [one for one in candidates if one.measured and one.measured.evaluation.arm.local]
    if task.output.kind != "json" or len(local) < 2:
        return None
    sign = gain_sign(task.primary_metric)
    figures = _figures(local, local, sign)
    best = max(local, key=lambda one: sign * figures.get(one.trial.arm, -sign * inf))
    others = [one.measured for one in local if one is not best and one.values.keys() >= best.values.keys()]
    if best.measured is None:
        return None
    return chosen_fields(best.measured, [one for one in others if one], task.primary_metric)


def _tried_hybrid(session: Session, hybrid: Hybrid, candidates: Sequence[_Tried]) -> _Tried:
    """Return the hybrid's figures. It costs what its parts cost one after the other, if that is known."""
    parts = [one.measured for one in candidates if one.trial.arm in hybrid.parts.names and one.measured]
    trial = Trial(
        arm=HYBRID,
        kind=HYBRID,
        role="candidate",
        value=hybrid.expected,
        effort=hybrid.effort,
        cost_per_1000_usd=priced_together(session.config.decision, parts),
    )
    return _Tried(trial, len(hybrid.values), hybrid.values)


def _choice(task: Task, candidates: Sequence[_Tried], others: Sequence[_Tried], few: int) -> Choice:
    metric = task.primary_metric
    sign = gain_sign(metric)
    possible = _enough(candidates, few)
    figures = _figures([*candidates, *others], possible, sign)

    def good(one: _Tried) -> float:
        figure = figures.get(one.trial.arm)
        return -inf if figure is None else sign * figure

    def cost(one: _Tried) -> float:
        return inf if one.trial.cost_per_1000_usd is None else one.trial.cost_per_1000_usd

    best = max(possible, key=good)
    near = [one for one in possible if good(one) >= good(best) - task.margin]
    cheapest = min(map(cost, near))
    chosen = max((one for one in near if cost(one) <= cheapest * SAME_COST), key=good)
    clouds = [one for one in others if one.trial.role == "reference"]
    clouds = [one for one in clouds if not one.simulated] or clouds
    baseline = max(_enough(clouds or others, few), key=good, default=None)
    trials = []
    for one in (*candidates, *others):
        known = {"on_equal_terms": figures.get(one.trial.arm) if one.values else None}
        note = TOO_FEW.format(one.documents) if one in candidates and one not in possible else ""
        trials.append(one.trial.model_copy(update=known | {"note": note}))
    return Choice(
        candidate=chosen.trial.arm,
        baseline=baseline.trial.arm if baseline else "",
        metric=metric,
        margin=task.margin,
        trials=tuple(trials),
        reason=_reason(chosen, best, len(possible), figures, metric, task.margin),
    )


def _reason(
    chosen: _Tried, best: _Tried, among: int, figures: Mapping[str, float], metric: str, margin: float
) -> str:
    name, of_best = chosen.trial.arm, best.trial.arm
    if among == 1:
        return f"Candidate: {name}, the only one."
    if of_best not in figures:
        return f"Candidate: {name}. Nothing was measured on validation documents: there are none."
    where = f"on {best.documents} validation documents" if best.values else "by cross-validation on training"
    figure = f"{100 * figures[of_best]:.1f} % {metric.replace('_', ' ')} {where}"
    if chosen is best:
        return f"Candidate: {name}, the best of {among} with {figure}."
    return (
        f"Candidate: {name}, the cheapest within the margin of {100 * margin:.1f} points of the best, "
        f"{of_best}, with {figure}."
    )

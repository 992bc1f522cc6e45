"""Run small experiments within a budget: learning curves, quantisations, a larger base model.

What each costs is stated before the first one begins. What ran before is read back and costs nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from insource.decision.sufficiency.nested import sizes_of
from insource.decision.sufficiency.suffices import curve_of
from insource.foundation.errors import InsourceError, Interrupted
from insource.types import Dataset, Estimate, Task
from insource.types.probes import LargerBase, Probe, ProbeName, Probes, ProbeStatus
from insource.types.step_ladder import StepLadder
from insource.workflow.export import Made
from insource.workflow.larger_base import Larger, larger_than, prompt_larger
from insource.workflow.nested import (
    Nested,
    classical,
    fine_tuned,
    held_out,
    nested_spec,
    train_nested,
)
from insource.workflow.probe_costs import (
    Cost,
    classical_cost,
    fine_tune_cost,
    larger_cost,
    quantisation_cost,
)
from insource.workflow.session import Session
from insource.workflow.step_ladder import ladder_of, measure_steps

Found = Nested | StepLadder | LargerBase


class _Possible(NamedTuple):
    """One probe that may run: ``run`` does it, or reads it back."""

    name: ProbeName
    what: str
    cost: Cost
    run: Callable[[], Found]


class Probed(NamedTuple):
    """The result for people, and what was trained; the classical arm also says which rows are doubtful."""

    probes: Probes
    classical: Nested | None = None
    fine_tuned: Nested | None = None

    @property
    def curve(self) -> Nested | None:
        """What the learning curve is of: the model that would be served, where the budget allowed it."""
        return self.fine_tuned or self.classical


def probe(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made | None = None,
    *,
    budget_s: float,
    max_usd: float | None = None,
    larger: str = "",
) -> Probed:
    """Run the probes that fit into the budget, the shortest first, and say of the others why not.

    Every curve is judged on the validation split, never on test. Nothing is fetched.

    Args:
        made: the tuned model of the ladder; without one, what needs it is not run.
        budget_s: seconds for all probes together. What has begun is finished.
        max_usd: dollars for all probes together, None for no cap.
        larger: a base model to prompt; empty for the next larger one of the catalogue that is at hand.
    """
    limit = f"{budget_s / 60:,.0f} minutes for" if math.isfinite(budget_s) else "no limit on the time of"
    session.begin("probe", f"{limit} experiments")
    possible = _possible(session, dataset, task, made, budget_s, larger)
    for one in possible:
        session.display.note(f"{one.what}: {_price(one.cost)}")
    left_s, left_usd = budget_s, max_usd
    done: list[Probe] = []
    found: dict[ProbeName, Found] = {}
    for one in sorted(possible, key=_expected):
        result = _run(session, one, left_s, left_usd, found)
        if result.reason:
            session.display.note(f"{one.what}: {result.reason}")
        done.append(result)
        left_s -= result.took_s
        if left_usd is not None and result.status == "measured":
            left_usd -= result.usd.value or 0.0
    return _together(session, task, budget_s, done, found)


def planned_probes(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made | None = None,
    *,
    budget_s: float = math.inf,
    larger: str = "",
) -> tuple[Probe, ...]:
    """Return what each probe would cost, or why it cannot run; nothing is run. Arguments as in ``probe``."""
    return tuple(_said(one) for one in _possible(session, dataset, task, made, budget_s, larger))


def _said(one: _Possible) -> Probe:
    return Probe(
        name=one.name,
        what=one.what,
        status="read back" if one.cost.kept else "not run",
        seconds=one.cost.seconds,
        usd=one.cost.usd,
        reason=one.cost.why_not,
    )


def _possible(
    session: Session, dataset: Dataset, task: Task, made: Made | None, budget_s: float, larger: str
) -> list[_Possible]:
    base = session.config.training.model
    other = larger_than(base, larger, session.config.evaluation.prompted_models)
    cheap = classical_cost(session, dataset, task, budget_s)
    return [
        _Possible(
            "classical curve",
            "the classical arm on parts of the training rows",
            cheap,
            lambda: _classical(session, dataset, task, cheap.orders),
        ),
        _Possible(
            "larger base",
            f"a larger base model, prompted{f' ({other.name})' if other.name else ''}",
            larger_cost(session, dataset, other, made),
            lambda: _larger(session, dataset, task, made, other),
        ),
        _Possible(
            "quantisations",
            "the tuned model in fewer bits",
            quantisation_cost(session, dataset, task, made),
            lambda: _steps(session, dataset, task, made),
        ),
        _Possible(
            "fine-tune curve",
            f"{base}, fine-tuned on parts of the training rows",
            fine_tune_cost(session, dataset, task),
            lambda: _fine_tuned(session, dataset, task),
        ),
    ]


def _run(
    session: Session,
    one: _Possible,
    left_s: float,
    left_usd: float | None,
    found: dict[ProbeName, Found],
) -> Probe:
    said = _said(one)
    if reason := _beyond(one.cost, left_s, left_usd):
        return said.model_copy(update={"reason": reason})
    begun = time.monotonic()
    try:
        found[one.name] = one.run()
    except Interrupted:
        raise
    except InsourceError as error:
        took, reason = time.monotonic() - begun, f"it failed: {error.message}"
        return said.model_copy(update={"status": "not run", "took_s": round(took, 3), "reason": reason})
    status: ProbeStatus = "read back" if one.cost.kept else "measured"
    return said.model_copy(update={"status": status, "took_s": round(time.monotonic() - begun, 3)})


def _beyond(cost: Cost, left_s: float, left_usd: float | None) -> str:
    """Return why a probe is not run, empty when it is."""
    if cost.why_not or cost.kept:
        return cost.why_not
    seconds, usd = cost.seconds.value, cost.usd.value
    if seconds is None:
        return cost.seconds.note or "what it takes is not known"
    if seconds > left_s:
        return (
            f"it takes about {_duration(seconds)}, and {_duration(max(left_s, 0.0))} of the budget are left"
        )
    if left_usd is not None and usd is None:
        return "its price is not known, and there is a cap on dollars"
    if left_usd is not None and usd is not None and usd > left_usd:
        return f"it takes about ${usd:.2f}, and ${max(left_usd, 0.0):.2f} of the cap are left"
    return ""


def _classical(session: Session, dataset: Dataset, task: Task, orders: int) -> Nested:
    sizes = sizes_of(len(dataset.splits["train"]))
    spec = nested_spec(session, dataset, task, "classical", sizes, orders)
    answer = classical(session, dataset, task)
    return train_nested(session, dataset, spec, answer, lambda: held_out(session, dataset, task, sizes))


def _fine_tuned(session: Session, dataset: Dataset, task: Task) -> Nested:
    sizes = sizes_of(len(dataset.splits["train"]))
    spec = nested_spec(session, dataset, task, "fine-tune", sizes, 1)
    return train_nested(session, dataset, spec, fine_tuned(session, dataset, task))


def _steps(session: Session, dataset: Dataset, task: Task, made: Made | None) -> StepLadder:
    assert made is not None, "its cost says why it cannot run without the tuned model"
    kept = ladder_of(session.project.runs, made.trained.digest)
    return kept or measure_steps(session, dataset, task, made)


def _larger(session: Session, dataset: Dataset, task: Task, made: Made | None, other: Larger) -> LargerBase:
    assert made is not None, "its cost says why it cannot run without the tuned model"
    return prompt_larger(session, dataset, task, made, other.name)


def _together(
    session: Session,
    task: Task,
    budget_s: float,
    done: Sequence[Probe],
    found: Mapping[ProbeName, Found],
) -> Probed:
    steps, larger = found.get("quantisations"), found.get("larger base")
    nested = {
        name: one._replace(trained=one.trained._replace(reason=_reason(name, done)))
        for name, one in found.items()
        if isinstance(one, Nested)
    }
    probed = Probed(
        Probes(
            budget_s=budget_s if math.isfinite(budget_s) else None,
            probes=tuple(done),
            quantisations=steps if isinstance(steps, StepLadder) else None,
            larger=larger if isinstance(larger, LargerBase) else None,
            cheapest=_cheapest(done, budget_s),
        ),
        nested.get("classical curve"),
        nested.get("fine-tune curve"),
    )
    if probed.curve is None:
        return probed
    seed = session.config.project.seed
    curve = curve_of(probed.curve.trained, task, usd_per_row=usd_per_label(session), seed=seed)
    return probed._replace(probes=probed.probes.model_copy(update={"curve": curve}))


def usd_per_label(session: Session) -> float:
    """Return the cost of one label, as ``[decision]`` assumes it."""
    section = session.config.decision
    return section.label_minutes / 60 * section.label_usd_per_hour


def _reason(name: ProbeName, done: Sequence[Probe]) -> str:
    """Return why the curve is of this model."""
    if name == "fine-tune curve":
        return (
            "The fine-tuned model is what would be served, and the budget allowed to train it on each size."
        )
    tuned = next(one for one in done if one.name == "fine-tune curve")
    why = tuned.reason.rstrip(".")
    return f"The classical arm stands for the fine-tuned model, which was not trained on parts: {why}."


def _cheapest(done: Sequence[Probe], budget_s: float) -> str:
    """Return what to run next, with its price; empty when nothing is left."""
    left = [one for one in done if one.status == "not run" and one.seconds.value]
    if left:
        one = min(left, key=lambda one: one.seconds.value or 0.0)
        none = all(probe.status == "not run" for probe in done)
        opening = f"No probe fits into {_duration(budget_s)}. The cheapest" if none else "The next probe"
        seconds = one.seconds.value or 0.0
        return f"{opening}, {one.what}, takes about {_duration(seconds)}{_dollars(one.usd)}."
    return next((f"{one.what}: {one.reason}" for one in done if one.status == "not run"), "")


def _expected(one: _Possible) -> float:
    seconds = one.cost.seconds.value
    return math.inf if seconds is None else seconds


def _price(cost: Cost) -> str:
    if cost.why_not:
        return f"cannot run: {cost.why_not}"
    if cost.kept:
        return "ran before, and is read back"
    if cost.seconds.value is None:
        return cost.seconds.note
    low, high = cost.seconds.low, cost.seconds.high
    span = f" ({_duration(low)} to {_duration(high)})" if low is not None and high is not None else ""
    return f"about {_duration(cost.seconds.value)}{span}{_dollars(cost.usd)}"


def _dollars(usd: Estimate) -> str:
    if usd.value is None:
        return ""
    return ", less than $0.01" if usd.value < 0.01 else f", ${usd.value:,.2f}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60):,} minutes" if seconds < 7200 else f"{seconds / 3600:,.1f} hours"

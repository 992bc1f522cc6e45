"""What each probe takes in time and money, said before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.decision.sufficiency.losses import FEWEST_DOCUMENTS
from insource.decision.sufficiency.nested import FEWEST, part_of, sizes_of
from insource.evaluation.gold.leaves import leaves_of
from insource.export.merged.steps import FILE_TYPES
from insource.foundation.errors import InsourceError
from insource.models.catalogue import at_hand
from insource.types import NOT_MEASURED, Dataset, Estimate, Evaluation, Task
from insource.workflow.evaluate import inputs_of, validation_documents
from insource.workflow.export import Made
from insource.workflow.larger_base import Larger, seconds_of
from insource.workflow.nested import CLASSICAL, nested_spec
from insource.workflow.session import Session
from insource.workflow.step_ladder import ladder_of
from insource.workflow.train import plan_training

ORDERS = 3
"""Draws of the training rows at each size, where the budget allows it: they show what another one changes."""


class Rule(NamedTuple):
    """The seconds that a fit takes at least, and how many values it learns from in a second.

    A value is one field, or the decision for or against one label, of one row. ``cells_per_s`` are the
    characters of the documents, times those: long documents take longer.
    """

    least_s: float
    values_per_s: float
    cells_per_s: float

    def seconds(self, values: float, cells: float) -> float:
        """Return what one fit takes."""
        return self.least_s + max(values / self.values_per_s, cells / self.cells_per_s)


RULES = {"json": Rule(3.0, 500.0, 100_000.0), "labels": Rule(0.05, 18_000.0, 1_000_000.0)}
"""Measured on two cores of an AMD EPYC: ``benchmarks/bench_sufficiency.py``, and SNIPS with 40 fields."""
RULE_FACTOR = 3.0


class Cost(NamedTuple):
    """What a probe takes, or why it cannot run at all. ``kept``: its result is read back.

    ``orders`` are the draws of the training rows that the time is for.
    """

    seconds: Estimate = NOT_MEASURED
    usd: Estimate = NOT_MEASURED
    why_not: str = ""
    kept: bool = False
    orders: int = 1


def classical_cost(session: Session, dataset: Dataset, task: Task, budget_s: float) -> Cost:
    """Return what the classical arm's curve takes, with as many draws as the budget allows."""
    if task.output.kind not in CLASSICAL:
        return Cost(why_not="no classical arm writes free text")
    if reason := _too_few(dataset, len(dataset.splits["validation"])):
        return Cost(why_not=reason)
    factory = CLASSICAL[task.output.kind]
    if reason := factory.why_not(inputs_of(session, dataset, task, None)):
        return Cost(why_not=f"{factory.kind}: {reason}")
    sizes = sizes_of(len(dataset.splits["train"]))
    found = [_classical(session, dataset, task, sizes, orders) for orders in range(ORDERS, 0, -1)]
    within = (one for one in found if one.kept or (one.seconds.value or 0.0) <= budget_s)
    return next(within, found[-1])


def _classical(session: Session, dataset: Dataset, task: Task, sizes: tuple[int, ...], orders: int) -> Cost:
    spec = nested_spec(session, dataset, task, "classical", sizes, orders)
    if session.project.runs.find(spec) is not None:
        return Cost(_nothing(), _nothing(), kept=True, orders=orders)
    rows = dataset.splits["train"]
    columns = len(leaves_of(task.output)) if task.output.kind == "json" else len({one.target for one in rows})
    mean_length = sum(len(one.input) for one in rows) / len(rows)
    # With one order, the other half is fitted for the rows that the first has seen
    fits = [*sizes, *(orders - 1) * sizes[:-1], *([sizes[-2]] if orders == 1 else [])]
    rule = RULES[task.output.kind]
    seconds = sum(rule.seconds(size * columns, size * columns * mean_length) for size in fits)
    expected = Estimate(
        value=seconds,
        low=seconds / RULE_FACTOR,
        high=seconds * RULE_FACTOR,
        method=f"rule for {len(fits)} fits of up to {sizes[-1]:,} rows with {columns:,} fields or labels",
    )
    return Cost(expected, _usd(session, expected), orders=orders)


def fine_tune_cost(session: Session, dataset: Dataset, task: Task) -> Cost:
    """Return what nested trainings take by the training planner, and the answers by earlier ones here."""
    model, judged = session.config.training.model, validation_documents(session, dataset)
    if reason := _too_few(dataset, len(judged)):
        return Cost(why_not=reason)
    if not at_hand(model):
        return Cost(why_not=f"{model} is not at hand: insource models pull {model}")
    sizes = sizes_of(len(dataset.splits["train"]))
    if session.project.runs.find(nested_spec(session, dataset, task, "fine-tune", sizes, 1)) is not None:
        return Cost(_nothing(), _nothing(), kept=True)
    try:
        plans = [
            plan_training(session, part_of(dataset, rows, 0, session.config.project.seed), task)
            for rows in sizes
        ]
    except InsourceError as error:
        return Cost(why_not=error.message)
    if stop := next((stop for plan in plans for stop in plan.stops), None):
        return Cost(why_not=stop.message)
    answers = _answering(session, len(sizes) * len(judged))
    expected = _sum([*(plan.seconds for plan in plans), *([answers] if answers else [])])
    if not answers:
        expected = expected.model_copy(update={"note": "without the time of the answers: none was timed"})
    return Cost(expected, _usd(session, expected))


def quantisation_cost(session: Session, dataset: Dataset, task: Task, made: Made | None) -> Cost:
    """Return what the tuned model takes in each file type, by the time of its answers so far."""
    if made is None:
        return Cost(why_not="there is no tuned model yet: insource run")
    if ladder_of(session.project.runs, made.trained.digest) is not None:
        return Cost(_nothing(), _nothing(), kept=True)
    documents = len(validation_documents(session, dataset))
    expected = _answering(session, (len(FILE_TYPES) + 1) * documents)
    if expected is None:
        note = "no answer of the tuned model was timed yet: insource run"
        return Cost(NOT_MEASURED.model_copy(update={"note": note}))
    return Cost(expected, _usd(session, expected))


def larger_cost(session: Session, dataset: Dataset, larger: Larger, made: Made | None) -> Cost:
    """Return what prompting a larger base takes, by the time of the smaller one."""
    if larger.why_not:
        return Cost(why_not=larger.why_not)
    if made is None:
        return Cost(why_not="there is no tuned model yet, which says how long an answer may be: insource run")
    documents = min(len(validation_documents(session, dataset)), session.config.evaluation.base_documents)
    if not documents:
        return Cost(why_not="there are no validation documents")
    expected = seconds_of(session, made.local.base.name, larger, documents)
    return Cost(expected, _usd(session, expected))


def _too_few(dataset: Dataset, judged: int) -> str:
    rows = len(dataset.splits["train"])
    if rows < FEWEST:
        return f"{rows} training rows; a curve needs {FEWEST}"
    if judged < FEWEST_DOCUMENTS:
        return f"{judged} validation documents judge it; {FEWEST_DOCUMENTS} are needed"
    return ""


def _answering(session: Session, documents: int) -> Estimate | None:
    """Return the seconds of so many answers of the tuned model, by its latest evaluation; None without."""
    for run in session.project.runs.complete("evaluate"):
        if run.result["arm"]["kind"] == "tuned":
            p50 = Evaluation.model_validate(run.result).latency_s.get("p50", NOT_MEASURED)
            if p50.value is not None:
                return p50.scaled(float(documents), f"{p50.value:.2f} s an answer, as measured here")
    return None


def _usd(session: Session, seconds: Estimate) -> Estimate:
    """Return the price of this machine for that long: as given, else its electricity."""
    config = session.config
    power = config.decision.power_watts / 1000 * config.decision.kwh_usd
    given = config.training.usd_per_hour
    hour = power if given is None else given
    return seconds.scaled(hour / 3600, f"${hour:.3g} an hour") if hour > 0 else _nothing()


def _nothing() -> Estimate:
    return Estimate(value=0.0, low=0.0, high=0.0, method="exact")


def _sum(parts: Sequence[Estimate]) -> Estimate:
    """Return the sum; its ends are the sums of the ends, which is conservative. Unknown stays unknown."""
    if unknown := next((one for one in parts if one.value is None), None):
        return unknown
    low, high = (
        sum(end if (end := getattr(one, name)) is not None else one.value or 0.0 for one in parts)
        for name in ("low", "high")
    )
    return Estimate(
        value=sum(one.value or 0.0 for one in parts),
        low=low,
        high=high,
        n=min((one.n for one in parts), default=0),
        method="; ".join(dict.fromkeys(one.method for one in parts)),
    )

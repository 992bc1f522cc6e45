"""The mini-sweep: learning rates and batch sizes on a part of the rows, by successive halving.

Jamieson & Talwalkar (2016), Non-stochastic Best Arm Identification and Hyperparameter Optimization: every
setting gets the same small budget, the best third three times as much, until one is left. A setting's budget
is counted in rows, so that batch sizes take equal time. Short runs favour high rates and small batches; each
trial therefore goes through the whole schedule, down to a rate of zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from insource.foundation.files import replace_text
from insource.training.recipe import Recipe
from insource.training.select.scoring import LEAST_DOCUMENTS, MOST_DOCUMENTS, Scoring
from insource.types import SweepTrial

RATES = (1.0, 0.3, 3.0)
BATCHES = (16, 4)
NARROWS = 3
SHARE, TRAINING_SHARE = 1 / 3, 1 / 4
LEAST_ROWS = 160
FEWEST_ROWS = 2 * max(BATCHES)


class Setting(NamedTuple):
    """What one trial tries."""

    learning_rate: float
    batch_size: int


class SweepPlan(NamedTuple):
    """The settings of the first rung, its rows a setting, and the documents of a score; no settings: off.

    The sweep may take as long as training on ``limit_rows`` rows, None without a limit.
    """

    settings: tuple[Setting, ...]
    rows: int
    documents: int
    limit_rows: float | None
    reason: str

    @property
    def rungs(self) -> tuple[tuple[int, int], ...]:
        """How many settings each rung has, and how many rows a setting gets in it."""
        found = [(len(self.settings), self.rows)]
        while (left := math.ceil(found[-1][0] / NARROWS)) > 1:
            found.append((left, NARROWS * found[-1][1]))
        return tuple(found)


class Swept(NamedTuple):
    """What a sweep found: the setting to use, None for the recipe's own, and why; all trials."""

    setting: Setting | None
    trials: tuple[SweepTrial, ...]
    reason: str


def plan_sweep(
    mode: Literal["auto", "on", "off"],
    recipe: Recipe,
    *,
    rate_given: bool,
    batch_given: bool,
    scoring: Scoring | None,
    documents: int,
) -> SweepPlan:
    """Return what is swept, or a plan without settings and the reason.

    Training alone may take a quarter of the run, so that a twelfth is left for the answers.
    """
    rates = (recipe.learning_rate,) if rate_given else tuple(r * recipe.learning_rate for r in RATES)
    batches = (recipe.batch_size,) if batch_given else BATCHES
    settings = tuple(Setting(rate, batch) for rate in rates for batch in batches)
    planned = SweepPlan(settings, 0, min(documents, MOST_DOCUMENTS), None, "")
    seen = recipe.steps * recipe.batch_size
    parts = sum(count * rows for count, rows in planned._replace(rows=1).rungs)
    rows = math.floor(TRAINING_SHARE * seen / parts)
    if reason := _why_off(mode, settings, rows, seen, scoring, documents):
        return SweepPlan((), 0, 0, None, reason)
    if mode == "on":
        return planned._replace(rows=max(rows, FEWEST_ROWS), reason="given")
    reason = f"{parts * rows:,} rows beside {seen:,} of the run: at most a third of its time"
    return planned._replace(rows=rows, limit_rows=SHARE * seen, reason=reason)


def _why_off(
    mode: str,
    settings: Sequence[Setting],
    rows: int,
    seen: int,
    scoring: Scoring | None,
    documents: int,
) -> str:
    if mode == "off":
        return "given"
    if len(settings) == 1:
        return "learning rate and batch size are given"
    if mode == "on":
        return ""
    if scoring is None or scoring.why_not:
        return f"no task metric: {scoring.why_not if scoring else 'nothing that scores an answer was given'}"
    if not documents:
        return "no validation document is scored"
    if documents < LEAST_DOCUMENTS:
        return f"{documents} validation documents to score are too few to tell settings apart"
    if rows < LEAST_ROWS:
        return (
            f"a third of a run of {seen:,} rows leaves {rows} rows for each of {len(settings)} settings, "
            f"{LEAST_ROWS} are needed"
        )
    return ""


def run_sweep(
    plan: SweepPlan,
    kept: Path,
    sign: float,
    attempt: Callable[[int, Setting, int], SweepTrial],
) -> Swept:
    """Run the trials that ``kept`` does not have yet, and return the best setting of the last rung.

    ``attempt`` trains and scores one setting: rung, setting, rows. After the first trial, the time of the
    whole sweep is known: one that would take more than its limit ends there.
    """
    if not plan.settings:
        return Swept(None, (), plan.reason)
    done = _read(kept)
    trials: list[SweepTrial] = []
    left = plan.settings
    for rung, (_, rows) in enumerate(plan.rungs):
        in_rung = []
        for setting in left:
            if (trial := done.get((rung, setting))) is None:
                trial = attempt(rung, setting, rows)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(trial.model_dump_json() + "\n")
            in_rung.append(trial)
            trials.append(trial)
            if len(trials) == 1 and (reason := too_slow(plan, trial)):
                return Swept(None, tuple(trials), reason)
        survivors = math.ceil(len(left) / NARROWS)
        left = tuple(
            Setting(one.learning_rate, one.batch_size) for one in best_first(in_rung, sign)[:survivors]
        )
    return Swept(left[0], tuple(trials), f"the best of {len(plan.settings)} settings in the sweep")


def best_first(trials: Sequence[SweepTrial], sign: float) -> list[SweepTrial]:
    """Return trials by the task's metric, the validation loss where it is equal or missing."""

    def merit(trial: SweepTrial) -> tuple[float, float]:
        value = trial.score.value if trial.score else None
        loss = trial.validation_loss
        return (
            math.inf if value is None else -sign * value,
            math.inf if loss is None or math.isnan(loss) else loss,
        )

    return sorted(trials, key=merit)


def too_slow(plan: SweepPlan, first: SweepTrial) -> str:
    """Return why the sweep would take more than its share of the run, by the times of the first trial."""
    if plan.limit_rows is None:
        return ""
    row_s = first.training_s / first.rows
    trials = sum(count for count, _ in plan.rungs)
    training_s = row_s * sum(count * rows for count, rows in plan.rungs)
    seconds = training_s + trials * (first.starting_s + first.answering_s)
    if seconds <= plan.limit_rows * row_s:
        return ""
    return f"it would take {seconds:.0f} s, more than a third of the run ({plan.limit_rows * row_s:.0f} s)"


def _read(kept: Path) -> dict[tuple[int, Setting], SweepTrial]:
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True) if kept.exists() else []
    trials = [SweepTrial.model_validate_json(line) for line in lines if line.endswith("\n")]
    if len(trials) < len(lines):  # a killed process left a part of a line
        replace_text(kept, "".join(lines[: len(trials)]))
    return {(one.rung, Setting(one.learning_rate, one.batch_size)): one for one in trials}

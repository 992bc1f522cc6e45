"""Chooses the checkpoint of one run: scores it, stops early, keeps the best and the newest on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from insource.evaluation.sample import sample
from insource.foundation.errors import IntegrityError
from insource.foundation.files import write_json
from insource.training.recipe import Recipe
from insource.training.select.checkpoints import (
    Checkpoint,
    checkpoints_of,
    exhausted,
    overfitting,
    ranked,
)
from insource.training.select.curve import checkpoint_line
from insource.training.select.scoring import (
    PROBED,
    Scored,
    Scoring,
    ScoringPlan,
    plan_scoring,
    without_measurement,
)
from insource.types import Example, TrainingPoint

PLAN_FILE = "scoring.json"
STATE_FILE = "trainer_state.json"  # the trainer writes it last: a checkpoint with it is complete
NOT_EXPORTABLE = "adapter-not-exportable"


class Judge(NamedTuple):
    """What scores checkpoints: ``documents`` may be asked, ``given`` is the configured number of them."""

    scoring: Scoring | None
    documents: tuple[Example, ...]
    given: int | None
    longest_answer: int

    @property
    def metric(self) -> str:
        return self.scoring.metric if self.scoring else ""

    @property
    def sign(self) -> float:
        return self.scoring.sign if self.scoring else 1.0

    def score(self, adapter: Path, documents: int) -> Scored:
        assert self.scoring is not None
        return self.scoring.score(adapter, sample(self.documents, documents), self.longest_answer)


BY_LOSS = Judge(None, (), None, 0)


class Kept(NamedTuple):
    """The checkpoint that a run keeps, its folder, the last step, and why training ended there."""

    folder: Path
    checkpoint: Checkpoint
    last: Checkpoint
    stopped: str


class Chooser:
    """Decides by the curve alone, and keeps in the run folder what was measured only once.

    ``points`` is the curve so far; ``record`` adds a point to it. A run that is killed anywhere and started
    again therefore keeps the same checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        points: Sequence[TrainingPoint],
        record: Callable[[TrainingPoint], None],
        judge: Judge = BY_LOSS,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.record = record
        self._checkpoints = folder / "checkpoints"
        self._kept_plan = folder / PLAN_FILE
        self._recipe = recipe
        self._points = points
        self._judge = judge
        self._note = note
        self._warned = ""

    def left_to_train(self) -> bool:
        """Return whether training is not over, by the newest checkpoint on disk.

        One that a killed process did not come to score is scored now.
        """
        newest = self.newest
        if newest is None:
            return True
        stop = self.after(newest)
        return not stop and step_of(newest) < self._recipe.steps

    @property
    def newest(self) -> Path | None:
        """The newest complete checkpoint."""
        whole = [path.parent for path in self._checkpoints.glob(f"checkpoint-*/{STATE_FILE}")]
        return max(whole, key=step_of, default=None)

    @property
    def kept_plan(self) -> ScoringPlan:
        """How the checkpoints of this run are scored, once the first one is written."""
        return ScoringPlan.model_validate_json(self._kept_plan.read_text(encoding="utf-8"))

    def after(self, checkpoint: Path) -> bool:
        """Score a checkpoint that was just written, delete those no longer needed, and return whether to
        stop.
        """
        seen = checkpoints_of(self._points)
        plan = self.plan(checkpoint)
        if plan.which == "each" and seen[-1].score is None:
            self._score(checkpoint, seen[-1], plan)
        seen = self._seen(plan)
        best = ranked(seen, self._judge.sign)
        self._note(checkpoint_line(seen, self._judge.metric, best=best[0] is seen[-1]))
        self._warn(seen)
        self._delete({checkpoint.name, *(f"checkpoint-{one.step}" for one in best[: plan.kept])})
        return bool(self._exhausted(seen))

    def finish(self) -> Kept:
        """Return the checkpoint to keep; finalists are scored first."""
        newest = checkpoints_of(self._points)[-1]
        plan = self.plan(self._checkpoints / f"checkpoint-{newest.step}")
        seen = self._seen(plan)
        if plan.which == "finalists":
            scored = {point.step for point in self._points if point.task_metric}
            for one in ranked(seen, self._judge.sign)[: plan.kept]:
                if one.step not in scored:
                    self._score(self._checkpoints / f"checkpoint-{one.step}", one, plan)
        best = ranked(checkpoints_of(self._points), self._judge.sign)[0]
        early = seen[-1].step < self._recipe.steps
        stopped = self._exhausted(seen) if early else "at the planned number of steps"
        return Kept(self._checkpoints / f"checkpoint-{best.step}", best, seen[-1], stopped)

    def _seen(self, plan: ScoringPlan) -> list[Checkpoint]:
        """Return the evaluations with the scores that decide while training goes on: none of finalists."""
        seen = checkpoints_of(self._points)
        return seen if plan.which == "each" else [one._replace(score=None) for one in seen]

    def plan(self, checkpoint: Path) -> ScoringPlan:
        """Return how checkpoints of this run are scored: as decided before, or by a measurement now."""
        if self._kept_plan.exists():
            return self.kept_plan
        evaluations = -(-self._recipe.steps // self._recipe.evaluate_every)
        judge = self._judge
        plan = without_measurement(judge.scoring, judge.given, len(judge.documents), evaluations)
        if plan is None or plan.which != "none":
            plan = self._possible(checkpoint, plan, evaluations)
        write_json(self._kept_plan, plan.model_dump())
        self._note(f"checkpoints: {plan.value} ({plan.reason})")
        return plan

    def _possible(self, checkpoint: Path, plan: ScoringPlan | None, evaluations: int) -> ScoringPlan:
        """Return the plan, by a measurement where there is none, after a first look whether it can work."""
        try:
            probe = self._judge.score(checkpoint, PROBED)
        except IntegrityError as error:
            if error.code != NOT_EXPORTABLE:
                raise
            return ScoringPlan(which="none", reason=error.message)
        newest = next(point for point in reversed(self._points) if point.tokens_per_s)
        step_s = newest.tokens / newest.step / (newest.tokens_per_s or 1.0)
        return plan or plan_scoring(
            available=len(self._judge.documents),
            evaluations=evaluations,
            training_s=step_s * self._recipe.steps,
            starting_s=probe.starting_s,
            answer_s=probe.answering_s / PROBED,
        )

    def _score(self, folder: Path, checkpoint: Checkpoint, plan: ScoringPlan) -> None:
        found = self._judge.score(folder, plan.documents)
        self.record(
            TrainingPoint(
                step=checkpoint.step,
                epoch=checkpoint.epoch,
                tokens=self._points[-1].tokens,
                task_metric=found.value,
            )
        )

    def _exhausted(self, seen: Sequence[Checkpoint]) -> str:
        return exhausted(seen, self._recipe.patience, self._judge.sign, self._judge.metric)

    def _warn(self, seen: Sequence[Checkpoint]) -> None:
        found = overfitting(seen)
        if found and not self._warned:
            self._note(found)
        self._warned = found

    def _delete(self, without: set[str]) -> None:
        for folder in self._checkpoints.glob("checkpoint-*"):
            if folder.name not in without:
                (folder / STATE_FILE).unlink(missing_ok=True)  # first: what is half deleted is not complete
                shutil.rmtree(folder)


def step_of(checkpoint: Path) -> int:
    """Return the step of a checkpoint's folder."""
    return int(checkpoint.name.rpartition("-")[2])


def by_loss(folder: Path, recipe: Recipe, progress: Callable[[TrainingPoint], None]) -> Chooser:
    """Return a chooser of a run without earlier attempts, by validation loss."""
    points: list[TrainingPoint] = []

    def record(point: TrainingPoint) -> None:
        points.append(point)
        progress(point)

    return Chooser(folder, recipe, points, record)

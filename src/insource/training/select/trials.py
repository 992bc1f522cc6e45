"""One trial of the sweep: a short run with the whole schedule, and its score."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from insource.foundation.errors import ProviderError
from insource.models.catalogue import BaseModel
from insource.training.memory import release
from insource.training.recipe import Recipe
from insource.training.select.chooser import Judge, by_loss
from insource.training.select.curve import said
from insource.training.select.sweep import Setting, SweepPlan, Swept, run_sweep
from insource.training.tokenize import TrainingRow
from insource.types import SweepTrial, TrainingPoint

if TYPE_CHECKING:
    from insource.training.loop.fine_tune import Trained

DIVERGED = "loss-not-a-number"


class Material(NamedTuple):
    """What every run of one training shares."""

    base: BaseModel
    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    pad_id: int


def sweep(
    folder: Path,
    plan: SweepPlan,
    recipe: Recipe,
    material: Material,
    judge: Judge,
    point: Callable[[TrainingPoint, Recipe], None],
    note: Callable[[str], None],
) -> Swept:
    """Run the sweep in ``folder``; a second call goes on with the first trial that has no result."""
    folder.mkdir(exist_ok=True)
    rungs = [f"{count} settings on {rows} rows" for count, rows in plan.rungs if count]
    note(f"sweep: {', then '.join(rungs) or 'off'} ({plan.reason})")

    def attempt(rung: int, setting: Setting, rows: int) -> SweepTrial:
        made = _trial(folder / "trial", rung, setting, rows, plan.documents, recipe, material, judge, point)
        note(
            f"rung {rung + 1}, learning rate {setting.learning_rate:.2g}, batch {setting.batch_size}: "
            + ("diverged" if made.validation_loss is None else f"validation loss {made.validation_loss:.3f}")
            + (f", {judge.metric.replace('_', ' ')} {said(made.score)}" if made.score else "")
        )
        return made

    found = run_sweep(plan, folder / "trials.jsonl", judge.sign, attempt)
    if found.trials and found.setting is None:
        note(f"sweep: off after the first trial: {found.reason}")
    return found


def _trial(
    folder: Path,
    rung: int,
    setting: Setting,
    rows: int,
    documents: int,
    recipe: Recipe,
    material: Material,
    judge: Judge,
    point: Callable[[TrainingPoint, Recipe], None],
) -> SweepTrial:
    shutil.rmtree(folder, ignore_errors=True)  # of a killed attempt
    steps = max(1, rows // setting.batch_size)
    short = recipe.model_copy(update=setting._asdict() | {"steps": steps, "evaluate_every": steps})
    folder.mkdir()
    started = time.monotonic()
    trained = _trained(folder, short, material, point)
    training_s = time.monotonic() - started
    release()
    scorable = judge.scoring is not None and not judge.scoring.why_not and documents
    scored = judge.score(trained.adapter, documents) if trained and scorable else None
    shutil.rmtree(folder)
    return SweepTrial(
        rung=rung,
        **setting._asdict(),
        rows=steps * setting.batch_size,
        validation_loss=trained.best_validation_loss if trained else None,
        score=scored.value if scored else None,
        training_s=training_s,
        starting_s=scored.starting_s if scored else 0.0,
        answering_s=scored.answering_s if scored else 0.0,
    )


def _trained(
    folder: Path, short: Recipe, material: Material, point: Callable[[TrainingPoint, Recipe], None]
) -> Trained | None:
    """Train one trial; None when it diverged, which tells that its setting is the worst."""
    from insource.training.loop.fine_tune import fine_tune

    try:
        return fine_tune(
            material.base,
            short,
            material.rows,
            material.validation,
            pad_id=material.pad_id,
            folder=folder,
            chooser=by_loss(folder, short, lambda one: point(one, short)),
        )
    except ProviderError as error:
        if error.code != DIVERGED:
            raise
        return None

"""The training stage: from a dataset to an adapter in a run folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from insource.config.training import TrainingSection
from insource.dataset.identity import identity_of
from insource.evaluation.sample import sample
from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError, Interrupted
from insource.foundation.files import replace_text
from insource.models.catalogue import BaseModel
from insource.runs.folders import Run, RunStore, StageSpec
from insource.training.base import require_extra
from insource.training.memory import release
from insource.training.outcome import summarised
from insource.training.planning.machine import Machine, keep_machine, kept_machine
from insource.training.preflight import (
    check_disk,
    check_memory,
    check_method,
    check_processes,
    failures,
    stop_on,
)
from insource.training.prepare import Prepared, base_shape, prepare, recipe_for
from insource.training.recipe import Choice, Recipe
from insource.training.select.chooser import STATE_FILE, Chooser, Judge, step_of
from insource.training.select.curve import progress_line
from insource.training.select.scoring import MOST_DOCUMENTS, Scoring, ScoringPlan
from insource.training.select.sweep import Swept, plan_sweep
from insource.training.select.trials import Material, sweep
from insource.training.tokenize import TrainingRow
from insource.types import Dataset, Task, TrainingPoint, TrainingSummary

if TYPE_CHECKING:
    from insource.training.loop.fine_tune import Trained

STAGE, VERSION = "train", 9
NO_RESULT = {"force", "usd_per_hour"}
"""Settings that change no byte of a run. A check that was overridden is in its summary."""
LIBRARIES = ("torch", "transformers", "peft", "trl", "xllamacpp", "llguidance")


class Watch(NamedTuple):
    """Callbacks during training: the recipe once, the curve so far at each point with the recipe, and a line
    for each choice and each checkpoint.
    """

    planned: Callable[[Recipe], None]
    curve: Callable[[Sequence[TrainingPoint], Recipe], None]
    note: Callable[[str], None] = lambda text: None


class Order(NamedTuple):
    """What is to be trained, and what scores it."""

    dataset: Dataset
    task: Task
    base: BaseModel
    section: TrainingSection
    seed: int
    scoring: Scoring | None


def train(
    runs: RunStore,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    watch: Watch,
    scoring: Scoring | None = None,
) -> Run:
    """Return a complete training run for this data and configuration: an earlier one, or a new one.

    ``scoring`` scores checkpoints by the task's metric; without it, the validation loss chooses.

    Raises:
        PrerequisiteError: ``missing-extra``.
        DataError, IntegrityError: a pre-flight check failed.
        ProviderError: the engine that scores a checkpoint failed; the next call goes on there.
        Interrupted: after Ctrl-C; the next call resumes at the last checkpoint.
    """
    scored_by = {"scored by": digest([scoring.why_not, scoring.identity])} if scoring else {}
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "base": base.digest,
            "train": train_digest(dataset),
            "validation": identity_of(dataset.splits["validation"]),
        }
        | scored_by,
        config=section.model_dump(exclude=NO_RESULT) | {"instruction": task.instruction},
        seed=seed,
        libraries=LIBRARIES,
    )
    order = Order(dataset, task, base, section, seed, scoring)
    return runs.run(spec, lambda folder: _work(folder, order, watch))


def train_digest(dataset: Dataset) -> str:
    """Return the digest of the training rows, as a run keeps it."""
    return digest([example.digest for example in dataset.splits["train"]])


def summary(run: Run) -> TrainingSummary:
    """Return the training summary of a run."""
    return TrainingSummary.model_validate(run.result)


def line(points: Sequence[TrainingPoint]) -> str:
    """Format the newest training point with the curve so far, for a progress line."""
    return progress_line(points)


def _work(folder: Path, order: Order, watch: Watch) -> dict[str, Any]:
    require_extra()
    section = order.section
    prepared = prepare(order.dataset, order.task, order.base, section)
    rows, seen, choosing = prepared.rows, prepared.seen, prepared.choosing
    machine = kept_machine(folder)
    recipe = _recipe(machine, order, rows, prepared.validation, section)
    forced = stop_on(
        [*prepared.failed, *_lacking(folder, machine, order, prepared, recipe)], force=section.force
    )
    keep_machine(folder, machine)
    for reason in forced:
        watch.note(f"--force overrides {reason}")
    material = Material(order.base, rows, prepared.validation, pad_id=prepared.pad_id)
    longest = prepared.longest_answer
    judge = Judge(order.scoring, choosing.examples, section.scored_documents, longest)
    started = time.monotonic()
    recipe, swept = _swept(folder, order, material, judge, watch)
    recipe = recipe.also(
        Choice(name="choosing on", value=choosing.value, reason=choosing.reason), prepared.answers
    )
    watch.planned(recipe)
    trained, points, plan = _trained(folder, recipe, material, judge, watch)
    release()
    asked = max(len(seen), plan.documents, *(trial.score.n for trial in swept.trials if trial.score))
    found = summarised(
        trained,
        recipe,
        points,
        base=order.base.name,
        examples=len(rows),
        longest_answer=longest,
        metric=judge.metric,
        plan=plan,
        trials=swept.trials,
        chosen_on=sample(choosing.examples, asked),
        validation_rows=len(seen),
        seconds=round(time.monotonic() - started, 1),
        compact_answers=section.compact_answers,
    )
    return found.model_copy(update={"forced": forced}).model_dump(mode="json")


def _lacking(
    folder: Path, machine: Machine, order: Order, prepared: Prepared, recipe: Recipe
) -> list[InsourceError]:
    """Return what this machine lacks for the recipe."""
    shape = base_shape(order.base)
    lora = order.section.model_copy(update={"method": "lora"})
    trained = recipe.trained_parameters(shape)
    return failures(
        (
            lambda: check_method(
                recipe,
                shape,
                machine,
                lambda: _recipe(machine, order, prepared.rows, prepared.validation, lora),
            ),
            lambda: check_processes(recipe, machine),
            lambda: check_memory(recipe),
            lambda: check_disk(folder, trained),
        )
    )


def _swept(
    folder: Path, order: Order, material: Material, judge: Judge, watch: Watch
) -> tuple[Recipe, Swept]:
    """Return the recipe with what the sweep found."""
    section, rows, validation = order.section, material.rows, material.validation
    machine = kept_machine(folder)
    recipe = _recipe(machine, order, rows, validation, section)
    documents = MOST_DOCUMENTS if section.scored_documents is None else section.scored_documents
    planned = plan_sweep(
        section.sweep,
        recipe,
        rate_given=section.learning_rate is not None,
        batch_given=section.batch_size is not None,
        scoring=order.scoring,
        documents=min(documents, len(judge.documents)),
    )
    points: list[TrainingPoint] = []

    def point(one: TrainingPoint, short: Recipe) -> None:
        points.append(one)
        watch.curve(points[-one.step :], short)

    try:
        found = sweep(folder / "sweep", planned, recipe, material, judge, point, watch.note)
    except KeyboardInterrupt as stop:
        raise _interrupted("in the sweep") from stop
    if found.setting is not None:
        given = section.model_copy(update=found.setting._asdict())
        recipe = _recipe(machine, order, rows, validation, given)
        swept = {"learning rate": section.learning_rate is None, "batch": section.batch_size is None}
        for name in (name for name, free in swept.items() if free):
            recipe = _with_reason(recipe, name, found.reason)
    on = found.setting is not None
    value = f"{len(planned.settings)} settings" if on else "off"
    reason = planned.reason if on else found.reason
    return recipe.also(Choice(name="sweep", value=value, reason=reason)), found


def _trained(
    folder: Path, recipe: Recipe, material: Material, judge: Judge, watch: Watch
) -> tuple[Trained, list[TrainingPoint], ScoringPlan]:
    points, log = _earlier_points(folder / "events.jsonl")

    def record(point: TrainingPoint) -> None:
        points.append(point)
        with log.open("a", encoding="utf-8") as file:
            file.write(point.model_dump_json() + "\n")
        if point.task_metric is None:  # the chooser has a line of its own for a score
            watch.curve(points, recipe)

    chooser = Chooser(folder, recipe, points, record, judge, watch.note)
    from insource.training.loop.fine_tune import fine_tune

    try:
        trained = fine_tune(
            material.base,
            recipe,
            material.rows,
            material.validation,
            pad_id=material.pad_id,
            folder=folder,
            chooser=chooser,
            note=watch.note,
        )
    except KeyboardInterrupt as stop:
        step = points[-1].step if points else 0
        raise _interrupted(f"at step {step} of {recipe.steps}") from stop
    return trained, points, chooser.kept_plan


def _interrupted(where: str) -> Interrupted:
    return Interrupted(
        "interrupted",
        f"Training was stopped {where}.",
        hint="Run the same command again: it continues at the last checkpoint.",
    )


def _with_reason(recipe: Recipe, name: str, reason: str) -> Recipe:
    return recipe.model_copy(
        update={
            "choices": tuple(
                choice.model_copy(update={"reason": reason}) if choice.name == name else choice
                for choice in recipe.choices
            )
        }
    )


def _recipe(
    machine: Machine,
    order: Order,
    rows: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    section: TrainingSection,
) -> Recipe:
    return recipe_for(rows, validation, order.base, section, order.seed, machine)


def _earlier_points(log: Path) -> tuple[list[TrainingPoint], Path]:
    """Return the curve of an interrupted attempt, up to the checkpoint from which training resumes.

    Checkpoints without their evaluation cannot be compared: training then begins anew.
    """
    checkpoints = log.parent / "checkpoints"
    reached = max(
        (step_of(path.parent) for path in checkpoints.glob(f"checkpoint-*/{STATE_FILE}")), default=0
    )
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    points = [TrainingPoint.model_validate_json(line) for line in lines if line.endswith("\n")]
    kept = [point for point in points if point.step <= reached]
    if not any(point.step == reached and point.validation_loss is not None for point in kept):
        shutil.rmtree(checkpoints, ignore_errors=True)
        kept = []
    replace_text(log, "".join(point.model_dump_json() + "\n" for point in kept))
    return kept, log

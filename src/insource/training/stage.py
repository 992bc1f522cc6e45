"""The training stage: from a dataset to an adapter in a run folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from insource.config.training import TrainingSection
from insource.foundation.canonical import digest
from insource.foundation.errors import Interrupted
from insource.foundation.rng import derived_seed
from insource.models.catalogue import BaseModel
from insource.runs.folders import Run, RunStore, StageSpec
from insource.training.base import load_tokenizer, require_extra, unpacked
from insource.training.memory import release
from insource.training.preflight import check_leakage, check_rows, check_template
from insource.training.recipe import Recipe, plan
from insource.training.tokenize import TrainingRow, tokenize
from insource.types import Dataset, Task, TrainingPoint, TrainingSummary

if TYPE_CHECKING:
    from insource.training.loop.fine_tune import Trained

STAGE, VERSION = "train", 5
LIBRARIES = ("torch", "transformers", "peft", "trl")


class Watch(NamedTuple):
    """Callbacks during training: the recipe once, then each training point with the recipe."""

    planned: Callable[[Recipe], None]
    point: Callable[[TrainingPoint, Recipe], None]


def train(
    runs: RunStore,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    watch: Watch,
) -> Run:
    """Return a complete training run for this data and configuration: an earlier one, or a new one.

    Raises:
        PrerequisiteError: ``missing-extra``.
        DataError, IntegrityError: a pre-flight check failed.
        Interrupted: after Ctrl-C; the next call resumes at the last checkpoint.
    """
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "base": base.digest,
            "train": digest([example.digest for example in dataset.splits["train"]]),
            "validation": digest([example.digest for example in dataset.splits["validation"]]),
        },
        config=section.model_dump() | {"instruction": task.instruction},
        seed=seed,
        libraries=LIBRARIES,
    )
    return runs.run(spec, lambda folder: _work(folder, dataset, task, base, section, seed, watch))


def summary(run: Run) -> TrainingSummary:
    """Return the training summary of a run."""
    return TrainingSummary.model_validate(run.result)


def line(point: TrainingPoint) -> str:
    """Format a training point for a progress line."""
    if point.validation_loss is not None:
        return f"validation loss {point.validation_loss:.3f}"
    speed = f", {point.tokens_per_s:.0f} tokens/s" if point.tokens_per_s else ""
    return f"loss {point.loss or 0:.3f}{speed}"


def _work(
    folder: Path,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    watch: Watch,
) -> dict[str, Any]:
    require_extra()
    held_out = (e for split, examples in dataset.splits.items() if split != "train" for e in examples)
    check_leakage(dataset.splits["train"], tuple(held_out))
    tokenizer = load_tokenizer(base)
    check_template(tokenizer)
    rows = tokenize(tokenizer, task, dataset.splits["train"])
    validation = tokenize(tokenizer, task, dataset.splits["validation"][: section.validation_documents])
    check_rows([*rows, *validation], section.max_tokens)
    recipe = _recipe(rows, validation, base, section, seed)
    watch.planned(recipe)
    points, log = _earlier_points(folder / "events.jsonl")

    def progress(point: TrainingPoint) -> None:
        points.append(point)
        with log.open("a", encoding="utf-8") as file:
            file.write(point.model_dump_json() + "\n")
        watch.point(point, recipe)

    from insource.training.loop.fine_tune import fine_tune

    started = time.monotonic()
    try:
        trained = fine_tune(
            base, recipe, rows, validation, pad_id=tokenizer.pad_token_id, folder=folder, progress=progress
        )
    except KeyboardInterrupt as stop:
        raise Interrupted(
            "interrupted",
            f"Training was stopped at step {points[-1].step if points else 0} of {recipe.steps}.",
            hint="Run the same command again: it continues at the last checkpoint.",
        ) from stop
    seconds = round(time.monotonic() - started, 1)
    release()
    longest = max(row.answer_tokens for row in [*rows, *validation])
    found = _summary(trained, recipe, points, base=base.name, examples=len(rows), longest_answer=longest)
    return found.model_copy(update={"seconds": seconds}).model_dump(mode="json")


def _summary(
    trained: Trained,
    recipe: Recipe,
    points: Sequence[TrainingPoint],
    *,
    base: str,
    examples: int,
    longest_answer: int,
) -> TrainingSummary:
    speeds = [point.tokens_per_s for point in points if point.tokens_per_s]
    return TrainingSummary(
        base_model=base,
        examples=examples,
        steps=trained.steps,
        planned_steps=recipe.steps,
        epochs=round(trained.epochs, 2),
        tokens=points[-1].tokens if points else 0,
        tokens_per_s=round(speeds[-1], 1) if speeds else 0.0,
        best_step=trained.best_step,
        best_validation_loss=trained.best_validation_loss,
        stopped=trained.stopped,
        longest_answer_tokens=longest_answer,
        choices=(
            *((choice.name, choice.value, choice.reason) for choice in recipe.choices),
            ("weights", *trained.dtype_reason.split(": ", 1)),
            *((choice.name, choice.value, choice.reason) for choice in trained.speed),
        ),
        curve=tuple(points),
        peak_memory_bytes=trained.peak_memory_bytes,
    )


def _recipe(
    rows: list[TrainingRow],
    validation: list[TrainingRow],
    base: BaseModel,
    section: TrainingSection,
    seed: int,
) -> Recipe:
    config = json.loads((unpacked(base) / "config.json").read_text())
    return plan(
        examples=len(rows),
        hidden_size=config["hidden_size"],
        longest_row_tokens=max(len(row.input_ids) for row in [*rows, *validation]),
        seed=derived_seed(seed, "training"),
        epochs=section.epochs,
        learning_rate=section.learning_rate,
        batch_size=section.batch_size,
        rank=section.rank,
    )


def _earlier_points(log: Path) -> tuple[list[TrainingPoint], Path]:
    """Return the curve of an interrupted attempt, up to the checkpoint from which training resumes."""
    checkpoints = [
        int(path.parent.name.rpartition("-")[2])
        for path in (log.parent / "checkpoints").glob("checkpoint-*/trainer_state.json")
    ]
    reached = max(checkpoints, default=0)
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    points = [TrainingPoint.model_validate_json(line) for line in lines if line.endswith("\n")]
    kept = [point for point in points if point.step <= reached]
    log.write_text("".join(point.model_dump_json() + "\n" for point in kept), encoding="utf-8")
    return kept, log

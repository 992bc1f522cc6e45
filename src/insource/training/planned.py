"""The plan of a training run, without the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from insource.config.training import TrainingSection
from insource.models.catalogue import BaseModel, is_folder
from insource.runs.folders import RunStore
from insource.training.base import require_extra
from insource.training.launch.jobs import Job, Launcher, job_file, smallest_card, train_command
from insource.training.planning.data import facts_of
from insource.training.planning.machine import this_machine
from insource.training.planning.training_plan import TrainingPlan, training_plan
from insource.training.preflight import (
    OVERRIDABLE,
    check_disk,
    check_memory,
    check_method,
    check_processes,
    failures,
    stop_on,
)
from insource.training.prepare import base_shape, prepare, recipe_for
from insource.training.recipe import Recipe
from insource.training.select import scoring, sweep
from insource.training.stage import STAGE, summary, train_digest
from insource.types import Dataset, Task, TrainingSummary

EARLIER_RUNS = 5


def planned(
    runs: RunStore,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    *,
    usd_per_hour: float,
    checks: Sequence[Callable[[], None]] = (),
) -> TrainingPlan:
    """Return what training would do, and what would stop it; ``checks`` are those of other packages.

    Raises:
        PrerequisiteError: ``missing-extra``.
        IntegrityError: ``stop-token-missing``.
        DataError: ``no-training-rows``.
    """
    require_extra()
    prepared = prepare(dataset, task, base, section, _earlier(runs, dataset, base, section))
    machine, shape = this_machine(), base_shape(base)

    def planned(section: TrainingSection) -> Recipe:
        return recipe_for(prepared.rows, prepared.validation, base, section, seed, machine)

    recipe, lora = planned(section), section.model_copy(update={"method": "lora"})
    trained = recipe.trained_parameters(shape)
    own = (
        lambda: check_method(recipe, shape, machine, lambda: planned(lora)),
        lambda: check_processes(recipe, machine),
        lambda: check_memory(recipe),
        lambda: check_disk(runs.folder, trained),
    )
    return training_plan(
        recipe.also(prepared.answers),
        base_model=base.name,
        machine=machine,
        data=facts_of(prepared.rows, prepared.validation),
        shape=shape,
        failed=[*failures(checks), *prepared.failed, *failures(own)],
        overridable=OVERRIDABLE,
        usd_per_hour=usd_per_hour,
        speeds=_speeds(runs, base.name, recipe.method),
        choosing=choosing_share(section),
    )


def cluster_job(
    launcher: Launcher,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    *,
    command: str,
    workspace: str,
) -> str:
    """Return the job file of a cluster for this training, on the smallest card that its plan fits on.

    Raises:
        InsourceError: a check before training, ``no-card-fits``.
    """
    require_extra()
    prepared = prepare(dataset, task, base, section)
    card, recipe = smallest_card(
        lambda machine: recipe_for(prepared.rows, prepared.validation, base, section, seed, machine)
    )
    there = card.machine.model_copy(update={"cards": section.processes})
    stop_on([*prepared.failed, *failures((lambda: check_processes(recipe, there),))], force=section.force)
    kind, _, rest = section.model.partition("/")
    job = Job(
        task=task.name,
        model=section.model,
        command=train_command(command),
        workspace=workspace,
        card=card,
        recipe=recipe,
        pulled=not (kind == "gguf" or (kind == "hf" and is_folder(rest))),
    )
    return job_file(launcher, job)


def choosing_share(section: TrainingSection) -> float:
    """Return the largest share of the training time that choosing settings and checkpoints may take."""
    swept = section.sweep != "off" and (section.learning_rate is None or section.batch_size is None)
    scored = section.scored_documents != 0
    return (sweep.SHARE if swept else 0.0) + (scoring.SHARE if scored else 0.0)


def _earlier(
    runs: RunStore, dataset: Dataset, base: BaseModel, section: TrainingSection
) -> list[TrainingSummary]:
    """Return earlier runs on these rows of this model and method, the newest first.

    Others differ by more than how their answers are written.
    """
    rows, same = train_digest(dataset), (base.name, section.method)
    found = (summary(run) for run in runs.complete(STAGE) if run.manifest["spec"]["inputs"]["train"] == rows)
    return [one for one in found if (one.base_model, one.method) == same]


def _speeds(runs: RunStore, base: str, method: str) -> list[float]:
    """Return tokens per second of earlier runs of this model and method, the newest first."""
    found = (summary(run) for run in runs.complete(STAGE))
    speeds = [one.tokens_per_s for one in found if (one.base_model, one.method) == (base, method)]
    return [speed for speed in speeds if speed][:EARLIER_RUNS]

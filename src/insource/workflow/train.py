"""Train the adapter, and score its checkpoints as it will be served."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from insource.arms.local import Local, local_plan, room_for_answer
from insource.config.training import Method
from insource.dataset.rows.teacher_policy import check_teachers, read_policy
from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.metrics import summarise
from insource.evaluation.run import Scorer, evaluate
from insource.evaluation.scorers import build_scorer, empty_scores, training_forms
from insource.evaluation.scoring.custom import custom_scorer
from insource.evaluation.stage import VERSION as EVALUATION_VERSION
from insource.export.adapter_gguf import write_adapter
from insource.foundation.canonical import digest
from insource.foundation.errors import UserError
from insource.lifecycle.anchors.kept import anchors_of
from insource.models.catalogue import BaseModel, resolve
from insource.models.grounding.grounding import Grounding
from insource.runs.folders import Run
from insource.training.defaults import METHODS
from insource.training.launch.jobs import Launcher
from insource.training.planned import cluster_job, planned
from insource.training.planning.training_plan import TrainingPlan
from insource.training.select.scoring import Scored, Scoring
from insource.training.stage import Watch, line, train
from insource.types import NOT_MEASURED, Arm, Dataset, Example, Task
from insource.workflow.anchors import refuse_leaks
from insource.workflow.session import Session

NOT_SCORED_WITH = {"margin", "privacy", "scorer"}
ENGINE = "xllamacpp"
NO_ADAPTER: dict[Method, str] = {
    "full": "every checkpoint of a whole model would have to be converted",
    "dora": "GGUF has no DoRA adapters: every checkpoint would have to be merged and converted",
}


def train_model(session: Session, dataset: Dataset, task: Task, grounding: Grounding | None) -> Run:
    """An adapter on the base model, or a whole model, from the training split's labels."""
    section = session.config.training
    _check_teachers(session, dataset)
    refuse_leaks(session, anchors_of(session.project.workspace, task.name).anchors, dataset.splits["train"])
    base = resolve(section.model)
    session.begin("train", f"{METHODS[section.method]} on {base.name}, loss on the answers only")
    watch = Watch(
        planned=session.display.planned,
        curve=lambda points, recipe: session.display.progress(line(points), points[-1].step, recipe.steps),
        note=session.display.note,
    )
    scoring = checkpoint_scoring(session, dataset, task, base, grounding)
    return session.done(
        train(session.project.runs, dataset, task, base, section, session.config.project.seed, watch, scoring)
    )


def plan_training(session: Session, dataset: Dataset, task: Task) -> TrainingPlan:
    """What `train_model` would do on this machine, and what would stop it; nothing is trained."""
    config = session.config
    power = config.decision.power_watts / 1000 * config.decision.kwh_usd
    given = config.training.usd_per_hour
    return planned(
        session.project.runs,
        dataset,
        task,
        resolve(config.training.model),
        config.training,
        config.project.seed,
        usd_per_hour=power if given is None else given,
        checks=(lambda: _check_teachers(session, dataset),),
    )


def training_job(session: Session, dataset: Dataset, task: Task, launcher: Launcher) -> str:
    """Return the file of a job that trains this project on a cluster.

    Raises:
        UserError: ``job-outside-project`` when the job's folder would lack something.
        InsourceError: as ``training.planned.cluster_job``.
    """
    config = session.config
    _check_teachers(session, dataset)
    _check_within(config.training.model, config.project.workspace)
    return cluster_job(
        launcher,
        dataset,
        task,
        resolve(config.training.model),
        config.training,
        config.project.seed,
        command=session.command,
        workspace=config.project.workspace,
    )


def _check_within(model: str, workspace: str) -> None:
    kind, _, rest = model.partition("/")
    outside = kind == "ollama" or (kind in ("hf", "gguf") and _leads_out(rest))
    found = {f"the base model {model}": outside, f"the workspace {workspace}": _leads_out(workspace)}
    for what in (what for what, out in found.items() if out):
        raise UserError(
            "job-outside-project",
            f"The job takes the project's folder along, and {what} lies outside it.",
            hint="Use a model of a hub or the catalogue, or move the files into the project's folder.",
        )


def _leads_out(path: str) -> bool:
    return Path(path).is_absolute() or path.startswith("~") or ".." in Path(path).parts


def _check_teachers(session: Session, dataset: Dataset) -> None:
    path = session.project.policy_path
    check_teachers(dataset.splits["train"], read_policy(path), path)


def checkpoint_scoring(
    session: Session, dataset: Dataset, task: Task, base: BaseModel, grounding: Grounding | None
) -> Scoring:
    """Return what scores an adapter as the tuned arm will be scored: exported, served, under the grammar."""
    local = Local(
        task=task,
        base=base,
        adapter=None,
        serving=session.config.serving,
        max_new_tokens=session.config.evaluation.max_new_tokens or 0,
        on_restart=lambda reason: session.display.note(f"The engine was started again: {reason}"),
        grounding=grounding,
        compact=session.config.training.compact_answers,
    )
    scorer = build_scorer(task, training_forms(task, dataset.splits["train"]))

    def score(adapter: Path, examples: Sequence[Example], longest_answer: int) -> Scored:
        room = local.max_new_tokens or room_for_answer(longest_answer)
        with tempfile.TemporaryDirectory(prefix="insource-checkpoint-") as folder:
            file = Path(folder) / "adapter.gguf"
            write_adapter(adapter, base.gguf, file)
            asked = local._replace(adapter=file, max_new_tokens=room)
            return _scored(asked, task, tuple(examples), scorer, Path(folder) / "records.jsonl")

    own = custom_scorer(task.scorer).digest if task.scorer else ""
    said = task.model_dump(mode="json", exclude=NOT_SCORED_WITH)
    return Scoring(
        metric=task.primary_metric,
        sign=gain_sign(task.primary_metric),
        identity={
            "task": digest([said, own]),
            "evaluation": str(EVALUATION_VERSION),
            "room": f"{local.max_new_tokens} of {local.serving.context_tokens}",
            **({"grounding": grounding.digest} if grounding else {}),
        },
        score=score,
        why_not=_why_not(session.config.training.method),
    )


def _why_not(method: Method) -> str:
    """Return why checkpoints of this method cannot be scored here, empty when they can."""
    if method in NO_ADAPTER:
        return NO_ADAPTER[method]
    return "" if find_spec(ENGINE) else "it needs the extra `serve`: pip install 'insource[serve]'"


def _scored(local: Local, task: Task, examples: tuple[Example, ...], scorer: Scorer, journal: Path) -> Scored:
    arm = Arm(name="checkpoint", model=local.tuned_name, kind="tuned", local=True, constrained=True)
    plan = local_plan(local, arm, examples, adapter=0, describe=False)
    began = time.monotonic()
    with plan.model() as model:
        started = time.monotonic()
        records = evaluate(model, examples, plan.ask, scorer, journal=journal)
        ended = time.monotonic()
    found = summarise(arm, "validation", records, all_null=empty_scores(task, examples))
    value = found.metrics.get(task.primary_metric, NOT_MEASURED)
    return Scored(value, starting_s=started - began, answering_s=ended - started)

"""Measure what each step down costs: the tuned model by other methods, and in fewer bits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, get_args

from insource.arms.local import Local, local_plan
from insource.config.training import Method
from insource.evaluation.compare import compare
from insource.evaluation.estimators import mean, sampling_units
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.export.adapter_gguf import ADAPTER_FILE
from insource.export.agreement import metric_of, quality_of
from insource.export.merged.steps import FILE_TYPES, gguf_name
from insource.export.stage import served_file
from insource.foundation.errors import InsourceError, IntegrityError
from insource.foundation.files import write_json
from insource.models.gguf_metadata import read_values
from insource.runs.folders import RunStore, StageSpec
from insource.training.stage import summary
from insource.types import Arm, Dataset, Estimate, EvalRecord, Example, Split, Task
from insource.types.step_ladder import LadderStep, SeedRun, StepLadder
from insource.workflow.evaluate import evaluate_one
from insource.workflow.export import Made, make_model
from insource.workflow.publish import steps_of
from insource.workflow.session import Session

STAGE, VERSION = "ladder", 1
LADDER_FILE = "ladder.json"
SPLIT: Split = "validation"
METHODS: tuple[Method, ...] = get_args(Method)
# The order of the steps, from what trains most to what trains least.
FROM_THE_TOP: tuple[Method, ...] = ("full", "dora", "rslora", "lora", "qlora")
ASKED_FOR_MEMORY = 3


class _Form(NamedTuple):
    """One form of the tuned model: what serves it, its file, and the bytes of the base beside an adapter."""

    name: str
    local: Local
    file: Path
    file_type: str
    base_bytes: int = 0
    note: str = ""


class _Measured(NamedTuple):
    """One step with what it was measured by."""

    step: LadderStep
    evaluated: Evaluated


def measure_steps(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    *,
    methods: Sequence[Method] = (),
    seeds: int = 1,
    documents: int | None = None,
) -> StepLadder:
    """Return the ladder on validation documents, under the grammar, and keep it in a run folder.

    The tuned model ``made`` is measured as it is served, then merged in each file type. ``methods`` are
    further ways to train, ``seeds`` the number of trainings of the same kind; both train, and a line says how
    long that takes before it begins. The test split is not looked at: a form is chosen by this ladder.

    Raises as ``make_model`` and ``evaluate_one``. A file type that fails its gate is absent, with the reason.
    """
    examples = sample(dataset.splits[SPLIT], documents or session.config.evaluation.validation_documents)
    _announce(session, made, len(set(methods) - {session.config.training.method}) + max(0, seeds - 1))
    absent: dict[str, str] = {}
    found: list[_Measured] = []
    for method in FROM_THE_TOP:
        if method == session.config.training.method:
            found.append(_as_served(session, dataset, task, made, examples, method))
        elif method in methods:
            try:
                other = make_model(_with(session, method=method), dataset, task)
                found.append(_as_served(session, dataset, task, other, examples, method))
            except InsourceError as error:
                absent[method] = error.message
    found += _file_types(session, dataset, task, made, examples, absent)
    metric = metric_of(task, found[0].evaluated.records)
    ladder = StepLadder(
        metric=metric,
        split=SPLIT,
        documents=len(examples),
        margin=task.margin,
        steps=_compared(found, metric, task.margin),
        seeds=_seeds(session, dataset, task, found, examples, metric, seeds),
        absent=absent,
    )
    return _kept(session, made, found, ladder)


def ladder_of(runs: RunStore, training: str) -> StepLadder | None:
    """Return the newest ladder of a training run, by its digest."""
    for run in runs.complete(STAGE):
        if run.manifest["spec"]["inputs"]["train"] == training:
            return StepLadder.model_validate(run.result)
    return None


def _announce(session: Session, made: Made, trainings: int) -> None:
    if trainings:
        minutes = trainings * summary(made.trained).seconds / 60
        session.display.note(
            f"{trainings} more trainings: about {minutes:.0f} minutes, as long as the kept one took each; "
            "full fine-tuning takes longer. Ctrl-C stops; what is finished is kept."
        )


def _with(session: Session, **training: object) -> Session:
    """Return a session of the same walk with other settings of the training."""
    config = session.config
    changed = config.model_copy(update={"training": config.training.model_copy(update=training)})
    project = session.project.model_copy(update={"config": changed})
    other = Session(project, session.display, session.command, session.clock)
    other.look_id, other.stages = session.look_id, session.stages
    return other


def _as_served(
    session: Session, dataset: Dataset, task: Task, made: Made, examples: tuple[Example, ...], method: Method
) -> _Measured:
    """Measure a trained model as its export serves it."""
    file = served_file(made.exported)
    base = made.local.base
    note = str(made.exported.result.get("merged_because", ""))
    note = f"served merged: {note}" if note else ""
    held = base.gguf.stat().st_size if file.name == ADAPTER_FILE else 0
    kind = _file_type(base.gguf if held else file)
    name = f"{method}, {'adapter on ' if held else ''}{kind}"
    form = _Form(name, made.local.here(), file, kind, held, note)
    return _measure(session, dataset, task, examples, form)


def _file_types(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    examples: tuple[Example, ...],
    absent: dict[str, str],
) -> list[_Measured]:
    steps = steps_of(session, dataset, task, made, len(examples))
    found = []
    for kind in FILE_TYPES:
        try:
            run = session.done(steps.gguf(kind), f"export {kind}")
        except IntegrityError as error:
            absent[kind] = " ".join((error.message, *error.details))
            continue
        path = run.path / gguf_name(kind)
        says = run.result["file_type"].rpartition("MOSTLY_")[2]
        form = _Form(kind.upper(), made.local.here().of(path), path, says, note=run.result["note"])
        found.append(_measure(session, dataset, task, examples, form))
    return found


def _measure(
    session: Session, dataset: Dataset, task: Task, examples: tuple[Example, ...], form: _Form
) -> _Measured:
    local = form.local
    arm = Arm(
        name=f"tuned {form.name}",
        model=f"{local.tuned_name}, {form.name}",
        kind="tuned",
        local=True,
        constrained=True,
        description="one step of the ladder, under the grammar",
    )
    plan = local_plan(local, arm, examples, adapter=0, describe=False)
    evaluated = evaluate_one(session, dataset, task, SPLIT, plan)
    metric = metric_of(task, evaluated.records)
    step = LadderStep(
        name=form.name,
        file_type=form.file_type,
        bytes=form.base_bytes + form.file.stat().st_size,
        memory_bytes=_peak_memory(local, task, examples[:ASKED_FOR_MEMORY]),
        quality=quality_of(evaluated.records, metric),
        tokens_per_s=_tokens_per_s(evaluated.records),
        p50_s=evaluated.evaluation.latency_s["p50"],
        p95_s=evaluated.evaluation.latency_s["p95"],
        note=form.note,
    )
    return _Measured(step, evaluated)


def _compared(found: Sequence[_Measured], metric: str, margin: float) -> tuple[LadderStep, ...]:
    """Return the steps, each compared with the one above on the documents of both."""
    steps = [found[0].step]
    for above, here in pairwise(found):
        sides = [(one.evaluated.evaluation.arm, one.evaluated.records) for one in (here, above)]
        result = compare(sides[0], sides[1], metric=metric, margin=margin)
        added = {"above": above.step.name, "difference": result.difference, "outcome": result.outcome or ""}
        steps.append(here.step.model_copy(update=added))
    return tuple(steps)


def _seeds(
    session: Session,
    dataset: Dataset,
    task: Task,
    found: Sequence[_Measured],
    examples: tuple[Example, ...],
    metric: str,
    seeds: int,
) -> tuple[SeedRun, ...]:
    """Train again with other seeds, and return the quality of each training."""
    if seeds < 2:
        return ()
    method, first = session.config.training.method, session.config.training.seed
    first = session.config.project.seed if first is None else first
    kept = next(one for one in found if one.step.name.startswith(f"{method},"))
    runs = [SeedRun(seed=first, quality=kept.step.quality)]
    for seed in range(first + 1, first + seeds):
        other = make_model(_with(session, seed=seed), dataset, task)
        measured = _as_served(session, dataset, task, other, examples, method)
        runs.append(SeedRun(seed=seed, quality=quality_of(measured.evaluated.records, metric)))
    return tuple(runs)


def _kept(session: Session, made: Made, found: Sequence[_Measured], ladder: StepLadder) -> StepLadder:
    """Keep the ladder in a run folder; one of the same measurements is read back with its figures."""
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={"train": made.trained.digest} | {one.step.name: one.evaluated.run.digest for one in found},
        config={
            "seeds": [run.seed for run in ladder.seeds],
            "margin": ladder.margin,
            "absent": ladder.absent,
        },
        seed=0,
    )

    def work(folder: Path) -> dict[str, object]:
        document = ladder.model_dump(mode="json")
        write_json(folder / LADDER_FILE, document)
        return document

    return StepLadder.model_validate(session.done(session.project.runs.run(spec, work)).result)


def _tokens_per_s(records: Sequence[EvalRecord]) -> Estimate:
    """Return the answer's tokens a second, prompt included in the time, as a mean over documents."""
    timed = [
        (record.group, record.completion.usage.output_tokens / record.completion.latency_s)
        for record in records
        if record.completion and record.completion.usage.output_tokens and record.completion.latency_s
    ]
    units = sampling_units([group for group, _ in timed])
    return mean([speed for _, speed in timed], units, share=False)


def _peak_memory(local: Local, task: Task, examples: Sequence[Example]) -> int:
    """Return the peak memory of an engine that answered a few documents (bytes); 0 where it is elsewhere."""
    arm = Arm(name="memory", model=local.tuned_name, kind="tuned", local=True, constrained=True)
    plan = local_plan(local, arm, tuple(examples), adapter=0, describe=False)
    with local.serve("memory", 0) as served:
        model = local.with_keys(served)
        for example in examples:
            model.generate(plan.ask(example))
        status = Path(f"/proc/{served.engine.pid}/status")
        lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return int(peak) * 1024


def _file_type(gguf: Path) -> str:
    """Return what a GGUF file says it is, such as ``Q4_1``."""
    from gguf import LlamaFileType

    kind = read_values(gguf, "general.file_type").get("general.file_type")
    return LlamaFileType(kind).name.rpartition("MOSTLY_")[2] if kind is not None else "unknown type"

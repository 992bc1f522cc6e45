"""The evaluation stage: evaluate one arm on one split, and keep its records in a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.dataset.identity import identity_of
from insource.evaluation.answers import Answers, KeptAnswer, OpenedWhenAsked
from insource.evaluation.measures.grounding import grounding
from insource.evaluation.measures.repeats import repeated, run_agreement
from insource.evaluation.metrics import summarise
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress, Scorer, evaluate, read_journal
from insource.evaluation.sample import sample
from insource.evaluation.scorers import compared, empty_scores
from insource.evaluation.scoring.custom import custom_scorer
from insource.foundation.canonical import digest
from insource.runs.folders import Run, RunStore, StageSpec, installed
from insource.types import Completion, Dataset, Estimate, EvalRecord, Evaluation, Example, Split, Task

STAGE, VERSION = "evaluate", 5
RECORDS_FILE = "records.jsonl"
LIBRARIES = ("xllamacpp", "llguidance", "numpy", "scipy", "jsonschema-rs", "pint")
# What of them may change an answer.
ENGINES = ("xllamacpp", "llguidance")
# Older keys counted it, though nothing imports it. Their evaluations are still found.
FORMER_LIBRARIES = ("python-dateutil",)
# A price is no part of the measurement, and the rest says in other words what ``kind`` says.
NOT_MEASURED_WITH = {"cost_per_1000_usd", "cost_basis", "role", "local", "simulated"}


class Asking(NamedTuple):
    """How a model is asked: calls in flight at once to one that is not on this machine, and repeats.

    ``repeats`` is how often each of ``repeat_documents`` documents is asked again, for the agreement from run
    to run.
    """

    concurrency: int = 1
    repeats: int = 0
    repeat_documents: int = 20


ONE_BY_ONE = Asking()


class Evaluated(NamedTuple):
    """An arm's evaluation with its records."""

    run: Run
    evaluation: Evaluation
    records: tuple[EvalRecord, ...]


def evaluate_arm(
    runs: RunStore,
    dataset: Dataset,
    task: Task,
    split: Split,
    plan: ArmPlan,
    scorer: Scorer,
    *,
    look: Callable[[], None] = lambda: None,
    progress: Callable[[Progress], None] = lambda progress: None,
    asking: Asking = ONE_BY_ONE,
) -> Evaluated:
    """Evaluate ``plan`` on its examples, which are of ``split``, or read back the complete run that did.

    ``look`` is called when the split is looked at, not when an old result is read back. Answers are kept
    beside the runs by their whole request: a model is asked only what nobody asked it before.

    Raises:
        ProviderError: the model keeps failing; finished documents are kept for the next call.
    """

    def work(folder: Path) -> dict[str, Any]:
        if plan.is_look and not (folder / RECORDS_FILE).exists():  # else a killed attempt has looked
            look()
        answers = Answers(runs.answers, _answering(plan))
        found = _measured(folder, dataset, task, split, plan, scorer, answers, asking, progress)
        answers.sync()
        return found.model_dump(mode="json")

    found = load(runs.run(_spec(dataset, task, split, plan, asking), work))
    said = {"arm": plan.arm, "effort": plan.effort, "expected": plan.expected}
    return found._replace(evaluation=found.evaluation.model_copy(update=said))


def _measured(
    folder: Path,
    dataset: Dataset,
    task: Task,
    split: Split,
    plan: ArmPlan,
    scorer: Scorer,
    answers: Answers,
    asking: Asking,
    progress: Callable[[Progress], None],
) -> Evaluation:
    started = time.monotonic()
    workers = 1 if plan.arm.local else asking.concurrency
    with OpenedWhenAsked(plan.model) as model:
        records = evaluate(
            model,
            plan.examples,
            plan.ask,
            scorer,
            journal=folder / RECORDS_FILE,
            groups_in_train=frozenset(dataset.manifest.groups_in_train),
            confidence=plan.confidence,
            progress=progress,
            answers=answers,
            workers=workers,
            hopeless=plan.hopeless,
        )
        reused = answers.reused
        agreement = _agreement(model, task, plan, records, answers, asking)
    result = summarise(
        plan.arm,
        split,
        records,
        seconds=time.monotonic() - started,
        all_null=empty_scores(task, plan.examples),
        out_of_scope_label=task.out_of_scope,
        concurrency=workers,
    )
    grounded = grounding(compared(task), plan.examples, records)
    added = {"metrics": result.metrics | agreement | grounded.metrics, "grounding": grounded.fields}
    stopped = plan.hopeless(records) if len(records) < len(plan.examples) else ""
    return result.model_copy(update=added | {"reused": reused, "stopped": stopped})


def _answering(plan: ArmPlan) -> dict[str, str]:
    """Return what determines this plan's answers beside the request."""
    return {"model": plan.arm.model, **plan.identity, **{name: str(installed(name)) for name in ENGINES}}


def _agreement(
    model: OpenedWhenAsked,
    task: Task,
    plan: ArmPlan,
    records: Sequence[EvalRecord],
    answers: Answers,
    asking: Asking,
) -> dict[str, Estimate]:
    """Return the agreement from run to run, where the model can be asked again."""
    if not asking.repeats or not plan.examples or model.info.replayed or model.info.simulated:
        return {}

    def again(example: Example, repeat: int) -> Completion:
        request = repeated(plan.ask(example), repeat)
        if kept := answers.get(request):
            return kept.completion
        completion = model.generate(request).model_copy(update={"tokens": ()})
        answers.keep(request, KeptAnswer(completion, None))
        return completion

    chosen = sample(plan.examples, asking.repeat_documents)
    return {"run_agreement": run_agreement(chosen, records, task.output, asking.repeats, again)}


def _spec(dataset: Dataset, task: Task, split: Split, plan: ArmPlan, asking: Asking) -> StageSpec:
    stops = {"stops below": plan.stops} if plan.stops else {}
    repeats = {"repeats": [asking.repeats, asking.repeat_documents]} if asking.repeats else {}
    own = {"scorer": custom_scorer(task.scorer).digest} if task.scorer else {}
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs=plan.identity
        | own
        | stops
        | {
            "examples": identity_of(plan.examples),
            "split": identity_of(dataset.splits[split]),
            "spellings": digest([example.target for example in dataset.splits["train"]]),
        },
        config={
            "arm": plan.arm.model_dump(exclude=NOT_MEASURED_WITH),
            "split": split,
            "task": task.model_dump(mode="json", exclude={"margin", "privacy", "primary_metric", "scorer"}),
            "groups_in_train": digest(list(dataset.manifest.groups_in_train)),
        }
        | repeats,
        seed=0,
        libraries=LIBRARIES,
        former_libraries=FORMER_LIBRARIES,
    )


def load(run: Run) -> Evaluated:
    """Return the evaluation and records of a complete run."""
    records = read_journal(run.path / RECORDS_FILE)
    return Evaluated(run, Evaluation.model_validate(run.result), tuple(records.values()))

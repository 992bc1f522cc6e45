"""The evaluation stage: evaluate one arm on one split, and keep its records in a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.evaluation.metrics import summarise
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress, Scorer, evaluate, read_journal
from insource.evaluation.scorers import empty_scores
from insource.foundation.canonical import digest
from insource.runs.folders import Run, RunStore, StageSpec
from insource.types import Dataset, EvalRecord, Evaluation, Example, Split, Task

STAGE, VERSION = "evaluate", 3
RECORDS_FILE = "records.jsonl"
LIBRARIES = ("xllamacpp", "llguidance", "numpy", "scipy", "jsonschema-rs", "pint")
# Older keys counted it, though nothing imports it. Their evaluations are still found.
FORMER_LIBRARIES = ("python-dateutil",)
# A price is no part of the measurement, and the rest says in other words what ``kind`` says.
NOT_MEASURED_WITH = {"cost_per_1000_usd", "cost_basis", "role", "local", "simulated"}


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
) -> Evaluated:
    """Evaluate ``plan`` on its examples, which are of ``split``, or read back the complete run that did.

    ``look`` is called when the split is looked at, not when an old result is read back.

    Raises:
        ProviderError: the model keeps failing; finished documents are kept for the next call.
    """

    def work(folder: Path) -> dict[str, Any]:
        if plan.is_look:
            look()
        started = time.monotonic()
        with plan.model() as model:
            records = evaluate(
                model,
                plan.examples,
                plan.ask,
                scorer,
                journal=folder / RECORDS_FILE,
                groups_in_train=frozenset(dataset.manifest.groups_in_train),
                confidence=plan.confidence,
                progress=progress,
                hopeless=plan.hopeless,
            )
        result = summarise(
            plan.arm,
            split,
            records,
            seconds=time.monotonic() - started,
            all_null=empty_scores(task, plan.examples),
        )
        stopped = plan.hopeless(records) if len(records) < len(plan.examples) else ""
        return result.model_copy(update={"stopped": stopped}).model_dump(mode="json")

    found = load(runs.run(_spec(dataset, task, split, plan), work))
    said = {"arm": plan.arm, "effort": plan.effort, "expected": plan.expected}
    return found._replace(evaluation=found.evaluation.model_copy(update=said))


def _spec(dataset: Dataset, task: Task, split: Split, plan: ArmPlan) -> StageSpec:
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs=plan.identity
        | {
            "examples": identity_of(plan.examples),
            "split": identity_of(dataset.splits[split]),
            "spellings": digest([example.target for example in dataset.splits["train"]]),
        },
        config={
            "arm": plan.arm.model_dump(exclude=NOT_MEASURED_WITH),
            "split": split,
            "task": task.model_dump(mode="json", exclude={"margin", "privacy", "primary_metric"}),
            "groups_in_train": digest(list(dataset.manifest.groups_in_train)),
        },
        seed=0,
        libraries=LIBRARIES,
        former_libraries=FORMER_LIBRARIES,
    )


def identity_of(examples: Sequence[Example]) -> str:
    """Return the digest of these documents: their rows, groups and contents, in order."""
    return digest([[example.row_id, example.group, example.digest] for example in examples])


def load(run: Run) -> Evaluated:
    """Return the evaluation and records of a complete run."""
    records = read_journal(run.path / RECORDS_FILE)
    return Evaluated(run, Evaluation.model_validate(run.result), tuple(records.values()))


def candidate_of(evaluated: Sequence[Evaluated]) -> Evaluated | None:
    """Return the first arm that may replace the cloud, or None."""
    return next((one for one in evaluated if one.evaluation.arm.role == "candidate"), None)

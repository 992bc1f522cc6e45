"""The measured ladder of the newest run, read back from the records of its evaluations."""

from __future__ import annotations

from typing import NamedTuple

from insource.dataset.saved.folder import load as load_dataset
from insource.decision.advice.facts import Ladder
from insource.evaluation.stage import STAGE as EVALUATE
from insource.evaluation.stage import Evaluated
from insource.evaluation.stage import load as load_evaluated
from insource.runs.result import STAGE as RUN
from insource.runs.result import load as load_result
from insource.types import Dataset, RunResult, Task
from insource.workflow.decide import ladder_of
from insource.workflow.judge import Judged, terms_of
from insource.workflow.session import Session


class Measured(NamedTuple):
    """The newest run with what was measured in it."""

    result: RunResult
    dataset: Dataset
    task: Task
    evaluated: tuple[Evaluated, ...]
    ladder: Ladder


def kept_ladder(session: Session) -> Measured | None:
    """Return the newest run's ladder, None where nothing ran yet.

    Raises:
        DataError, IntegrityError: its dataset is gone or damaged.
        IntegrityError: ``run-damaged``.
    """
    runs = session.project.runs
    if not runs.folder.is_dir() or next(runs.complete(RUN), None) is None:
        return None
    result, _ = load_result(runs)
    folder = next((one.path for one in result.stages if one.stage == "dataset"), "")
    dataset = load_dataset(session.project.datasets_path / folder)
    task = session.project.task(dataset.manifest.output)
    evaluated = evaluated_in(session, result)
    judged = Judged(
        comparisons=result.comparisons,
        fairness=result.fairness,
        mixes=result.error_mixes,
        gold=result.gold,
        ceiling=result.ceiling,
    )
    policy = result.routing.policy if result.routing is not None else None
    terms = terms_of(session, dataset, task, result.gold)
    ladder = ladder_of(task, dataset, terms, evaluated, judged, result.choice, policy, result.skipped_arms)
    return Measured(result, dataset, task, evaluated, ladder._replace(run_id=result.run_id))


def evaluated_in(session: Session, result: RunResult) -> tuple[Evaluated, ...]:
    """Return the evaluations of a run with their records, in its order."""
    wanted = {stage.run_id for stage in result.stages if stage.stage.endswith(" on test")}
    runs = session.project.runs.complete(EVALUATE)
    found = {
        one.evaluation.arm.name: one for run in runs if run.run_id in wanted for one in [load_evaluated(run)]
    }
    missing = [one.arm.name for one in result.evaluations if one.arm.name not in found]
    if missing:
        session.display.note(f"Records are gone, and these are not options: {', '.join(missing)}")
    return tuple(
        found[one.arm.name]._replace(evaluation=one) for one in result.evaluations if one.arm.name in found
    )

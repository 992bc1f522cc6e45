"""Name the documents to label next, from what the champion failed on, and put them in the review queue."""

from __future__ import annotations

from collections.abc import Sequence

from insource.dataset.fresh import read_fresh
from insource.dataset.review.ranked import FILE_NAME as QUEUE_FILE
from insource.dataset.review.ranked import write_ranked
from insource.dataset.rows.examples import example_of
from insource.decision.sufficiency.labelling import to_label
from insource.lifecycle.mining import Served, live_signals
from insource.logs.call_values import AUDIT_OF
from insource.logs.query import Log
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import FILE_NAME, open_registry
from insource.types import Dataset, EvalRecord, Row, RunResult, Task
from insource.types.deployment import Audit
from insource.types.retraining import Mined
from insource.workflow.kept_ladder import evaluated_in
from insource.workflow.kept_profile import has_log
from insource.workflow.session import Session

_PAGE = 200


def mine(session: Session, champion: RunResult, known: Dataset, dataset: Dataset, task: Task) -> Mined:
    """Rank the rows that nobody has checked, failures first, and write the queue ``to-label``.

    Args:
        known: the champion's dataset, whose training documents are not new to it.
        dataset: today's, with the rows of the traffic.
    """
    fresh = read_fresh(session.project.fresh_path)
    dataset = _with_waiting(dataset, fresh)
    documents = {row.row_id: row.input for row in fresh}
    if session.config.dataset.format == "log":
        before = {one.row_id for examples in known.splits.values() for one in examples}
        documents = {
            one.row_id: one.input
            for examples in dataset.splits.values()
            for one in examples
            if one.row_id not in before
        }
    served, about = _served(session, tuple(documents))
    signals = live_signals(
        documents,
        served,
        [one.model_copy(update={"call_id": about.get(one.call_id, one.call_id)}) for one in _audits(session)],
        [one.input for one in known.splits["train"]],
    )
    queue = to_label(
        dataset, task, _answered(session, champion), more=signals, most=session.config.retrain.labels
    )
    write_ranked(session.project.workspace / QUEUE_FILE, queue.rows)
    hours, usd = label_cost(session, len(queue.rows))
    return Mined(queue=queue, label_hours=hours, label_usd=usd)


def _with_waiting(dataset: Dataset, fresh: Sequence[Row]) -> Dataset:
    """Return the dataset with the rows that wait for a review before they may be trained on."""
    built = {one.row_id for examples in dataset.splits.values() for one in examples}
    waiting = [example_of(row, str(row.output)) for row in fresh if row.row_id not in built]
    train = (*dataset.splits["train"], *waiting)
    return dataset.model_copy(update={"splits": {**dataset.splits, "train": train}})


def label_cost(session: Session, labels: int) -> tuple[float, float]:
    """Return the hours and US dollars that this many labels take, as ``[decision]`` assumes it."""
    section = session.config.decision
    hours = labels * section.label_minutes / 60
    return hours, hours * section.label_usd_per_hour


def _answered(session: Session, champion: RunResult) -> dict[str, Sequence[EvalRecord]]:
    """Return the champion's records on its own test documents."""
    chosen = champion.choice.candidate if champion.choice else ""
    found = evaluated_in(session, champion) if chosen else ()
    return {name: one.records for one in found if (name := one.evaluation.arm.name) == chosen}


def _served(session: Session, call_ids: Sequence[str]) -> tuple[dict[str, Served], dict[str, str]]:
    """Return what the champion made of the documents whose calls the log has.

    Then, of calls that only audit another one, the audited call with the audit whose answer is the row.
    """
    found: dict[str, Served] = {}
    about: dict[str, str] = {}
    if not call_ids or not has_log(session):
        return found, about
    with Log(session.project.workspace, clock=session.clock) as log:
        for start in range(0, len(call_ids), _PAGE):
            for call in log.calls(call_ids=tuple(call_ids[start : start + _PAGE])):
                if call.route is not None:
                    found[call.call_id] = Served(call.route.confidence, call.route.reason)
                if AUDIT_OF in call.tags:
                    about[call.tags[AUDIT_OF]] = call.call_id
    return found, about


def _audits(session: Session) -> tuple[Audit, ...]:
    workspace = session.project.workspace
    if not (workspace / FILE_NAME).exists():
        return ()
    with open_registry(workspace) as database:
        return audits_of(database, session.config.task.name)

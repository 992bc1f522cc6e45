"""Open the reviewer's workbench over a source's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from insource.contract.answers import answer_text
from insource.contract.infer import infer_output
from insource.dataset.fresh import read_fresh
from insource.dataset.review.decisions import DecisionFile
from insource.dataset.review.fields import with_values
from insource.dataset.review.ranked import FILE_NAME, Ranked, read_ranked
from insource.dataset.review.workbench import Workbench
from insource.dataset.rows.examples import example_of
from insource.dataset.rows.reasoning import set_reasoning_apart
from insource.dataset.rows.staged import staged
from insource.dataset.sources.calls import WaitingCalls
from insource.dataset.sources.joined import Joined
from insource.logs.collect import Logged, logged
from insource.logs.query import Log
from insource.logs.recorder import STORE_FILE
from insource.store.database import open_database
from insource.types import ReviewDecision, Row
from insource.workflow.ask_cloud import cloud_prompt
from insource.workflow.build import made, source_of
from insource.workflow.session import Session


def _tell_the_log(
    workspace: Path, waiting: Ranked, row: Row, decisions: Sequence[ReviewDecision], who: str
) -> None:
    """Keep what a person decided about a waiting call as feedback on it: a correction, or a bad rating."""
    if row.row_id not in waiting:
        return
    with Log(workspace) as log:
        if any(one.verdict == "rejected" for one in decisions):
            log.rate(row.row_id, "down", who=who)
            return
        output = with_values(row, {one.field: one.after for one in decisions}).output
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        log.correct(row.row_id, text, who=who)


@contextmanager
def open_workbench(session: Session, *, overlap: float = 0.0) -> Iterator[Workbench]:
    """Open the source's rows on a reviewer's workbench, with the log's answers to them, until the block ends.

    The doubtful answers that a gateway served and that wait for a person are among them. What a person
    decides about one of those becomes feedback on its call, too.

    Raises:
        DataError: the source's own, ``no-rows``, ``reviews-unreadable``, ``queue-unreadable``.
    """
    project, workspace = session.project, session.project.workspace
    file = DecisionFile(project.reviews_path, workspace / "reviews.lock")
    file.decisions()  # a file that cannot be read is said before anybody begins
    ranked = read_ranked(workspace / FILE_NAME)
    section = session.config.dataset
    waiting = WaitingCalls(
        workspace,
        section.calls,
        task=session.config.task.name,
        corrected=section.format != "log",
        known={row.row_id for row in read_fresh(project.fresh_path)},
    )
    source = source_of(session, for_review=True).source
    if (workspace / STORE_FILE).exists():
        source = Joined(source, waiting)
    with staged(source, made(workspace / "review")) as rows:
        contract = project.given_output() or infer_output(row.output for row in rows)
        set_reasoning_apart(rows, contract)
        answers = Logged({}, frozenset())
        if (workspace / STORE_FILE).exists():
            task = project.task(contract)
            with open_database(workspace / STORE_FILE) as database:
                examples = (example_of(row, "") for row in rows)
                answers = logged(database, examples, cloud_prompt(task), task=task.name)
        yield Workbench(
            rows,
            contract,
            file,
            answers={
                row_id: {
                    model: answer_text(one.text, contract) for model, one in found.items() if not one.failure
                }
                for row_id, found in answers.answers.items()
            },
            ranked=ranked,
            waiting=waiting.reasons,
            decided=partial(_tell_the_log, workspace, waiting.reasons),
            seed=session.config.project.seed,
            overlap=overlap,
            absent_fields=session.config.task.absent_fields,
            clock=session.clock,
        )

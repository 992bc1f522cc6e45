"""Open the reviewer's workbench over a source's rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from insource.contract.answers import answer_text
from insource.contract.infer import infer_output
from insource.dataset.review.decisions import DecisionFile
from insource.dataset.review.ranked import FILE_NAME, read_ranked
from insource.dataset.review.workbench import Workbench
from insource.dataset.rows.examples import example_of
from insource.dataset.rows.reasoning import set_reasoning_apart
from insource.dataset.rows.staged import staged
from insource.logs.collect import Logged, logged
from insource.logs.recorder import STORE_FILE
from insource.store.database import open_database
from insource.workflow.ask_cloud import cloud_prompt
from insource.workflow.build import made, source_of
from insource.workflow.session import Session


@contextmanager
def open_workbench(session: Session, *, overlap: float = 0.0) -> Iterator[Workbench]:
    """Open the source's rows on a reviewer's workbench, with the log's answers to them, until the block ends.

    Raises:
        DataError: the source's own, ``no-rows``, ``reviews-unreadable``, ``queue-unreadable``.
    """
    project, workspace = session.project, session.project.workspace
    file = DecisionFile(project.reviews_path, workspace / "reviews.lock")
    file.decisions()  # a file that cannot be read is said before anybody begins
    ranked = read_ranked(workspace / FILE_NAME)
    with staged(source_of(session, for_review=True).source, made(workspace / "review")) as rows:
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
            seed=session.config.project.seed,
            overlap=overlap,
            absent_fields=session.config.task.absent_fields,
            clock=session.clock,
        )

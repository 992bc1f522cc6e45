"""Keep the anchors of a task: add them from rows that people labelled, and keep them out of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from insource.dataset.rows.anchor_rows import SHOWN, listed, read_anchors
from insource.dataset.rows.targets import Targets
from insource.dataset.saved.folder import MANIFEST
from insource.dataset.saved.folder import examples as read_examples
from insource.foundation.errors import DataError, UserError
from insource.lifecycle.anchors.kept import alone, anchors_of, keep
from insource.redaction import Redactor
from insource.runs.result import load
from insource.similarity.near_duplicates import nearest
from insource.types import Example
from insource.types.anchors import Anchor
from insource.workflow.session import Session

FEWEST, MOST = 50, 100
"""How many anchors are recommended: fewer rarely tell, more cost more than they tell."""


class Added(NamedTuple):
    """How many anchors are new, were there already, and are there in all; ``note`` says if that is few."""

    new: int
    known: int
    total: int
    note: str


def add_anchors(session: Session, path: Path, labelled_by: str) -> Added:
    """Add the rows of a JSON Lines file, whose ``output`` a person gave, to the anchors of the task.

    ``labelled_by`` is who labelled the rows that do not say it themselves. All are added or none.

    Raises:
        DataError: as ``read_anchors`` and ``refuse_leaks``; ``anchors-unusable`` for an id that is taken.
        UserError: ``anchors-busy`` while another process asks them; ``no-such-run`` when the output contract
            is neither configured nor known from a run.
    """
    config, project = session.config, session.project
    contract = project.given_output() or load(project.runs)[0].dataset.output
    found = read_anchors(
        path,
        Targets(contract, config.task.absent_fields),
        task=config.task.name,
        now=session.clock.now(),
        labelled_by=labelled_by,
        schemas=project.schemas(),
    )
    refuse_leaks(session, found)
    try:
        with alone(project.workspace, config.task.name):
            return _keep(session, found)
    except BlockingIOError as error:
        raise busy(config.task.name) from error


def _keep(session: Session, found: Sequence[Anchor]) -> Added:
    task, workspace = session.config.task.name, session.project.workspace
    kept = anchors_of(workspace, task)
    known = {one.example.digest for one in kept.anchors}
    taken = {one.anchor_id for one in kept.anchors}
    new = [one for one in found if one.example.digest not in known]
    if twice := [one.anchor_id for one in new if one.anchor_id in taken]:
        raise DataError(
            "anchors-unusable",
            f"There are other anchors with the ids of these: {listed(twice)}.",
            hint="Give each anchor an `id` of its own; a label is corrected under a new id.",
        )
    whole = kept.model_copy(update={"anchors": (*kept.anchors, *new)})
    if new:
        keep(workspace, task, whole)
    return Added(len(new), len(found) - len(new), len(whole.anchors), few(len(whole.anchors)))


def few(count: int) -> str:
    """Return what is to be said of the number of anchors, empty when it is as recommended."""
    if count < FEWEST:
        return (
            f"{count} anchors rarely tell a cloud that moved from a local model that did: {FEWEST} to "
            f"{MOST} are recommended"
        )
    return f"more than {MOST} anchors cost more than they tell" if count > MOST else ""


def refuse_leaks(session: Session, anchors: Sequence[Anchor], train: Iterable[Example] | None = None) -> None:
    """Refuse anchors that the model learned from: it would be right on them whatever it is on others.

    ``train`` are the rows to train on, by default those of the dataset that was built last.

    Raises:
        DataError: ``anchors-leaked`` with the anchors, and the rows that equal or nearly equal them.
    """
    rows = list(_trained_on(session) if train is None else train)
    if not rows or not anchors:
        return
    redactor = Redactor.from_config(session.config.log, session.project.workspace)
    asked, learned = [one.example.input for one in anchors], [row.input for row in rows]
    # Rows of the log are redacted, and an anchor may be the same document as it was.
    plain, masked = (
        nearest(asked, learned),
        nearest(*([*map(redactor.text, some)] for some in (asked, learned))),
    )
    leaks = [
        f"{anchor.anchor_id} is {'' if pair.similarity == 1 else 'nearly '}row {rows[pair.first].row_id}"
        for anchor, *pairs in zip(anchors, plain, masked, strict=True)
        if (pair := pairs[0] or pairs[1]) is not None
    ]
    if leaks:
        raise DataError(
            "anchors-leaked",
            f"{len(leaks)} of {len(anchors)} anchors are among the rows to train on, so they tell nothing "
            "about other documents.",
            details=(*leaks[:SHOWN], *([f"and {len(leaks) - SHOWN} more"] if len(leaks) > SHOWN else [])),
            hint="Remove these rows from the data and build again, or use other documents as anchors.",
        )


def busy(task: str) -> UserError:
    """Return the error for anchors that another process is asking."""
    return UserError(
        "anchors-busy",
        f"Another process is asking the anchors of {task!r}.",
        hint="Run the command again when it has ended.",
    )


def _trained_on(session: Session) -> Iterable[Example]:
    project = session.project
    written = [one / MANIFEST for one in project.datasets_path.glob(f"{session.config.task.name}@*")]
    built = [manifest for manifest in written if manifest.is_file()]
    if not built:
        return ()
    return read_examples(max(built, key=lambda manifest: manifest.stat().st_mtime).parent, "train")

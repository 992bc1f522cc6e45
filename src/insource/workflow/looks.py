"""Count the looks at the sealed test split."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from insource.dataset.rows.examples import sealed
from insource.dataset.saved.folder import MANIFEST, newest_first
from insource.dataset.saved.folder import examples as read_examples
from insource.logs.recorder import STORE_FILE
from insource.store.database import Database, open_database
from insource.store.looks import Looked, keep_inputs, looked, looks_at, record_look, without_inputs
from insource.types import Example
from insource.types.comparison import Look
from insource.workflow.session import Session


def look_at_test(session: Session, test: Iterable[Example], arm: str) -> None:
    """Count a look at these test documents; the looks of one walk through the loop are one."""
    digest, inputs = sealed(test)
    with open_database(session.project.workspace / STORE_FILE) as database:
        record_look(database, digest, session.look_id, arm, inputs=inputs)


def looks_at_test(session: Session, test: Iterable[Example]) -> Looked:
    """Return how many walks have looked at these test documents, in whatever split they were then."""
    digest, inputs = sealed(test)
    store = session.project.workspace / STORE_FILE
    if not store.exists():
        return Looked(0, 0, 0)
    with open_database(store) as database:
        if unknown := without_inputs(database):
            _keep_older_inputs(database, unknown, session.project.workspace / "datasets")
        return looked(database, digest, inputs)


def every_look(session: Session, test: Iterable[Example]) -> tuple[Look, ...]:
    """Return the looks at any of these test documents, oldest first, in whatever split they were then."""
    digest, inputs = sealed(test)
    store = session.project.workspace / STORE_FILE
    if not store.exists():
        return ()
    with open_database(store) as database:
        if unknown := without_inputs(database):
            _keep_older_inputs(database, unknown, session.project.workspace / "datasets")
        return looks_at(database, digest, inputs)


def _keep_older_inputs(database: Database, unknown: set[str], datasets: Path) -> None:
    """The documents of test splits that were looked at before they were kept, from their folders."""
    for folder in newest_first(datasets):
        digest = json.loads((folder / MANIFEST).read_bytes()).get("test_digest")
        if digest in unknown:
            keep_inputs(database, digest, sealed(read_examples(folder, "test"))[1])

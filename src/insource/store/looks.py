"""Looks at the sealed test split: how many runs evaluated an arm on its documents.

A look is stored under the digest of the whole split, and the documents are stored once per digest. The looks
at a document are therefore found in any later split that contains it.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, Table, Text, func, select
from sqlalchemy.dialects.sqlite import insert

from insource.foundation.clock import SYSTEM, Clock, from_microseconds, to_microseconds
from insource.store.database import METADATA, Database
from insource.types.comparison import Look

INPUT_BYTES = 8

LOOKS = Table(
    "looks",
    METADATA,
    Column("dataset_digest", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("looked_at", BigInteger, nullable=False),  # microseconds since the epoch
)
LOOKED_INPUTS = Table(
    "looked_inputs",
    METADATA,
    Column("dataset_digest", Text, primary_key=True),
    Column("inputs", LargeBinary, nullable=False),  # INPUT_BYTES per document
)


class Looked(NamedTuple):
    """How often a test split was used: ``documents`` of ``of`` were looked at, each by at
    most ``most`` runs.
    """

    documents: int
    of: int
    most: int

    @property
    def summary(self) -> str:
        """One sentence without a full stop."""
        times = f"{self.most:,} {'time' if self.most == 1 else 'times'}"
        if self.documents in (0, self.of):
            return f"The test split has been looked at {times}"
        return f"{self.documents:,} of {self.of:,} test documents were looked at, at most {times}"


def record_look(
    database: Database,
    dataset_digest: str,
    run_id: str,
    arm: str,
    *,
    inputs: bytes = b"",
    clock: Clock = SYSTEM,
) -> None:
    """Record that a run evaluated an arm on this dataset's test split; recording it twice has no effect.

    ``inputs`` are the digests of its documents, ``INPUT_BYTES`` each.
    """
    look = {
        "dataset_digest": dataset_digest,
        "run_id": run_id,
        "arm": arm,
        "looked_at": to_microseconds(clock.now()),
    }
    with database.write() as connection:
        connection.execute(insert(LOOKS).values(look).on_conflict_do_nothing())
        if inputs:
            _keep_inputs(connection, dataset_digest, inputs)


def looked(database: Database, dataset_digest: str, inputs: bytes) -> Looked:
    """Return the looks at these documents, in this test split and in any other that contained them."""
    current = _digests(inputs)
    runs = func.count(func.distinct(LOOKS.c.run_id))
    query = (
        select(LOOKS.c.dataset_digest, runs, LOOKED_INPUTS.c.inputs)
        .outerjoin(LOOKED_INPUTS, LOOKED_INPUTS.c.dataset_digest == LOOKS.c.dataset_digest)
        .group_by(LOOKS.c.dataset_digest)
    )
    seen: Counter[bytes] = Counter()
    with database.read() as connection:
        for digest, count, known in connection.execute(query):
            for one in current if digest == dataset_digest else current & _digests(known or b""):
                seen[one] += count
    return Looked(len(seen), len(current), max(seen.values(), default=0))


def looks_at(database: Database, dataset_digest: str, inputs: bytes) -> tuple[Look, ...]:
    """Return every look at any of these documents, oldest first, whatever split they were in."""
    current = _digests(inputs)
    query = select(LOOKS, LOOKED_INPUTS.c.inputs).outerjoin(
        LOOKED_INPUTS, LOOKED_INPUTS.c.dataset_digest == LOOKS.c.dataset_digest
    )
    with database.read() as connection:
        rows = connection.execute(query.order_by(LOOKS.c.looked_at, LOOKS.c.run_id)).all()
    shared = {row.dataset_digest: bool(current & _digests(row.inputs or b"")) for row in rows}
    return tuple(
        Look(arm=row.arm, run_id=row.run_id, at=from_microseconds(row.looked_at))
        for row in rows
        if row.dataset_digest == dataset_digest or shared[row.dataset_digest]
    )


def without_inputs(database: Database) -> set[str]:
    """Return the digests of test splits that were looked at before documents were recorded."""
    kept = select(LOOKED_INPUTS.c.dataset_digest)
    with database.read() as connection:
        query = select(LOOKS.c.dataset_digest).where(LOOKS.c.dataset_digest.not_in(kept))
        return set(connection.execute(query).scalars())


def keep_inputs(database: Database, dataset_digest: str, inputs: bytes) -> None:
    """Record the documents of a test split."""
    with database.write() as connection:
        _keep_inputs(connection, dataset_digest, inputs)


def _keep_inputs(connection: Connection, dataset_digest: str, inputs: bytes) -> None:
    row = {"dataset_digest": dataset_digest, "inputs": inputs}
    connection.execute(insert(LOOKED_INPUTS).values(row).on_conflict_do_nothing())


def _digests(inputs: bytes) -> set[bytes]:
    return {inputs[at : at + INPUT_BYTES] for at in range(0, len(inputs), INPUT_BYTES)}

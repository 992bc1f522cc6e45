"""What answers each task, and every decision about it.

The registry is ``deployments.db``, a file of its own beside the log with the schema of the store. Every
gateway reads it each second and must not wait for a drain that holds the log's write lock. A decision and its
event are one transaction, made only if nobody decided in between; so two operators, or two gateways, cannot
both move a task's traffic from the same state.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Table, Text, select
from sqlalchemy.dialects.sqlite import insert

from insource.foundation.clock import from_microseconds, to_microseconds
from insource.foundation.errors import IntegrityError, UserError
from insource.store.database import METADATA, Database, open_database
from insource.types.deployment import SCHEMA_VERSION, Deployment, DeploymentEvent

FILE_NAME = "deployments.db"

DEPLOYMENTS = Table(
    "deployments",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
)


def dated(name: str) -> Table:
    """Return a table of JSON documents by task and time (microseconds since the epoch)."""
    return Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("task", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("document", Text, nullable=False),
        Index(f"{name}_of_task", "task", "at"),
    )


EVENTS = dated("deployment_events")


def open_registry(workspace: Path) -> Database:
    """Open the registry of a workspace, creating the file if needed; errors as ``open_database``."""
    return open_database(workspace / FILE_NAME, synchronous="FULL")


def deployment_of(database: Database, task: str) -> Deployment | None:
    """Return what is deployed for a task, None if nothing ever was.

    Raises:
        IntegrityError: ``deployment-unreadable``, also for a version that is not known here.
    """
    with database.read() as connection:
        return _current(connection, task)


def deployments(database: Database) -> tuple[Deployment, ...]:
    """Return what is deployed, a task each. Raises as ``deployment_of``."""
    with database.read() as connection:
        rows = connection.execute(select(DEPLOYMENTS.c.document).order_by(DEPLOYMENTS.c.task)).scalars().all()
    return tuple(_read(row) for row in rows)


def swap(database: Database, new: Deployment, event: DeploymentEvent, *, expected: int) -> Deployment:
    """Replace what is deployed if it still has the revision ``expected`` (0: nothing), and record why.

    Returns the new deployment with its revision.

    Raises:
        UserError: ``deployment-changed`` when somebody else decided in between; nothing is changed then.
    """
    with database.write() as connection:
        current = _current(connection, new.task)
        found = current.revision if current is not None else 0
        if found != expected:
            raise UserError(
                "deployment-changed",
                f"The deployment of {new.task!r} was changed meanwhile: revision {found}, not {expected}.",
                hint="See what is deployed now, then decide again: insource deploy status",
            )
        made = new.model_copy(update={"revision": expected + 1})
        row = {"task": made.task, "revision": made.revision, "document": made.model_dump_json()}
        connection.execute(
            insert(DEPLOYMENTS).values(row).on_conflict_do_update(index_elements=["task"], set_=row)
        )
        add_event(connection, event.model_copy(update={"revision": made.revision}))
    return made


def record_event(database: Database, event: DeploymentEvent) -> None:
    """Record something that changed no traffic, such as an alert."""
    with database.write() as connection:
        add_event(connection, event)


def events(
    database: Database, task: str, *, limit: int | None = None, by: str = ""
) -> tuple[DeploymentEvent, ...]:
    """Return the events of a task, oldest first; only the newest ``limit``, if given.

    ``by`` takes those of one author, so that many others' do not hide them.
    """
    query = select(EVENTS.c.document).where(EVENTS.c.task == task).order_by(EVENTS.c.id.desc())
    if by:
        # Not by JSON functions of SQLite: they refuse a document that cannot be read.
        query = query.where(EVENTS.c.document.contains(f'"by":"{by}"', autoescape=True))
    with database.read() as connection:
        rows = connection.execute(query if limit is None else query.limit(limit)).scalars().all()
    return tuple(_event(task, row) for row in reversed(rows))


def _event(task: str, document: str) -> DeploymentEvent:
    """Return an event. One that a newer Insource wrote stops nobody from following the registry."""
    try:
        return DeploymentEvent.model_validate_json(document)
    except ValueError:
        return DeploymentEvent(
            task=task,
            revision=0,
            at=from_microseconds(0),
            kind="unreadable",
            by="unknown",
            reason="an event that this version of Insource cannot read",
        )


def _current(connection: Connection, task: str) -> Deployment | None:
    row = connection.execute(select(DEPLOYMENTS.c.document).where(DEPLOYMENTS.c.task == task)).scalar()
    return None if row is None else _read(row)


def _read(document: str) -> Deployment:
    try:
        found = Deployment.model_validate_json(document)
        if found.schema_version != SCHEMA_VERSION:
            raise ValueError(f"version {found.schema_version}; this Insource reads {SCHEMA_VERSION}")
    except ValueError as error:
        raise IntegrityError(
            "deployment-unreadable",
            f"The registry of deployments holds an entry that this Insource cannot read: {error}",
            hint="Use the Insource that wrote it, or deploy again: insource deploy --help",
        ) from error
    return found


def add_event(connection: Connection, event: DeploymentEvent) -> None:
    """Record an event in a transaction that does more."""
    row = {"task": event.task, "at": to_microseconds(event.at), "document": event.model_dump_json()}
    connection.execute(EVENTS.insert().values(row))

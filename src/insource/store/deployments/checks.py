"""The checks of the monitor, and which of their alerts were delivered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from insource.foundation.clock import to_microseconds
from insource.foundation.errors import IntegrityError
from insource.store.database import Database
from insource.store.deployments.registry import add_event, dated
from insource.types.deployment import DeploymentEvent
from insource.types.monitoring import SCHEMA_VERSION, Check

CHECKS = dated("monitor_checks")


def add_check(database: Database, check: Check, events: Sequence[DeploymentEvent] = ()) -> None:
    """Record a check and the events of its alerts, in one transaction."""
    row = {"task": check.task, "at": to_microseconds(check.at), "document": check.model_dump_json()}
    with database.write() as connection:
        connection.execute(CHECKS.insert().values(row))
        for event in events:
            add_event(connection, event)


def checks_of(database: Database, task: str, *, limit: int) -> tuple[Check, ...]:
    """Return the newest checks of a task, oldest first.

    Raises:
        IntegrityError: ``check-unreadable``, also for a version that is not known here.
    """
    query = select(CHECKS.c.document).where(CHECKS.c.task == task).order_by(CHECKS.c.id.desc()).limit(limit)
    with database.read() as connection:
        rows = connection.execute(query).scalars().all()
    return tuple(_read(row) for row in reversed(rows))


def note_delivered(database: Database, task: str, alert_ids: set[str], at: datetime) -> None:
    """Record in the newest check of a task that the webhook accepted these alerts."""
    newest = (
        select(CHECKS.c.id, CHECKS.c.document)
        .where(CHECKS.c.task == task)
        .order_by(CHECKS.c.id.desc())
        .limit(1)
    )
    with database.write() as connection:
        row = connection.execute(newest).one()
        check = _read(row.document)
        alerts = tuple(
            alert.model_copy(update={"delivered": at}) if alert.alert_id in alert_ids else alert
            for alert in check.alerts
        )
        document = check.model_copy(update={"alerts": alerts}).model_dump_json()
        connection.execute(CHECKS.update().where(CHECKS.c.id == row.id).values(document=document))


def _read(document: str) -> Check:
    try:
        found = Check.model_validate_json(document)
        if found.schema_version != SCHEMA_VERSION:
            raise ValueError(f"version {found.schema_version}; this Insource reads {SCHEMA_VERSION}")
    except ValueError as error:
        raise IntegrityError(
            "check-unreadable",
            f"The registry of deployments holds a check of the monitor that cannot be read: {error}",
            hint="Use the Insource that wrote it: pip install -U insource",
        ) from error
    return found

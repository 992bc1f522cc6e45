"""The audits of versions against the cloud, and the answers to anchors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, select

from insource.foundation.clock import to_microseconds
from insource.store.database import Database
from insource.store.deployments.registry import dated
from insource.types.deployment import AnchorCheck, Audit

AUDITS = dated("audits")
ANCHOR_CHECKS = dated("anchor_checks")


def add_audits(database: Database, audits: Sequence[Audit]) -> None:
    """Record audits, in one transaction."""
    _add(database, AUDITS, audits)


def add_anchor_checks(database: Database, checks: Sequence[AnchorCheck]) -> None:
    """Record answers to anchors, in one transaction."""
    _add(database, ANCHOR_CHECKS, checks)


def audits_of(
    database: Database, task: str, *, since: datetime | None = None, version: str | None = None
) -> tuple[Audit, ...]:
    """Return the audits of a task in the order in which they were recorded, of one version if given."""
    found = (Audit.model_validate_json(row) for row in _documents(database, AUDITS, task, since))
    return tuple(one for one in found if version is None or one.version == version)


def anchor_checks_of(
    database: Database, task: str, *, since: datetime | None = None
) -> tuple[AnchorCheck, ...]:
    """Return the answers to the anchors of a task in the order in which they were recorded."""
    return tuple(
        AnchorCheck.model_validate_json(row) for row in _documents(database, ANCHOR_CHECKS, task, since)
    )


def _add(database: Database, table: Table, values: Sequence[Audit] | Sequence[AnchorCheck]) -> None:
    rows = [
        {"task": one.task, "at": to_microseconds(one.at), "document": one.model_dump_json()} for one in values
    ]
    if rows:
        with database.write() as connection:
            connection.execute(table.insert(), rows)


def _documents(database: Database, table: Table, task: str, since: datetime | None) -> Sequence[str]:
    query = select(table.c.document).where(table.c.task == task).order_by(table.c.id)
    if since is not None:
        query = query.where(table.c.at >= to_microseconds(since))
    with database.read() as connection:
        return connection.execute(query).scalars().all()

"""The audits of versions against the cloud, and the answers to anchors."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Float, Integer, Table, and_, func, select

from insource.foundation.clock import to_microseconds
from insource.store.database import Database
from insource.store.deployments.registry import dated
from insource.types.deployment import AnchorCheck, Audit, Spent

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


class AuditReader:
    """Reads the audits of one version as they come; ``all`` are those since a revision, oldest first.

    With ``most``, only the latest so many are kept, however long the version has answered. An audit that
    cannot be read, such as one of a newer version of Insource, is no evidence; ``unreadable`` counts them.
    """

    def __init__(
        self, database: Database, task: str, version: str, since_revision: int, most: int | None = None
    ) -> None:
        self.all: deque[Audit] = deque(maxlen=most)
        self.unreadable = 0
        self._database = database
        self._task, self._version, self._since = task, version, since_revision
        self._most = most
        self._last = 0

    def read(self) -> bool:
        """Read what is new; return whether anything of the version is."""
        query = (
            select(AUDITS.c.id, AUDITS.c.document)
            .where(AUDITS.c.task == self._task, AUDITS.c.id > self._last)
            .order_by(AUDITS.c.id.desc())
            .limit(self._most)
        )
        found = False
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        for row in reversed(rows):
            self._last = row.id
            try:
                audit = Audit.model_validate_json(row.document)
            except ValueError:
                self.unreadable += 1
                continue
            if audit.version == self._version and audit.step >= self._since:
                self.all.append(audit)
                found = True
        return found


def spent_on_audits(database: Database, task: str, now: datetime) -> Spent:
    """Return what the audits of this day in UTC cost, those without a comparison included."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    cost = func.json_extract(AUDITS.c.document, "$.cost_usd")
    paid = func.json_extract(AUDITS.c.document, "$.source") != "shadow"
    query = select(func.sum(cost.cast(Float)), func.sum(and_(cost.is_(None), paid).cast(Integer))).where(
        AUDITS.c.task == task, AUDITS.c.at >= to_microseconds(day)
    )
    with database.read() as connection:
        usd, unpriced = connection.execute(query).one()
    return Spent(Decimal(str(usd or 0)), unpriced or 0)


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

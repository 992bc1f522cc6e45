"""Virtual keys: who may call through the gateway, how often, and for how much money.

They are stored in ``keys.db``, a separate file beside the log with the same schema as the store. Every call
of a limited key updates its counters and must not wait for a drain that holds the log's write lock, or for a
VACUUM after a purge. Deleting the log does not delete the keys.

The counters are exact across all processes that share the file, because each decision and its count are one
transaction. Commits survive the death of the process. They do not wait for the disk, which would be twice
a call, so a power cut may lose the latest ones.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, RowMapping, Table, Text, func, select
from sqlalchemy import text as sql

from insource.foundation.clock import SYSTEM, Clock, from_microseconds, to_microseconds
from insource.foundation.errors import UserError
from insource.foundation.money import from_nano_usd, to_nano_usd
from insource.store.database import METADATA, Database, open_database
from insource.types import Frozen

FILE_NAME = "keys.db"
PREFIX = "isk-"
SECRET_BYTES = 32
MINUTE_US = 60_000_000
NAME = re.compile(r"\w[\w .@+-]{0,63}")
Period = Literal["day", "month", "total"]

KEYS = Table(
    "virtual_keys",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # SHA-256 of the key, in hexadecimal
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),  # microseconds since the epoch, as all times here
    Column("revoked_at", BigInteger),
    Column("tasks", JSON, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("budget_nano_usd", BigInteger),
    Column("budget_per", Text, nullable=False),
    Column("requests_per_minute", Integer),
    Column("admitted", BigInteger, nullable=False),  # requests counted against requests_per_minute
    Index("active_key_names", "name", unique=True, sqlite_where=sql("revoked_at IS NULL")),
)
SPEND = Table(
    "key_spend",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("period", Text, primary_key=True),  # 2026-11-23, 2026-11 or total
    Column("reserved_nano_usd", BigInteger, nullable=False),
    Column("spent_nano_usd", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
REQUESTS = Table(
    "key_requests",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

_BY_ID = f"SELECT {', '.join(KEYS.c.keys())} FROM virtual_keys WHERE key_id = ? AND revoked_at IS NULL"


class VirtualKey(Frozen):
    """A key without its secret. Empty ``tasks`` allow any task, an empty ``upstream`` any configured one."""

    key_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None
    tasks: tuple[str, ...] = ()
    upstream: str = ""
    budget_usd: Decimal | None = None
    budget_per: Period = "total"
    requests_per_minute: int | None = None

    @property
    def limited(self) -> bool:
        """Whether its calls are counted."""
        return self.budget_usd is not None or self.requests_per_minute is not None


class Spend(Frozen):
    """A key's money in one period: the cost of finished calls, and the reservations of running ones."""

    spent_usd: Decimal
    reserved_usd: Decimal


class Granted(Frozen):
    """A call that may proceed. ``reserved_usd`` is reserved in ``period`` until ``settle``."""

    key_id: str
    period: str
    reserved_usd: Decimal


class Exhausted(Frozen):
    """A call that is refused. ``retry_after_s`` is None when waiting does not help."""

    limit: Literal["requests", "budget"]
    retry_after_s: float | None


def open_keys(workspace: Path) -> Database:
    """Open the keys of a workspace, creating the file if needed; errors as ``open_database``."""
    return open_database(workspace / FILE_NAME, synchronous="NORMAL")


def create_key(
    database: Database,
    name: str,
    *,
    tasks: Sequence[str] = (),
    upstream: str = "",
    budget_usd: Decimal | None = None,
    budget_per: Period = "total",
    requests_per_minute: int | None = None,
    clock: Clock = SYSTEM,
) -> tuple[VirtualKey, str]:
    """Create a key; return it with its secret, which is not stored.

    Raises:
        UserError: ``key-exists`` when an active key has this name, ``key-name`` for an invalid name.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            "key-name",
            f"{name!r} is not a valid key name.",
            hint="Use up to 64 letters, digits, spaces and . _ @ + -",
        )
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    digest = digest_of(secret)
    row = {
        "key_id": _key_id(digest),
        "digest": digest,
        "name": name,
        "created_at": to_microseconds(clock.now()),
        "tasks": list(tasks),
        "upstream": upstream,
        "budget_nano_usd": to_nano_usd(budget_usd),
        "budget_per": budget_per,
        "requests_per_minute": requests_per_minute,
        "admitted": 0,
    }
    with database.write() as connection:
        if connection.execute(_active(name)).first() is not None:
            raise UserError(
                "key-exists",
                f"A key named {name} already exists.",
                hint=f"Choose another name, or revoke the old key: insource keys revoke {name}",
            )
        connection.execute(KEYS.insert(), row)
        return _key(connection.execute(_active(name)).mappings().one()), secret


def revoke_key(database: Database, name: str, *, clock: Clock = SYSTEM) -> VirtualKey:
    """Revoke a key, given by name or id; it stays in the list.

    Raises:
        UserError: ``unknown-key``.
    """
    with database.write() as connection:
        by_id = select(KEYS).where(KEYS.c.key_id == name, KEYS.c.revoked_at.is_(None))
        row = connection.execute(_active(name)).first() or connection.execute(by_id).first()
        if row is None:
            raise UserError(
                "unknown-key", f"There is no active key {name}.", hint="List the keys: insource keys list"
            )
        this = KEYS.c.key_id == row.key_id
        connection.execute(KEYS.update().where(this).values(revoked_at=to_microseconds(clock.now())))
        return _key(connection.execute(select(KEYS).where(this)).mappings().one())


def list_keys(database: Database) -> list[VirtualKey]:
    """Return every key ever created, oldest first."""
    with database.read() as connection:
        rows = connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.key_id)).mappings().all()
    return [_key(row) for row in rows]


def has_active_key(database: Database) -> bool:
    """Whether any key is active."""
    with database.read() as connection:
        count = select(func.count()).select_from(KEYS).where(KEYS.c.revoked_at.is_(None))
        return bool(connection.execute(count).scalar_one())


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal, which is stored instead of the secret.

    A plain SHA-256 is enough: the key has 256 random bits, so a dictionary attack is impossible. A salt or
    Argon2 would add milliseconds to every call.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find_key(connection: sqlite3.Connection, digest: str) -> VirtualKey | None:
    """Return the active key whose secret has this digest, or None.

    The row is looked up by the first 48 bits, so timing can reveal only those. The whole digest is compared
    in constant time.
    """
    row = connection.execute(_BY_ID, (_key_id(digest),)).fetchone()
    if row is None:
        return None
    found = dict(zip(KEYS.c.keys(), row, strict=True))
    if not hmac.compare_digest(found["digest"], digest):
        return None
    return _key(found | {"tasks": json.loads(found["tasks"])})


def spend_of(database: Database, key: VirtualKey, *, clock: Clock = SYSTEM) -> Spend:
    """Return what the key has spent and reserved in the current period of its budget."""
    at = {"key_id": key.key_id, "period": period_of(key.budget_per, clock.now())}
    with database.read() as connection:
        row = connection.execute(select(SPEND).filter_by(**at)).first()
    if row is None:
        return Spend(spent_usd=Decimal(0), reserved_usd=Decimal(0))
    spent, reserved = from_nano_usd(row.spent_nano_usd), from_nano_usd(row.reserved_nano_usd)
    return Spend(spent_usd=spent, reserved_usd=reserved)


def period_of(per: Period, moment: datetime) -> str:
    """Return the UTC period that contains a moment: ``2026-11-23``, ``2026-11`` or ``total``."""
    return {"day": f"{moment:%Y-%m-%d}", "month": f"{moment:%Y-%m}", "total": "total"}[per]


def _active(name: str) -> Any:
    return select(KEYS).where(KEYS.c.name == name, KEYS.c.revoked_at.is_(None))


def _key_id(digest: str) -> str:
    return digest[:12]


def _key(row: Mapping[str, Any] | RowMapping) -> VirtualKey:
    revoked_at = row["revoked_at"]
    return VirtualKey(
        key_id=row["key_id"],
        name=row["name"],
        created_at=from_microseconds(row["created_at"]),
        revoked_at=None if revoked_at is None else from_microseconds(revoked_at),
        tasks=tuple(row["tasks"]),
        upstream=row["upstream"],
        budget_usd=from_nano_usd(row["budget_nano_usd"]),
        budget_per=row["budget_per"],
        requests_per_minute=row["requests_per_minute"],
    )

"""Running totals by day and kind of call, so that summaries need not read every call.

They are updated in the transaction that stores or removes calls, and always equal a recount. Everything in
them is an integer, so it can be added and subtracted exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    select,
)

from insource.store.calls.histogram import Histogram, bucket, merge, pack, unpack
from insource.store.calls.table import CALLS
from insource.store.database import METADATA

DAY_US = 86_400_000_000

KEY = ("day", "task", "feature", "model", "provider", "simulated", "model_asked")
TOKENS = (
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
SUMS = ("calls", "errors", "interrupted", "unpriced", "uncounted", "cost_nano_usd", "estimated", *TOKENS)
HISTOGRAMS = ("latency", "first_token")

FACTS = (
    *("started_at", "task", "feature", "model", "provider", "simulated", "model_asked"),
    *("outcome", "usage_estimated", "cost_nano_usd", "latency_s", "first_token_s"),
    *TOKENS,
)
"""The columns of a call from which totals are computed."""
Facts: TypeAlias = Sequence[Any]
"""The values of these columns, in this order."""
Key: TypeAlias = tuple[int, str, str, str, str, bool, str]

ROLLUPS = Table(
    "rollups",
    METADATA,
    Column("day", Integer, primary_key=True),  # days since 1970-01-01, UTC
    Column("task", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("simulated", Boolean, primary_key=True),
    Column("model_asked", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
    *(Column(name, LargeBinary, nullable=False) for name in HISTOGRAMS),
    sqlite_with_rowid=False,
)

_KEPT = (*SUMS, *HISTOGRAMS)
_KEYS_A_QUERY = 500
# CROSS JOIN makes SQLite look up the keys instead of scanning the table
_SAME = " AND ".join(f"r.{name} = k.{name}" for name in KEY)
_WRITE = f"INSERT OR REPLACE INTO rollups VALUES ({', '.join('?' * len((*KEY, *_KEPT)))})"
_REMOVE = f"DELETE FROM rollups WHERE {' AND '.join(f'{name} = ?' for name in KEY)}"


class Totals:
    """The totals of a set of calls. ``sums`` is in the order of ``SUMS``.

    ``errors`` excludes interrupted calls; ``interrupted`` includes unread ones. Sums of cost and tokens cover
    the calls where they are known. ``unpriced`` counts calls without a cost, ``uncounted`` calls without
    input or output tokens. Errors count as neither, because providers charge for answers only. ``estimated``
    counts calls whose tokens, and so their cost, are estimates.
    """

    __slots__ = ("first_token", "latency", "sums")

    def __init__(
        self,
        sums: Sequence[int] | None = None,
        latency: Histogram | None = None,
        first_token: Histogram | None = None,
    ) -> None:
        self.sums = list(sums or [0] * len(SUMS))
        self.latency: Histogram = latency or {}
        self.first_token: Histogram = first_token or {}

    def count(self, facts: Facts) -> None:
        """Add one call."""
        outcome, estimated, cost, latency_s, first_token_s = facts[7:12]
        tokens = facts[12:]
        sums = self.sums
        sums[0] += 1
        if outcome == "error":
            sums[1] += 1
        elif outcome != "ok":
            sums[2] += 1
        if cost is not None:
            sums[5] += cost
        elif outcome != "error":
            sums[3] += 1
        if outcome != "error" and (tokens[0] is None or tokens[3] is None):
            sums[4] += 1
        if estimated:
            sums[6] += 1
        for position, count in enumerate(tokens, 7):
            if count:
                sums[position] += count
        if latency_s is not None:
            key = bucket(latency_s)
            self.latency[key] = self.latency.get(key, 0) + 1
        if first_token_s is not None:
            key = bucket(first_token_s)
            self.first_token[key] = self.first_token.get(key, 0) + 1

    def merge(self, other: Totals, sign: int = 1) -> None:
        """Add the other totals, or subtract them with ``sign=-1``."""
        self.sums = [mine + sign * theirs for mine, theirs in zip(self.sums, other.sums, strict=True)]
        merge(self.latency, other.latency, sign)
        merge(self.first_token, other.first_token, sign)


def key_of(facts: Facts) -> Key:
    """Return the key of the rollup that counts a call; its day is the UTC day of the call's start."""
    return (facts[0] // DAY_US, facts[1], facts[2], facts[3], facts[4], bool(facts[5]), facts[6])


def add_to_rollups(connection: Connection, calls: Iterable[Facts]) -> None:
    """Add these calls to the rollups, in the transaction that stores them."""
    _change(connection, calls, 1)


def take_from_rollups(connection: Connection, calls: Iterable[Facts]) -> None:
    """Subtract these calls from the rollups, in the transaction that removes or retags them."""
    _change(connection, calls, -1)


def totals_by_key(calls: Iterable[Facts]) -> dict[Key, Totals]:
    """Return the totals of these calls by rollup key."""
    found: dict[Key, Totals] = {}
    for facts in calls:
        key = key_of(facts)
        totals = found.get(key)
        if totals is None:
            totals = found[key] = Totals()
        totals.count(facts)
    return found


def stored_rollups(connection: Connection, *conditions: Any) -> Iterable[tuple[Key, Totals]]:
    """Yield the rollups that meet the conditions."""
    for row in connection.execute(select(ROLLUPS).where(*conditions)):
        yield tuple(row[: len(KEY)]), _totals(row[len(KEY) :])


def rebuild_rollups(connection: Connection) -> None:
    """Recompute all rollups from the calls."""
    connection.execute(delete(ROLLUPS))
    facts = connection.execution_options(yield_per=10_000).execute(select(*(CALLS.c[name] for name in FACTS)))
    add_to_rollups(connection, facts)


def _change(connection: Connection, calls: Iterable[Facts], sign: int) -> None:
    changes = totals_by_key(calls)
    before = _stored(connection, list(changes))
    written: list[tuple[Any, ...]] = []
    emptied: list[Key] = []
    for key, change in changes.items():
        totals = before.get(key) or Totals()
        totals.merge(change, sign)
        if totals.sums[0]:
            written.append((*key, *totals.sums, pack(totals.latency), pack(totals.first_token)))
        else:
            emptied.append(key)
    if written:
        connection.exec_driver_sql(_WRITE, written)
    if emptied:
        connection.exec_driver_sql(_REMOVE, emptied)


def _stored(connection: Connection, keys: Sequence[Key]) -> dict[Key, Totals]:
    found: dict[Key, Totals] = {}
    for first in range(0, len(keys), _KEYS_A_QUERY):
        some = keys[first : first + _KEYS_A_QUERY]
        rows = ", ".join([f"({', '.join('?' * len(KEY))})"] * len(some))
        query = (
            f"WITH k ({', '.join(KEY)}) AS (VALUES {rows}) SELECT r.* FROM k CROSS JOIN rollups r ON {_SAME}"
        )
        for row in connection.exec_driver_sql(query, tuple(value for key in some for value in key)):
            found[(*row[:5], bool(row[5]), row[6])] = _totals(row[len(KEY) :])
    return found


def _totals(row: Sequence[Any]) -> Totals:
    return Totals(row[: len(SUMS)], unpack(row[-2]), unpack(row[-1]))

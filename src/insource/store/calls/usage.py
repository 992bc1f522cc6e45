"""Consumption: totals of calls by day, task, feature, model and more.

Whole days come from the rollups. Partial days, and conditions that rollups do not hold (user, source,
outcome), are counted from the calls, which is equally exact but slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from sqlalchemy import Connection, literal, select

from insource.foundation.clock import to_microseconds
from insource.foundation.money import from_nano_usd
from insource.store.calls.histogram import quantiles
from insource.store.calls.model_names import answering_models
from insource.store.calls.rollups import DAY_US, FACTS, KEY, ROLLUPS, SUMS, Totals, key_of, stored_rollups
from insource.store.calls.selection import Selection
from insource.store.calls.table import CALLS
from insource.store.database import Database
from insource.types import Frozen

Dimension = Literal["day", "task", "feature", "model", "provider", "user"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

_Groups: TypeAlias = dict[tuple[tuple[str, ...], bool], Totals]

_EPOCH = date(1970, 1, 1)
_QUANTILES = (0.5, 0.95, 0.99)


class Consumption(Frozen):
    """The totals of a group of calls; simulated calls form groups of their own.

    ``group`` holds the value of every requested dimension. ``errors`` and ``interrupted`` are disjoint. Token
    counts and ``cost_usd`` are sums over the calls where they are known. ``uncounted`` calls have no input or
    output tokens, and ``unpriced`` calls have no cost; errors count as neither, because providers do not
    charge for them. ``cost_usd`` is None when no call has a cost. ``estimated`` calls have tokens, and so a
    cost, that Insource estimated. A failed call belongs to the model that answers to the name that was asked
    for, see ``answering_models``. Latencies and times
    to the first token are nearest-rank percentiles in seconds, within 1 % (see ``histogram``).

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Consumption, Log, Recorder
        >>> with TemporaryDirectory() as folder:
        ...     with Recorder.open(Path(folder)) as recorder:
        ...         recording = recorder.begin({"messages": []}, model_asked="gpt-4o-mini", task="specs")
        ...         recording.end(response_text="480 V")
        ...     with Log(folder) as log:
        ...         lines: tuple[Consumption, ...] = log.stats(by=["task", "model"])
        >>> [(line.group, line.calls, line.error_rate) for line in lines]
        [({'task': 'specs', 'model': 'gpt-4o-mini'}, 1, 0.0)]
    """

    group: dict[str, str]
    simulated: bool
    calls: int
    errors: int
    interrupted: int
    unpriced: int
    uncounted: int
    estimated: int
    cost_usd: Decimal | None
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    first_token_p99_s: float | None

    @property
    def error_rate(self) -> float:
        """The share of calls that failed, were interrupted or could not be read, between 0 and 1."""
        return (self.errors + self.interrupted) / self.calls


def consumption(
    database: Database, by: Sequence[Dimension] = (), selection: Selection | None = None
) -> tuple[Consumption, ...]:
    """Return one entry per group: by day in time order, otherwise by cost and then by calls, descending.

    Without ``by``, there is one entry for all real calls and one for all simulated ones.
    """
    lines, _ = consumption_and_total(database, by, selection)
    return lines


def consumption_and_total(
    database: Database, by: Sequence[Dimension] = (), selection: Selection | None = None
) -> tuple[tuple[Consumption, ...], tuple[Consumption, ...]]:
    """Return the entries of ``consumption`` and the overall totals, from one read."""
    groups: _Groups = {}
    with database.read() as connection:
        answering = answering_models(connection) if "model" in by else {}
        for named, totals in _parts(connection, by, selection or Selection()):
            named["model"] = answering.get(named["model"], named["model"])
            group = _group(named, by), bool(named["simulated"])
            groups.setdefault(group, Totals()).merge(totals)
    whole: _Groups = {}
    for (_, simulated), totals in groups.items():
        whole.setdefault(((), simulated), Totals()).merge(totals)
    return _lines(groups, by), _lines(whole, ())


def _lines(groups: _Groups, by: Sequence[Dimension]) -> tuple[Consumption, ...]:
    found = [
        _consumption(dict(zip(by, key, strict=True)), simulated, totals)
        for (key, simulated), totals in groups.items()
    ]
    return tuple(sorted(found, key=lambda line: _rank(line, by)))


def _rank(line: Consumption, by: Sequence[Dimension]) -> tuple[Any, ...]:
    time = line.group["day"] if "day" in by else ""
    return (time, line.simulated, -(line.cost_usd or 0), -line.calls, tuple(line.group.values()))


def _parts(
    connection: Connection, by: Sequence[Dimension], chosen: Selection
) -> Iterator[tuple[dict[str, Any], Totals]]:
    if not chosen.in_rollups or "user" in by:
        yield from _scanned(connection, by, chosen)
        return
    whole, ends = _whole_days(chosen)
    conditions = chosen.rolled_up(ROLLUPS)
    if whole is not None:
        first, last = whole
        conditions += [ROLLUPS.c.day >= first] if first is not None else []
        conditions += [ROLLUPS.c.day < last] if last is not None else []
        for key, totals in stored_rollups(connection, *conditions):
            yield dict(zip(KEY, key, strict=True)), totals
    for end in ends:
        yield from _scanned(connection, by, end)


def _scanned(
    connection: Connection, by: Sequence[Dimension], chosen: Selection
) -> Iterator[tuple[dict[str, Any], Totals]]:
    user = CALLS.c.user if "user" in by else literal("")
    query = select(*(CALLS.c[name] for name in FACTS), user).where(*chosen.conditions())
    rows = connection.execution_options(yield_per=10_000).execute(query)
    groups: dict[tuple[Any, ...], Totals] = {}
    for row in rows:
        key = (*key_of(row), row[-1])
        totals = groups.get(key)
        if totals is None:
            totals = groups[key] = Totals()
        totals.count(row[:-1])
    for key, totals in groups.items():
        yield dict(zip((*KEY, "user"), key, strict=True)), totals


def _group(named: dict[str, Any], by: Iterable[Dimension]) -> tuple[str, ...]:
    return tuple(str(_EPOCH + timedelta(days=named["day"])) if name == "day" else named[name] for name in by)


def _whole_days(
    chosen: Selection,
) -> tuple[tuple[int | None, int | None] | None, list[Selection]]:
    """Return the whole days of the period, and the partial days before and after them.

    The days are (first, last), the last exclusive and None for an open end; None when there is no whole day.
    """
    since = None if chosen.since is None else to_microseconds(chosen.since)
    until = None if chosen.until is None else to_microseconds(chosen.until)
    first = None if since is None else -(-since // DAY_US)
    last = None if until is None else until // DAY_US
    if first is not None and last is not None and first >= last:
        return None, [chosen]
    ends = []
    if first is not None and since != first * DAY_US:
        ends.append(chosen.model_copy(update={"until": _midnight(first)}))
    if last is not None and until != last * DAY_US:
        ends.append(chosen.model_copy(update={"since": _midnight(last)}))
    return (first, last), ends


def _midnight(day: int) -> datetime:
    return datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), UTC)


def _consumption(group: dict[str, str], simulated: bool, totals: Totals) -> Consumption:
    sums = dict(zip(SUMS, totals.sums, strict=True))
    cost = sums.pop("cost_nano_usd")
    unknown = sums["unpriced"] + sums["errors"] == sums["calls"]
    p50, p95, p99 = quantiles(totals.latency, _QUANTILES)
    first50, first95, first99 = quantiles(totals.first_token, _QUANTILES)
    return Consumption(
        group=group,
        simulated=simulated,
        **sums,
        cost_usd=None if unknown and not cost else from_nano_usd(cost),
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        first_token_p50_s=first50,
        first_token_p95_s=first95,
        first_token_p99_s=first99,
    )

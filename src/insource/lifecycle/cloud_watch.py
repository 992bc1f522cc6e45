"""Notice from the log that a cloud changed: another version answers, a price moved, calls fail, a model ends.

Every rule is over the calls of one model in their order, and needs several calls, because one of them says
nothing of a model: some providers route single calls to another version.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select

from insource.foundation.clock import from_microseconds, iso, to_microseconds
from insource.foundation.money import from_nano_usd
from insource.store.calls.table import CALLS
from insource.store.database import Database
from insource.types import Usage
from insource.types.cloud_watch import CloudFinding

LATEST = 5
"""The last answers that have to agree before a version or a price counts as the present one."""
FAILURES = 5
"""Calls without an answer, one after the other, that are an outage."""
MOST = 5000
"""The most calls that are read, the latest ones."""
PRICE_STEP = 0.01
"""A change of the price below this is rounding (ratio)."""

_ENDED = re.compile(
    r"deprecat|decommission|retired|discontinu|end[- ]of[- ]life|model[_ -]not[_ -]found", re.I
)
_CHECK = "insource deploy anchors check --all"

UnitPrice = Callable[[str, Usage, datetime], Decimal | None]
"""The listed cost of a call by its model, its tokens and the day."""


class CloudCallFact(NamedTuple):
    """What the rules need of one call. ``status`` is None where no answer came."""

    at: datetime
    asked: str
    answered: str
    ok: bool
    status: int | None
    error: str
    usage: Usage
    cost_usd: Decimal | None


def cloud_findings(
    facts: Sequence[CloudCallFact], price: UnitPrice, is_ended: Callable[[str], bool]
) -> tuple[CloudFinding, ...]:
    """Return what changed in these calls, oldest first.

    ``price`` tells what a call would have cost on another day, and ``is_ended`` whether a list of models says
    that one is deprecated.
    """
    found: list[CloudFinding] = []
    models = sorted({fact.asked for fact in facts})
    for model in models:
        calls = [fact for fact in facts if fact.asked == model]
        found += [*_versions(model, calls), *_prices(model, calls, price), *_outages(model, calls)]
        found += _ends(model, calls, is_ended)
    first: dict[str, CloudFinding] = {}
    for one in sorted(found, key=lambda one: one.since):
        first.setdefault(one.key, one)
    return tuple(first.values())


def read_facts(
    database: Database, task: str, since: datetime, *, escalated: bool = False
) -> tuple[CloudCallFact, ...]:
    """Return the latest calls of a task that went to a cloud, oldest first, those with anchors included.

    With ``escalated``, only those that a gateway routed there: among others are refusals of its own, which
    look like those of a cloud.
    """
    error = func.json_extract(CALLS.c.payload, "$.error").label("error")
    to = CALLS.c.route_to
    routed = to == "cloud" if escalated else or_(to.is_(None), to != "local")
    query = (
        select(CALLS, error)
        .where(CALLS.c.task == task, CALLS.c.started_at >= to_microseconds(since))
        .where(routed, CALLS.c.simulated.is_(False))
        # An audit that was refused here went to no cloud.
        .where(or_(CALLS.c.route_to.is_not(None), CALLS.c.source != "audit"))
        .order_by(CALLS.c.started_at.desc(), CALLS.c.call_id.desc())
        .limit(MOST)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return tuple(_fact(row) for row in reversed(rows))


def _fact(row: Any) -> CloudCallFact:
    return CloudCallFact(
        at=from_microseconds(row.started_at),
        asked=row.model_asked,
        answered=row.model_answered,
        ok=row.outcome == "ok",
        status=row.status,
        error=row.error or "",
        usage=Usage(
            input_tokens=row.input_tokens, cached_tokens=row.cached_tokens, output_tokens=row.output_tokens
        ),
        cost_usd=from_nano_usd(row.cost_nano_usd),
    )


def outage_now(facts: Sequence[CloudCallFact]) -> str:
    """Return what is to be said of a cloud whose last calls, under whatever name, all got no answer."""
    last = facts[-FAILURES:]
    if len(last) < FAILURES or not all(map(_unanswered, last)):
        return ""
    return f"the last {FAILURES} calls to the cloud got no answer, since {iso(last[0].at)}"


def _versions(model: str, calls: Sequence[CloudCallFact]) -> Iterator[CloudFinding]:
    """Another version answers: the last answers are all of one that did not answer most of those before."""
    answers = [call for call in calls if call.ok and call.answered]
    names = {call.answered for call in answers[-LATEST:]}
    if len(answers) < 2 * LATEST or len(names) != 1:
        return
    now = names.pop()
    first = next(index for index, call in enumerate(answers) if call.answered == now)
    if first < LATEST:
        return
    before = Counter(call.answered for call in answers[:first]).most_common(1)[0][0]
    since = answers[first].at
    yield CloudFinding(
        kind="model-version",
        model=model,
        since=since,
        before=before,
        now=now,
        said=f"{model} is answered by {now} since {iso(since)}, by {before} before",
        next=f"See whether its answers changed: {_CHECK}",
    )


def _prices(model: str, calls: Sequence[CloudCallFact], price: UnitPrice) -> Iterator[CloudFinding]:
    """The price moved: the last calls cost another multiple of what they would have on the first day."""
    priced = [call for call in calls if call.ok and call.cost_usd is not None]
    if len(priced) < 2 * LATEST:
        return
    ratios = []
    for call in priced:
        listed = price(call.answered or model, call.usage, priced[0].at) or price(
            model, call.usage, priced[0].at
        )
        if call.cost_usd is None or not listed:
            return
        ratios.append(float(call.cost_usd / listed))
    now = statistics.median(ratios[-LATEST:])
    same = [abs(ratio / now - 1) <= PRICE_STEP if now else ratio == now for ratio in ratios]
    first = len(same) - next((back for back, alike in enumerate(reversed(same)) if not alike), len(same))
    if first < LATEST or len(same) - first < LATEST:
        return
    before = statistics.median(ratios[:first])
    if not before or abs(now / before - 1) <= PRICE_STEP:
        return
    since = priced[first].at
    yield CloudFinding(
        kind="price",
        model=model,
        since=since,
        before=f"{before:.4g}",
        now=f"{now:.4g}",
        said=f"the same tokens of {model} cost {now / before:.2f} times as much since {iso(since)}",
        next="See what that changes: insource decide",
    )


def _outages(model: str, calls: Sequence[CloudCallFact]) -> Iterator[CloudFinding]:
    """Calls in a row got no answer: no connection, a time-out, a server's error, or too many calls."""
    runs = [(failed, list(group)) for failed, group in groupby(calls, key=_unanswered)]
    for place, (failed, group) in enumerate(runs):
        if not failed or len(group) < FAILURES:
            continue
        ongoing = place == len(runs) - 1
        until = "now" if ongoing else iso(runs[place + 1][1][0].at)
        reason = Counter(str(call.status or "no answer") for call in group).most_common(1)[0][0]
        yield CloudFinding(
            kind="outage",
            model=model,
            since=group[0].at,
            before="answered",
            now=f"{len(group)} calls failed",
            said=f"{len(group)} calls to {model} in a row got no answer ({reason}), "
            f"from {iso(group[0].at)} to {until}",
            next="Look at the calls: insource logs list --outcome error",
            ongoing=ongoing,
        )


def _unanswered(call: CloudCallFact) -> bool:
    return not call.ok and (call.status is None or call.status >= 500 or call.status == 429)


def _ends(
    model: str, calls: Sequence[CloudCallFact], is_ended: Callable[[str], bool]
) -> Iterator[CloudFinding]:
    """The model ends: the provider says so in an error, or the list of prices does."""
    refused = [
        call
        for call in calls
        if not call.ok and (call.status == 410 or _ENDED.search(call.error) is not None)
    ]
    listed = bool(calls) and is_ended(model)
    if not refused and not listed:
        return
    since = refused[0].at if refused else calls[-1].at
    how = f"the provider says: {refused[0].error[:200]}" if refused else "the price table calls it deprecated"
    yield CloudFinding(
        kind="deprecated",
        model=model,
        since=since,
        before="served",
        now="deprecated",
        said=f"{model} ends or has ended: {how}",
        next="Name another model under [reference] and measure it: insource run",
    )

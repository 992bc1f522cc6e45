"""Survey the log in two passes: learn the templates, then count every call by its template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from insource.foundation.clock import from_microseconds
from insource.foundation.money import from_nano_usd
from insource.logs.discovery import ranking
from insource.logs.discovery.candidates import Survey, TaskCandidate, Version
from insource.logs.discovery.evidence import Evidence
from insource.logs.discovery.grouping import absorb, group
from insource.logs.discovery.learning import TemplateLearner
from insource.logs.discovery.naming import name
from insource.logs.discovery.prompts import Prompt
from insource.logs.discovery.reading import UntaggedCall, untagged
from insource.logs.discovery.rules import Rules, TaskFinder
from insource.logs.discovery.templates import Template, TemplateIndex
from insource.store.database import Database

MIN_CALLS = 10
"""The calls of a smaller group count as scattered."""
PROGRESS_EVERY = 20_000
DAYS_A_MONTH = Decimal("30.4375")
_ORDER = {"narrow": 0, "perhaps": 1, "not narrow": 2}
_DAY_US = 86_400_000_000


class _Count:
    """The totals of the second pass."""

    def __init__(self) -> None:
        self.calls = self.unreadable = self.unpriced = 0
        self.cost_nano_usd: int | None = None
        self.first = self.last = 0
        self.evidence: dict[str, Evidence] = defaultdict(Evidence)

    @property
    def days(self) -> float:
        return (self.last - self.first) / _DAY_US


def survey(
    database: Database,
    *,
    since: datetime | None = None,
    min_calls: int = MIN_CALLS,
    rules: Rules | None = None,
    task: str = "",
    progress: Callable[[int], None] = lambda read: None,
) -> Survey:
    """Find tasks among the calls without one; return the candidates, best first.

    With ``task``, the calls that have this task are surveyed instead: the groups are then its prompts.

    ``rules`` come from an earlier survey: their templates are known from the start and keep their names. The
    log is read twice; ``progress`` receives the calls read so far over both passes. Narrow candidates come
    first, then those that are perhaps narrow, each ordered by monthly cost with unknown prices last.

    Raises:
        InsourceError: the store's failures.
    """
    learner = TemplateLearner(rules.templates() if rules else ())
    read = 0
    for read, record in enumerate(untagged(database, since, task), 1):
        if record.prompt is not None:
            learner.feed(record.prompt)
        if read % PROGRESS_EVERY == 0:
            progress(read)
    learner.finish()
    calls = untagged(database, since, task)
    count = _count(calls, learner.index, lambda done: progress(read + done))
    given = rules.names() if rules else {}
    _fold(learner.index, count.evidence, min_calls, given)
    seen = [one for one in learner.index if one.fingerprint in count.evidence]
    groups = [
        versions
        for versions in group(seen, count.evidence, given)
        if sum(count.evidence[one.fingerprint].calls for one in versions) >= min_calls
    ]
    candidates = [
        _candidate(versions, task, count)
        for versions, task in zip(groups, _names(groups, given), strict=True)
    ]
    candidates.sort(key=_rank)
    return Survey(
        candidates=tuple(candidates),
        calls=count.calls,
        scattered=count.calls - count.unreadable - sum(one.calls for one in candidates),
        unreadable=count.unreadable,
        days=count.days,
        cost_usd=from_nano_usd(count.cost_nano_usd),
        unpriced=count.unpriced,
    )


def discover(
    database: Database,
    *,
    since: datetime | None = None,
    min_calls: int = MIN_CALLS,
    rules: Rules | None = None,
) -> tuple[TaskCandidate, ...]:
    """Return the candidates of a ``survey``, best first."""
    return survey(database, since=since, min_calls=min_calls, rules=rules).candidates


def assignments(database: Database, rules: Rules, since: datetime | None = None) -> Iterator[tuple[str, str]]:
    """Yield (call id, task) of every untagged call to which the rules assign a task."""
    finder = TaskFinder(rules)
    for record in untagged(database, since):
        task = finder.task(record.prompt) if record.prompt is not None else None
        if task is not None:
            yield record.call_id, task


def _count(calls: Iterable[UntaggedCall], index: TemplateIndex, progress: Callable[[int], None]) -> _Count:
    count = _Count()
    for record in calls:
        count.calls += 1
        if count.calls % PROGRESS_EVERY == 0:
            progress(count.calls)
        count.first = count.first or record.started_at
        count.last = record.started_at
        if record.cost_nano_usd is None:
            count.unpriced += 1
        else:
            count.cost_nano_usd = (count.cost_nano_usd or 0) + record.cost_nano_usd
        if record.prompt is None:
            count.unreadable += 1
        elif (template := index.find(record.prompt)) is not None:
            count.evidence[template.fingerprint].add(record, template)
    return count


def _fold(
    index: TemplateIndex, evidence: dict[str, Evidence], min_calls: int, given: Mapping[str, str]
) -> None:
    """Assign the calls of templates too rare to report to the most specific other template that matches."""
    often = TemplateIndex(
        one
        for one in index
        if one.fingerprint in given
        or (one.fingerprint in evidence and evidence[one.fingerprint].calls >= min_calls)
    )
    for template in index:
        if template.fingerprint in evidence and template not in often:
            wider = often.find(Prompt(template.frame, template.rendering, images=False, turns=1))
            if wider is not None and wider.fingerprint in evidence:
                evidence[wider.fingerprint].merge(evidence.pop(template.fingerprint))


def _names(groups: Sequence[Sequence[Template]], given: Mapping[str, str]) -> list[str]:
    """Return the name from a rule, else one from the prompt's words."""
    found = name(groups, taken=given.values())
    return [
        next((given[one.fingerprint] for one in versions if one.fingerprint in given), new)
        for versions, new in zip(groups, found, strict=True)
    ]


def _candidate(versions: Sequence[Template], task: str, count: _Count) -> TaskCandidate:
    total = Evidence()
    listed = []
    for template, one in absorb(versions, count.evidence):
        total.merge(one)
        seen = (from_microseconds(one.first), from_microseconds(one.last))
        listed.append(Version(template=template, calls=one.calls, first_seen=seen[0], last_seen=seen[1]))
    points = ranking.signals(total)
    fit = sum(signal.points for signal in points)
    ruled_out = ranking.obstacles(total)
    priced = total.calls - total.unpriced
    cost = from_nano_usd(total.cost_nano_usd) if priced else None
    monthly = DAYS_A_MONTH / Decimal(count.days) if count.days >= 1 else None
    return TaskCandidate(
        name=task,
        verdict=ranking.verdict(fit, ruled_out),
        fit=fit,
        signals=points,
        obstacles=ruled_out,
        notes=ranking.notes(total),
        calls=total.calls,
        share=total.calls / count.calls,
        calls_per_month=None if monthly is None else round(total.calls * monthly),
        cost_usd=cost,
        monthly_cost_usd=None if monthly is None or cost is None else cost * monthly,
        unpriced=total.unpriced,
        distinct_inputs=total.distinct_inputs,
        latency_s=ranking.latency_s(total),
        output_tokens=ranking.output_tokens(total),
        models=dict(total.models.most_common()),
        versions=tuple(listed),
        call_ids=tuple(total.examples),
    )


def _rank(candidate: TaskCandidate) -> tuple[int, bool, Decimal, int, str]:
    cost = candidate.monthly_cost_usd if candidate.monthly_cost_usd is not None else candidate.cost_usd
    unknown = cost is None
    return (_ORDER[candidate.verdict], unknown, -(cost or Decimal(0)), -candidate.calls, candidate.name)

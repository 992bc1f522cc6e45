"""Profile every task of a log: one reading of it, samples of each task, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from insource.decision.from_log.cleanliness import contract_of, extractive_of, feedback_in, usable_data
from insource.decision.from_log.constant import Price, constant_of
from insource.decision.from_log.gathering import Gathered, Pass, gather
from insource.decision.from_log.narrow import form_of, narrowness_of
from insource.decision.from_log.privacy import sensitivity_of
from insource.decision.from_log.repetition import repetition_of
from insource.decision.from_log.rungs import Fit, RungBudget
from insource.decision.from_log.samples import different_inputs, repeated_inputs
from insource.decision.from_log.tasks import find_tasks
from insource.decision.from_log.traffic import spending_of, traffic_of, waiting_of
from insource.foundation.money import from_nano_usd
from insource.logs.discovery.rules import Rules
from insource.similarity.near_duplicates import Pair
from insource.store.calls.feedback import Feedback
from insource.store.database import Database
from insource.types import OutputSpec
from insource.types.log_profile import LogProfile, ProfiledLog

RUNG_SECONDS = 45.0
"""The time for fitting rungs, so that 100,000 calls take less than two minutes on two cores."""


class Given(NamedTuple):
    """What a profile takes beside the log.

    ``outputs`` are known contracts by task, ``need_s`` the 95th percentile of the latency that callers accept
    by task, ``price`` prices a call, ``fit`` cross-validates rungs (None: none is), ``folder`` is for scratch
    files, gone afterwards.
    """

    price: Price
    folder: Path
    rules: Rules | None = None
    outputs: Mapping[str, OutputSpec] = {}
    need_s: Mapping[str, float] = {}
    fit: Fit | None = None
    rung_seconds: float = RUNG_SECONDS
    seed: int = 0


def profile_log(
    database: Database,
    given: Given,
    *,
    since: datetime | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> ProfiledLog:
    """Return the profile of every task in the log, those that cost most first.

    No language model runs, nothing is sent, and nothing is kept.

    Raises:
        InsourceError: the store's failures.
    """
    tasks = find_tasks(database, since=since, rules=given.rules, progress=progress)
    progress("read every call, and compare their documents")
    read = gather(database, tasks, since, given.seed)
    near = read.repeats.repeats()
    feedback = feedback_in(database)
    budget = RungBudget(given.rung_seconds, given.fit)
    profiles = []
    for calls in sorted(read.tasks, key=_cost, reverse=True):
        progress(f"profile {calls.task.name}")
        profiles.append(_profile(database, calls, read, near, feedback, given, budget))
    return ProfiledLog(
        profiles=tuple(profiles),
        calls=read.calls,
        scattered=read.scattered,
        without_text=read.without_text,
        passed_over=read.passed_over,
        usd=from_nano_usd(read.cost_nano_usd),
        days=read.span.days,
    )


def _profile(
    database: Database,
    calls: Gathered,
    read: Pass,
    near: dict[int, Pair],
    feedback: Mapping[str, Sequence[Feedback]],
    given: Given,
    budget: RungBudget,
) -> LogProfile:
    task, span = calls.task, read.span
    sample, again = (make(database, calls, feedback) for make in (different_inputs, repeated_inputs))
    output = contract_of(sample, given.outputs.get(task.name))
    traffic, spending = traffic_of(calls, span), spending_of(calls, span)
    repetition = repetition_of(calls, span, near, spending.per_month_usd)
    extractive = extractive_of(sample, output, given.folder)
    measured = budget.measure(task.name, output, sample)
    return LogProfile(
        task=task.name,
        tagged=task.tagged,
        obstacles=task.obstacles,
        traffic=traffic,
        spending=spending,
        narrowness=narrowness_of(calls, form_of(calls, output), span, extractive),
        data=usable_data(calls, sample, again, output, feedback, given.folder),
        repetition=repetition,
        constant=constant_of(calls, traffic.per_month, given.price),
        privacy=sensitivity_of(sample, traffic.per_month, repetition.exact),
        waiting=waiting_of(calls, given.need_s.get(task.name)),
        rungs=measured.rungs,
        rungs_note=measured.note,
    )


def _cost(calls: Gathered) -> tuple[int, int, str]:
    cost = calls.columns["cost"]
    return int(cost[cost >= 0].sum()), len(calls), calls.task.name

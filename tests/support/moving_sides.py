"""A cloud and a local model of which one moves at a known time, the audits between them, and anchors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from insource.lifecycle.anchors.attribution import Harm, attribute
from insource.lifecycle.anchors.schedule import PRESSED_ROUNDS
from insource.stats.e_process import log_evidences
from insource.types.deployment import AnchorCheck

SLO, ALPHA, ANCHORS, BASELINE_ROUNDS = 0.05, 0.01, 60, 4
BEFORE, MOST, SCHEDULE, PRESSED = 600, 6000, 600, 100
START = datetime(2026, 11, 28, tzinfo=UTC)


class World(NamedTuple):
    """What happens after ``BEFORE`` audits, and how both sides are.

    ``loss`` is the share of differences between two that did not move; a local model that moves differs on
    ``local`` of the calls more, a cloud that moves gives another answer to ``cloud`` of its documents.
    ``noise`` is the mean share of the cloud's answers to a document that are not its usual one, very uneven
    between documents; ``right`` the share of the cloud's usual answers that people agree with.
    """

    loss: float = 0.03
    local: float = 0.0
    cloud: float = 0.0
    noise: float = 0.02
    right: float = 0.93
    worse: float = 0.5


class Ended(NamedTuple):
    """The first cause that was named (``none`` if none was), and after how many audits since the change."""

    cause: str
    after: int
    harmed: bool


def at(step):
    return START + timedelta(minutes=int(step))


class Local:
    """Answers of a model that says the same every time: wrong on some anchors, on more once it has moved."""

    def __init__(self, world, random):
        self.wrong = random.random(ANCHORS) < world.loss
        self.moved = self.wrong | (random.random(ANCHORS) < world.local)


class Cloud:
    """Answers to the anchors: a usual one, seldom another, and after the change a new usual one for some."""

    def __init__(self, world, random):
        self._random = random
        noise = world.noise
        self.noise = random.beta(0.3, 0.3 / noise - 0.3, ANCHORS) if noise else np.zeros(ANCHORS)
        self.right = random.random(ANCHORS) < world.right
        self.moved = random.random(ANCHORS) < world.cloud
        self.spoiled = random.random(ANCHORS) < world.worse

    def ask(self, changed):
        """Return the answers (0: the usual one, 1: the new one, 2: another) and whether they are right."""
        usual = np.where(self.moved & changed, 1, 0)
        answers = np.where(self._random.random(ANCHORS) < self.noise, 2, usual)
        right = np.where(answers == 0, self.right, ~self.spoiled & self.right)
        return answers, right


def answer(anchor, step, side, right, same=None):
    return AnchorCheck(
        task="t",
        anchor_id=str(anchor),
        at=at(step),
        side=side,
        model="v" if side == "local" else "c",
        right=bool(right),
        same=None if same is None else bool(same),
    )


def simulate(world, random):
    """Run one stream until a cause is named, as a controller would: audits, rounds, and a look at each."""
    rate = np.full(BEFORE + MOST, world.loss)
    rate[BEFORE:] = 1 - (1 - world.loss) * (1 - world.local) * (1 - world.cloud)
    wrong = random.random(len(rate)) < rate
    n = np.arange(1, len(rate) + 1)
    crossed = log_evidences(wrong.cumsum(), n, SLO, "above") >= np.log(1 / ALPHA)
    harm_at = int(crossed.argmax()) + 1 if crossed.any() else None
    cloud, local = Cloud(world, random), Local(world, random)
    checks, first, pressed = [], None, 0
    step, next_round = -BASELINE_ROUNDS, -BASELINE_ROUNDS
    while step < len(rate):
        answers, right = cloud.ask(step >= BEFORE)
        first = answers if first is None else first
        known = bool(checks)
        same = answers == first
        checks += [answer(i, step, "cloud", right[i], same[i] if known else None) for i in range(ANCHORS)]
        broken = local.moved if step >= BEFORE else local.wrong
        checks += [answer(i, step, "local", cloud.right[i] and not broken[i]) for i in range(ANCHORS)]
        harm = Harm(at(harm_at), step - harm_at) if harm_at is not None and step > harm_at else None
        found = attribute(checks, ANCHORS, harm, slo=SLO, alpha=ALPHA, version="v")
        if found.cause in ("local", "cloud"):
            return Ended(found.cause, step - BEFORE, harm is not None)
        pressed += harm is not None
        often = 0 < pressed < PRESSED_ROUNDS
        next_round = step + (1 if step < 0 else PRESSED if often else SCHEDULE)
        if (
            harm_at is not None and step < harm_at < next_round
        ):  # harm is shown: the anchors are asked at once
            next_round = harm_at + 1
        step = next_round
    return Ended("none", MOST, harm_at is not None)


def causes(world, runs, random):
    """Return how often each cause was named in so many streams, and the audits after the change."""
    ended = [simulate(world, random) for _ in range(runs)]
    counts = {cause: sum(one.cause == cause for one in ended) for cause in ("local", "cloud", "none")}
    after = [one.after for one in ended if one.cause != "none"]
    return counts, float(np.median(after)) if after else float("nan")

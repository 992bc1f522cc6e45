"""Traffic that drifts in known ways, and how often the monitor says so.

Confidences are probabilities of being right in the reference, so what every signal should say is known.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from insource.config.monitor import MonitorSection
from insource.config.rollout import RolloutSection
from insource.foundation.rng import generator
from insource.lifecycle.drift.behaviour import Answered
from insource.lifecycle.monitoring.traffic import Observed
from insource.lifecycle.monitoring.watch import Watched, check
from insource.stats.intervals import clopper_pearson
from insource.types import JsonSchema, Policy
from insource.types.deployment import Audit

START = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = ("pump", "valve", "motor", "sensor", "relay")
WORDS = (
    "rated",
    "with",
    "for",
    "indoor",
    "use",
    "series",
    "compact",
    "two",
    "year",
    "warranty",
    "steel",
    "set",
)
FOREIGN = ("nennspannung", "laut", "typenschild", "bitte", "beachten", "gehäuse", "lieferung", "baujahr")
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
THRESHOLD, SLO = 0.8, 0.05
OUTPUT = JsonSchema(
    definition={
        "type": "object",
        "properties": {"voltage": {"type": ["string", "null"]}, "kind": {"enum": [*KINDS, "other"]}},
    }
)
POLICY = Policy(
    threshold=THRESHOLD, basis="guaranteed", max_error=0.05, delta=0.05, calibration_n=500,
    expected_local_share=0.9, reason="simulated",
)  # fmt: skip

DRIFTS = (
    "another language",
    "other mix",
    "longer",
    "misread",
    "harder",
    "more nulls",
    "concept",
    "bursts",
    "own words",
    "runs",
)
"""``concept``: the right answers changed and nothing else, which no signal without labels can see.
``bursts``: no drift, but documents come in runs of ten of one kind, so that they are not in any order.
``own words``: no drift, but two calls in a row share words that no other call has, such as a name.
``runs``: no drift, but ten calls in a row share a confidence, whose mean is what the policy promises."""

STATIONARY = ("bursts", "own words", "runs")

SIGNALS = ("inputs", "behaviour", "quality", "audits")


class Cell(NamedTuple):
    """One combination of the factorial; ``strength`` is the share of the documents that drifted."""

    drift: str
    strength: float
    reference: int
    window: int


class Alarms(NamedTuple):
    """How often each signal raised an alert, and any signal without labels, of ``runs``."""

    runs: int
    counts: dict[str, int]

    def rate(self, signal):
        return self.counts[signal] / self.runs

    def interval(self, signal):
        return clopper_pearson(self.counts[signal], self.runs)


def alarms(cell, runs, *, alpha, seed=0):
    """Check one window against one reference, ``runs`` times."""
    counts = dict.fromkeys((*SIGNALS, "any"), 0)
    section = MonitorSection(alpha=alpha)
    for run in range(runs):
        rng = generator(seed, f"drifts.{cell}.{run}")
        reference, _ = _calls(rng, cell.reference, cell.drift if cell.drift in STATIONARY else "", 0.0)
        window, audits = _calls(rng, cell.window, cell.drift, cell.strength)
        watched = Watched("t", "v", OUTPUT, POLICY, None, "", True, SLO, RolloutSection())
        found = check(watched, reference, window, audits, section, before=(), at=START, seed=run)
        signals = {alert.signal for alert in found.alerts}
        for signal in signals:
            counts[signal] += 1
        counts["any"] += bool(signals - {"audits"})
    return Alarms(runs, counts)


def _calls(rng, n, drift, strength):
    calls, audits = [], []
    kind, own, shared = KINDS[0], "", 1.0
    for number in range(n):
        if drift != "bursts" or number % 10 == 0:
            kind = str(rng.choice(KINDS))
        moved = drift and rng.random() < strength
        text, kind_said = _document(rng, kind, drift if moved else "")
        if drift == "own words":
            own = own if number % 2 else " ".join("".join(rng.choice(LETTERS, 7)) for _ in range(3))
            text = f"{text} {own}"
        hard = moved and drift in ("harder", "misread")
        confidence = float(rng.beta(8, 2) if hard else rng.beta(38, 1))
        if drift == "runs":
            shared = shared if number % 10 else float(rng.beta(38, 2))
            confidence = shared
        right = rng.random() < confidence
        if moved and drift == "concept":
            right = right and rng.random() < 0.5
        empty = rng.random() < (0.7 if moved and drift == "more nulls" else 0.1)
        answer = {"voltage": None if empty else f"{rng.integers(100, 130)} V", "kind": kind_said}
        local = confidence >= THRESHOLD
        at = START + timedelta(minutes=number)
        answered = Answered(confidence, not local, float(rng.gamma(4, 0.05)), answer if local else None, 40)
        calls.append(Observed(f"c{number}", at, text, {}, answered))
        if local and rng.random() < 0.5:
            audits.append(
                Audit(task="t", version="v", call_id=f"c{number}", at=at, source="live", wrong=not right)
            )
    return calls, audits


def _document(rng, kind, drift):
    words = list(rng.choice(FOREIGN if drift == "another language" else WORDS, 8))
    if drift == "other mix":
        kind = KINDS[0]
    if drift == "longer":
        words += list(rng.choice(WORDS, 8))
    text = f"{kind} {rng.integers(100, 900)} V {' '.join(words)}"
    if drift == "misread":  # as by a scanner: a tenth of the letters is another one
        letters = np.array(list(text))
        wrong = rng.random(len(letters)) < 0.1
        letters[wrong] = rng.choice(list("lI1O0rn"), wrong.sum())
        text = "".join(letters)
    return text, kind

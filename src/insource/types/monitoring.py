"""What the monitor finds about a task: drift, estimated quality, audited agreement, and its alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from insource.types.anchors import Cause
from insource.types.base import Frozen
from insource.types.estimate import Estimate

Signal = Literal["inputs", "behaviour", "quality", "audits"]
"""``inputs``: the documents. ``behaviour``: what the model does with them. ``quality``: the share of right
answers, estimated from confidences. ``audits``: answers compared with the cloud's or with gold labels.
"""

Unit = Literal["ratio", "seconds", "characters", "lines", "confidence"]

SCHEMA_VERSION = 1


class Window(Frozen):
    """Consecutive calls, or the documents of a dataset (``first`` is None).

    ``source`` says in words where they are from.
    """

    source: str
    calls: int
    first: datetime | None = None
    last: datetime | None = None


class Described(Frozen):
    """One figure in the reference and in the window: the mean, or the share where ``unit`` is ``ratio``."""

    name: str
    unit: Unit
    reference: float
    live: float


class Shift(Described):
    """A figure that was tested. ``p_value`` is adjusted for the figures beside it.

    The test compares whole distributions. ``moved`` says that the shift is beyond chance and large enough to
    act on.
    """

    p_value: float
    moved: bool


class InputDrift(Frozen):
    """Whether a classifier tells documents of the window from those of the reference.

    ``auroc`` is how well it does on documents it was not fitted on; 0.5 means not at all. ``p_value`` is by
    permutation. ``features`` and ``slices`` explain: their p-values are adjusted by Benjamini and Hochberg,
    and they raise no alert. ``words`` compare both with the words of the reference, which only describes: a
    document of the window had no part in choosing these words, so the two differ without a drift.
    """

    auroc: Estimate
    p_value: float
    permutations: int
    alpha: float
    features: tuple[Shift, ...] = ()
    slices: tuple[Shift, ...] = ()
    words: tuple[Described, ...] = ()

    @property
    def moved(self) -> bool:
        return self.p_value <= self.alpha


class Behaviour(Frozen):
    """What the model does, figure by figure; p-values are adjusted by Holm, so that all hold together."""

    alpha: float
    shifts: tuple[Shift, ...]

    @property
    def moved(self) -> tuple[Shift, ...]:
        return tuple(shift for shift in self.shifts if shift.moved)


class Quality(Frozen):
    """The share of right answers among those served here, estimated without labels.

    It holds under another mix of known inputs, not where the right answer to an input has changed.
    ``target`` is the share that the policy promises. Without ``calibrated`` the estimate is an index.
    """

    estimate: Estimate
    target: float
    calibrated: bool
    counts: Literal["documents", "fields"]
    alpha: float

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below the target."""
        return self.calibrated and self.estimate.high is not None and self.estimate.high < self.target


class AuditedAgreement(Frozen):
    """The share of wrong answers among those served here that were audited.

    ``log_evidence`` is that of "lately more than ``bound`` are wrong", and may be read after every audit;
    None where there is none at all. ``above`` is what the rollout makes of it. ``moved`` is what the anchors
    say moved, None without anchors.
    """

    wrong: Estimate
    bound: float
    log_evidence: float | None
    above: bool
    moved: Cause | None = None


class Alert(Frozen):
    """One thing that moved: what, by how much, on which slice, since when, and the next command.

    ``key`` stays the same while it lasts, and ``alert_id`` from its first check to its last.
    ``delivered`` is when the webhook accepted it.
    """

    alert_id: str
    task: str
    key: str
    signal: Signal
    state: Literal["open", "closed"] = "open"
    since: datetime
    at: datetime
    what: str
    slice: str = ""
    reference: float | None = None
    live: float | None = None
    unit: Unit = "ratio"
    next_command: str
    delivered: datetime | None = None

    @property
    def may_roll_back(self) -> bool:
        """Whether a version may be rolled back for this: only where answers were compared with others."""
        return self.signal == "audits"


class Check(Frozen):
    """One look at a task: a window of its calls against the reference.

    ``skipped`` has why a part was not measured, by its signal. ``alerts`` are those that are open after it,
    and those that it closed.
    """

    schema_version: int = SCHEMA_VERSION
    task: str
    version: str
    at: datetime
    window: Window
    reference: Window | None = None
    inputs: InputDrift | None = None
    behaviour: Behaviour | None = None
    quality: Quality | None = None
    agreement: AuditedAgreement | None = None
    skipped: dict[str, str] = {}
    alerts: tuple[Alert, ...] = ()

    @property
    def open(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.state == "open")

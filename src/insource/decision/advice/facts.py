"""Everything that a decision rests on: the log's profile, the measured arms, prices, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from insource.decision.economics.measured_arm import MeasuredArm
from insource.decision.economics.prices import Price
from insource.types import Arm, Comparison, Estimate, Evaluation
from insource.types.comparison import RequiredSample
from insource.types.decided import Evidence, NextExperiment, OptionKind
from insource.types.error_mix import ErrorMix
from insource.types.gold import GoldSource
from insource.types.log_profile import LogProfile
from insource.types.probes import Probes
from insource.types.retraining import Cycle
from insource.types.sufficiency import Sufficiency

OWN: frozenset[OptionKind] = frozenset(
    ("classical", "fine-tune", "larger base", "retrieved few-shot", "better prompt", "retrieval", "hybrid")
)
"""The kinds that are a model of one's own where they run on this machine."""


VOLUME = "the volume"
"""How the reason begins that names an unknown volume."""


class LadderArm(NamedTuple):
    """One arm on the test split.

    ``against`` compares it with today's cloud, None for that cloud itself. ``escalated`` is the share of the
    documents that a cascade hands on.
    """

    kind: OptionKind
    evaluation: Evaluation
    measured: MeasuredArm
    against: Comparison | None = None
    escalated: Estimate | None = None

    @property
    def arm(self) -> Arm:
        return self.evaluation.arm

    @property
    def name(self) -> str:
        return self.evaluation.arm.name


class Offer(NamedTuple):
    """A way to stay in the cloud whose price is known, or known to be unknown, and whose quality is not."""

    kind: OptionKind
    name: str
    price: Price
    why: str


class Ladder(NamedTuple):
    """What the arms measured on the test split.

    ``today`` is the arm of the cloud that answers today, empty without one. ``judged`` are the comparisons of
    the ``chosen`` arm. ``reference_prices`` has the price of each cloud arm.
    """

    arms: tuple[LadderArm, ...] = ()
    today: str = ""
    chosen: str | None = None
    judged: tuple[Comparison, ...] = ()
    mixes: tuple[ErrorMix, ...] = ()
    gold: GoldSource | None = None
    metric: str = ""
    skipped: Mapping[OptionKind, str] = {}
    rests_on: str = ""
    train_rows: int = 0
    test_rows: int = 0
    run_id: str = ""

    @property
    def checked(self) -> bool:
        """Whether people stand behind the labels: to agree with a model is not to be right."""
        return self.gold is None or self.gold.kind == "accuracy"

    def short(self) -> tuple[Comparison, RequiredSample] | None:
        """Return the comparison with a real cloud that its documents could not decide, and what would."""
        clouds = {one.name for one in self.arms if one.arm.role == "reference" and not one.arm.simulated}
        for one in self.judged:
            if one.baseline in clouds and one.outcome == "inconclusive" and one.required is not None:
                return one, one.required
        return None

    def named(self, name: str | None) -> LadderArm | None:
        """Return the arm of this name, None where it was not measured."""
        return next((one for one in self.arms if one.name == name), None)


class Facts(NamedTuple):
    """The inputs of ``decide``.

    ``stated`` is the price of today's way that a person gave, for where nothing was measured.
    ``sufficiency`` and ``probes`` are those of the ladder's rows. ``local_only``: no document may leave the
    machine. ``deeper`` has what each further depth takes. ``cycles`` are the retrainings so far.
    """

    task: str
    profile: LogProfile | None = None
    ladder: Ladder | None = None
    sufficiency: Sufficiency | None = None
    probes: Probes | None = None
    offers: tuple[Offer, ...] = ()
    stated: Price | None = None
    local_only: bool = False
    deeper: tuple[NextExperiment, ...] = ()
    cycles: tuple[Cycle, ...] = ()

    @property
    def is_simulated(self) -> bool:
        """Whether a simulated cloud answers today: its answers and the cost of its calls are made up."""
        today = self.ladder.named(self.ladder.today) if self.ladder is not None else None
        return today is not None and today.arm.simulated


def evidence(name: str, what: str, estimate: Estimate, unit: str = "", where: str = "") -> Evidence:
    """Return a figure that a sentence rests on."""
    return Evidence(name=name, what=what, estimate=estimate, unit=unit, where=where)

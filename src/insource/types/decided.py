"""A decision on one task: the verdict, the ranked options, the four questions, the cheapest next experiment.

Every sentence is made from figures that stand beside it: ``evidence`` names them.
"""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.decision import Verdict
from insource.types.economics import Economics
from insource.types.estimate import NOT_MEASURED, Estimate
from insource.types.log_profile import Leaving, LogProfile
from insource.types.probes import Probes
from insource.types.sufficiency import Sufficiency

SCHEMA_VERSION = 1

Depth = Literal["log", "ladder", "probe"]
"""How deep a decision goes: the log alone, the measured ladder, probes beside it."""

OptionKind = Literal[
    "keep",
    "cache",
    "trim",
    "prompt cache",
    "batch",
    "cheaper tier",
    "decision endpoint",
    "better prompt",
    "constrained decoding",
    "reasoning field or code",
    "retrieved few-shot",
    "retrieval",
    "classical",
    "fine-tune",
    "larger base",
    "cascade",
    "hybrid",
]

Standing = Literal["holds", "open", "fails", "ruled out"]
"""``holds``: as good as today, shown or by construction. ``open``: not shown either way. ``fails``: shown to
be worse. ``ruled out``: not allowed here, such as a cloud for a local-only task."""


class Evidence(Frozen):
    """One figure that a sentence rests on. ``name`` is its dotted name, ``where`` a link to its section."""

    name: str
    what: str
    estimate: Estimate
    unit: str = ""
    where: str = ""


class KillCriterion(Frozen):
    """A reason not to train a model, looked at before anything else.

    ``met`` is None where the figure that it needs is unknown. ``instead`` is what to do when it is met, and
    ``flips_if`` what would have to be so that it is not.
    """

    name: str
    met: bool | None
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    instead: OptionKind | None = None
    flips_if: tuple[str, ...] = ()


class Flip(Frozen):
    """The value of one input at which an option stops, or starts, to pay; all others as stated."""

    input: str
    unit: str
    now: float
    side: Literal["below", "above"]
    threshold: float
    sentence: str


class RankedOption(Frozen):
    """One way to do the job, the best first.

    ``quality`` is ``metric`` on the test documents, or what stands in its place (``judged``);
    ``difference`` is to today's way, on the same documents. ``saves`` is the present value in US dollars
    against keeping today's way over the horizon: the median of the draws and the ends of their middle 95 %.
    ``economics`` is against the cheapest way to stay in the cloud that is not worse. ``dominated_by`` names
    an option that is at least as good and costs less.
    """

    kind: OptionKind
    name: str
    standing: Standing
    why: str
    quality: Estimate = NOT_MEASURED
    metric: str = ""
    judged: str = ""
    difference: Estimate = NOT_MEASURED
    p95_s: Estimate = NOT_MEASURED
    cost_per_1000_correct_usd: Estimate = NOT_MEASURED
    saves: Estimate = NOT_MEASURED
    economics: Economics | None = None
    unknown: tuple[str, ...] = ()
    risk: str = ""
    effort: str = ""
    effort_hours: float | None = None
    leaves: str = ""
    flips: tuple[Flip, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    dominated_by: str = ""


class NextExperiment(Frozen):
    """What to try next: the command, what it settles, and its price in minutes and dollars."""

    depth: Depth
    command: str
    settles: str
    minutes: Estimate = NOT_MEASURED
    usd: Estimate = NOT_MEASURED


class AnsweredQuestion(Frozen):
    """One of the four questions, answered from measurements."""

    key: Literal["narrow", "data", "speed", "inside"]
    question: str
    answer: Literal["yes", "no", "open"]
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    link: str = ""


class GateResult(Frozen):
    """A gate of ``[decision]`` and whether it is met; None where a value that decides was not measured."""

    expression: str
    met: bool | None


class Decision(Frozen):
    """The decision on one task, at one depth; ``insource decide --json`` prints it.

    ``verdict`` is about a model of one's own: *go*, *no-go* or *undecided*; ``options`` says what to do in
    each case, the best first. ``headline`` is the option whose three numbers stand at the top: the best one
    of one's own. ``reference`` is the cheapest way to stay in the cloud that is not worse, ``excluded`` why
    the others are not it. ``sufficiency`` says whether there is enough data, ``probes`` what was tried beside
    the ladder. ``next`` is the cheapest experiment that could change the verdict, ``deeper`` what
    each further depth costs.
    """

    schema_version: int = SCHEMA_VERSION
    insource_version: str
    task: str
    depth: Depth
    decided_at: str
    machine: str
    command: str = ""
    run_id: str = ""
    result: str = ""
    verdict: Verdict
    kills: tuple[KillCriterion, ...] = ()
    options: tuple[RankedOption, ...] = ()
    headline: str = ""
    reference: str = ""
    reference_reason: str = ""
    excluded: tuple[tuple[str, str], ...] = ()
    next: NextExperiment | None = None
    deeper: tuple[NextExperiment, ...] = ()
    questions: tuple[AnsweredQuestion, ...] = ()
    gates: tuple[GateResult, ...] = ()
    leaves: tuple[Leaving, ...] = ()
    local_only: bool = False
    simulated: bool = False
    unknown: dict[str, str] = {}
    profile: LogProfile | None = None
    sufficiency: Sufficiency | None = None
    probes: Probes | None = None

    @property
    def first(self) -> RankedOption | None:
        """The best option, None where there is none."""
        return self.options[0] if self.options else None

    @property
    def own(self) -> RankedOption | None:
        """The option whose three numbers stand at the top."""
        return next((one for one in self.options if one.name == self.headline), None)

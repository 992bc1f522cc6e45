"""The ways to do a task: each with what it costs, how good it is, and what speaks for and against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option
from insource.decision.from_log.privacy import OPTIONS
from insource.types import NOT_MEASURED, Estimate
from insource.types.decided import Evidence, OptionKind, Standing

RISKS: dict[OptionKind, str] = {
    "keep": "the provider changes the model or its price",
    "cache": "an answer that ought to change with time comes from the cache",
    "prompt cache": "none known: the answers are the same",
    "trim": "a shorter prompt may answer differently",
    "batch": "answers come within a day, not within seconds",
    "cheaper tier": "another model may err in other places",
    "decision endpoint": "it answers with one label or value, and explains nothing",
    "better prompt": "prompts have to be tried again when the model changes",
    "constrained decoding": "a schema that is too narrow forces a wrong value",
    "reasoning field or code": "longer answers cost more and take longer",
    "retrieved few-shot": "examples have to be kept up to date",
    "retrieval": "what is looked up may be wrong or old",
    "classical": "documents unlike those it was fitted to",
    "fine-tune": "documents unlike those it was trained on, and upkeep",
    "larger base": "it needs more memory and time",
    "cascade": "it is as good as its bound, which was fitted on other documents",
    "hybrid": "two models to keep up to date",
}
"""The main risk of each kind of option."""

IN_THE_CLOUD = "every document and answer, to the provider"
_LEAVES: dict[OptionKind, str] = {
    "cache": "cache exact repeats",
    "trim": "trim the prompt",
    "decision endpoint": "decision endpoint",
    "cascade": "cascade",
}

UNMEASURED: tuple[OptionKind, ...] = (
    "better prompt",
    "constrained decoding",
    "retrieved few-shot",
    "retrieval",
    "classical",
    "fine-tune",
    "cascade",
)
"""What stands in every list, measured or not."""


AS_TODAY: tuple[OptionKind, ...] = ("keep", "cache", "prompt cache")
"""What gives today's answers, and no later than today."""


class Way(NamedTuple):
    """One way to do the task, before it is weighed.

    ``own``: a model on this machine. ``leaves`` says what leaves the machine; empty where nothing does.
    """

    kind: OptionKind
    option: Option
    standing: Standing
    why: str
    own: bool = False
    quality: Estimate = NOT_MEASURED
    metric: str = ""
    judged: str = ""
    difference: Estimate = NOT_MEASURED
    p95_s: Estimate = NOT_MEASURED
    evidence: tuple[Evidence, ...] = ()
    margin: float | None = None
    simulated: bool = False

    @property
    def name(self) -> str:
        return self.option.name

    @property
    def leaves(self) -> str:
        return "" if self.own else leaving(self.kind)


def leaving(kind: OptionKind) -> str:
    """Return what leaves the machine under an option in the cloud."""
    return dict(OPTIONS).get(_LEAVES.get(kind, ""), IN_THE_CLOUD)


def hours_of(option: Option, given: Assumptions) -> float:
    """Return the hours of people that an option takes once, labelling included."""
    labels = 0.0 if option.labels is None else float(option.labels.value)
    labelling = labels * float(given.label_minutes.value) / 60
    return sum(float(one.value) for one in option.hours) + labelling


def effort_of(option: Option, hours: float) -> str:
    """Return those hours in words."""
    if not hours:
        return "none"
    labels = f", {float(option.labels.value):,.0f} labels included" if option.labels is not None else ""
    return f"about {hours:,.0f} h{labels}"


def not_measured(found: Sequence[Way], reasons: Iterable[tuple[OptionKind, str]]) -> tuple[Way, ...]:
    """Return the kinds that nothing is known about, with the reason where one is known."""
    known, why = {way.kind for way in found}, dict(reasons)
    return tuple(
        Way(
            kind=kind,
            option=Option(name=kind, why_unknown=(f"what {kind} costs: it was not measured",)),
            standing="open",
            why=why.get(kind, "not measured"),
            own=kind in ("classical", "fine-tune"),
        )
        for kind in UNMEASURED
        if kind not in known
    )


def ruled_out(ways: Iterable[Way], *, local_only: bool) -> tuple[Way, ...]:
    """Return the ways, those that a local-only task may not take ruled out."""
    if not local_only:
        return tuple(ways)
    why = "the task is local-only: no document may leave the machine"
    return tuple(
        way if way.own or not way.leaves else way._replace(standing="ruled out", why=why) for way in ways
    )


def too_slow(ways: Iterable[Way], need_s: float | None) -> tuple[Way, ...]:
    """Return the ways, those that surely take longer than callers accept ruled out.

    Today's way is not, nor is what answers at least as fast: nobody can leave it for being slow alone.
    """
    if need_s is None:
        return tuple(ways)
    return tuple(
        way._replace(
            standing="ruled out",
            why=f"its 95th percentile is above {way.p95_s.low:.3g} s, and callers accept {need_s:g} s",
        )
        if way.p95_s.low is not None and way.p95_s.low > need_s and way.kind not in AS_TODAY
        else way
        for way in ways
    )

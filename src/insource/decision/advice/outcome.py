"""The verdict on a model of one's own, and what to do instead where it is no *go*."""

from __future__ import annotations

from collections.abc import Sequence

from insource.config.decision import DecisionSection
from insource.decision.advice.facts import Facts, Ladder
from insource.decision.advice.measured_ways import outcome_of
from insource.decision.advice.weighing import Ranking
from insource.decision.verdict import conclude
from insource.foundation.money import show_usd
from insource.types import Comparison, Verdict
from insource.types.decided import GateResult, KillCriterion, OptionKind, RankedOption
from insource.types.economics import Economics

ADVICE: dict[OptionKind, str] = {
    "keep": "Stay with {name} as it is",
    "cache": "Cache exact repeats first",
    "prompt cache": "Use the provider's prompt cache first",
    "trim": "Shorten the prompt, and measure it",
    "batch": "Send what can wait as a batch",
    "cheaper tier": "Change the model: {name}",
    "decision endpoint": "Change the endpoint: {name}",
    "better prompt": "Change the prompt: {name}",
    "constrained decoding": "Hold the answers to the schema (constrained decoding), without training",
    "reasoning field or code": "Add a reasoning field before the answer, or compute in code, before training",
    "retrieved few-shot": "Show the most similar answered documents in the prompt: {name}",
    "retrieval": "Look the missing facts up and put them into the prompt (RAG), without training",
    "classical": "Use the classical model ({name})",
    "fine-tune": "Use the tuned model",
    "larger base": "Take a larger base model: {name}",
    "cascade": "Use the cascade: the local model where it is sure, else the cloud",
    "hybrid": "Use the hybrid of two models",
}
"""What each option means as a thing to do."""


def advice(option: RankedOption, chosen: str | None = None) -> str:
    """Return what to do, with what it saves where that is known.

    ``chosen`` is the arm that was registered before the test split was read; another one needs a look at
    fresh documents first. What is not shown to hold is first only where nothing that holds is allowed.
    """
    if option.standing == "ruled out":
        return f"No option is left that is allowed here: {option.name} is not, because {option.why}."
    if option.standing == "fails":
        return "No option that is allowed here is as good as today's way."
    if option.standing == "open":
        return f"No option that is allowed here is shown to hold; look at {option.name} next."
    todo = ADVICE[option.kind].format(name=option.name)
    saves, economics = option.saves, option.economics
    if option.kind == "keep" or saves.value is None or economics is None:
        return f"{todo}."
    fresh = option.difference.measured and chosen is not None and option.name != chosen
    after = "; confirm it on fresh documents" if fresh else ""
    verb = "saves" if saves.value >= 0 else "costs"
    about = float(f"{abs(saves.value):.2g}")
    shown = f"${about:,.0f}" if about >= 100 else show_usd(about)
    return f"{todo}: it {verb} about {shown} over {economics.horizon_months} months{after}."


def verdict_of(
    facts: Facts,
    ranking: Ranking,
    kills: Sequence[KillCriterion],
    gates: Sequence[GateResult],
    section: DecisionSection,
) -> Verdict:
    """Return go, no-go or undecided about a model of one's own; its sentence ends with what to do.

    A kill criterion that is met decides before any measurement does. Without a measured ladder the question
    is open. A local-only task without cloud answers is decided by the gates.
    """
    first = ranking.options[0]
    found = _killed(kills, first) or _not_allowed(facts, ranking) or _measured(facts, ranking, gates, section)
    if first.kind == "keep" and facts.is_simulated:
        return found  # nobody can stay with a simulated cloud
    todo = advice(first, facts.ladder.chosen if facts.ladder is not None else None)
    if found.outcome == "undecided" and first.kind == "keep" and first.standing == "holds":
        todo = f"Until then, {todo[:1].lower()}{todo[1:]}"
    said = found.sentence if todo in found.sentence else f"{found.sentence} {todo}"
    return found.model_copy(update={"sentence": said})


def _killed(kills: Sequence[KillCriterion], first: RankedOption) -> Verdict | None:
    met = [one for one in kills if one.met]
    if not met:
        return None
    reasons = tuple(one.sentence for one in met)
    stops = next((one for one in met if one.instead is not None), None)
    if stops is None:
        return Verdict(
            outcome="undecided",
            sentence=f"Repair the labels first. {met[0].sentence}",
            reasons=reasons,
            flips_if=("Labels that people checked: insource dataset check, then insource dataset review.",),
        )
    instead = "" if stops.instead in (first.kind, "keep", None) else f" {ADVICE[stops.instead]}."
    return Verdict(
        outcome="no-go",
        sentence=f"No model of your own: {stops.sentence}{instead}",
        reasons=reasons,
        flips_if=tuple(text for one in met for text in one.flips_if),
    )


def _not_allowed(facts: Facts, ranking: Ranking) -> Verdict | None:
    """A candidate that is too slow, or that may not be asked, is none, however good it is."""
    chosen = facts.ladder.chosen if facts.ladder is not None else None
    option = next((one for one in ranking.options if one.name == chosen), None)
    if facts.ladder is None or option is None or option.standing != "ruled out":
        return None
    found = Verdict(
        outcome="no-go",
        sentence=f"{option.name} is ruled out: {option.why}.",
        flips_if=("A candidate that is allowed here, or another `need_s` or `privacy`.",),
    )
    return _another_holds(facts, ranking, found) or found


def _measured(
    facts: Facts, ranking: Ranking, gates: Sequence[GateResult], section: DecisionSection
) -> Verdict:
    ladder = facts.ladder
    if ladder is None:
        return _not_measured()
    clouds = [one for one in ladder.arms if one.arm.role == "reference"]
    if facts.local_only and not clouds and ladder.chosen is not None:
        alone = (
            f"The task is local-only, and nothing is compared with a cloud. {ladder.chosen} is the best here"
        )
        return _by_gates(alone, gates)
    found = conclude(
        [one.arm for one in ladder.arms],
        ladder.judged,
        # The price of a cloud that may not be asked decides nothing.
        None if facts.local_only else economics_of(ranking, ladder.chosen),
        chosen=ladder.chosen,
        payback_probability=section.payback_probability,
        gold=ladder.gold,
        rests_on=ladder.rests_on,
    )
    if found.outcome != "no-go":
        return found
    return (
        _larger_base(ladder, found)
        or _larger_probe(facts, found)
        or _another_holds(facts, ranking, found)
        or _worse_than_not_allowed(facts, ladder, gates)
        or found
    )


def economics_of(ranking: Ranking, name: str | None) -> Economics | None:
    """Return the economics of a way against the reference."""
    weighed = ranking.weighed_as(name)
    return weighed.reference if weighed is not None else None


def _not_measured() -> Verdict:
    return Verdict(
        outcome="undecided",
        sentence="Whether a model of your own can take over is open: nothing was measured yet.",
        flips_if=("The measured ladder: insource decide --depth ladder.",),
    )


def _worse_than_not_allowed(facts: Facts, ladder: Ladder, gates: Sequence[GateResult]) -> Verdict | None:
    """To be worse than a cloud is no reason to stay with it where it may not be asked."""
    worse = [one.baseline for one in ladder.judged if outcome_of(one) == "worse" and _is_cloud(one, ladder)]
    if not facts.local_only or not worse:
        return None
    alone = f"The task is local-only. {ladder.chosen} is worse than {worse[0]}, which may not be asked"
    return _by_gates(alone, gates)


def _is_cloud(one: Comparison, ladder: Ladder) -> bool:
    arm = ladder.named(one.baseline)
    return one.candidate == ladder.chosen and arm is not None and arm.arm.role == "reference"


def _by_gates(alone: str, gates: Sequence[GateResult]) -> Verdict:
    """A local-only task has no cloud to hold against: the gates say what is good enough."""
    if not gates:
        return Verdict(
            outcome="undecided",
            sentence=f"{alone}; what is good enough is for you to say, in `decision.gates`.",
            flips_if=('Gates, such as gates = ["quality.low > 0.9"] under [decision].',),
        )
    failed = [one.expression for one in gates if one.met is False]
    if failed:
        return Verdict(outcome="no-go", sentence=f"{alone}, and misses {' and '.join(failed)}.")
    if any(one.met is None for one in gates):
        return Verdict(outcome="undecided", sentence=f"{alone}, and a gate cannot be decided.")
    return Verdict(outcome="go", sentence=f"{alone}, and meets every gate.")


def _larger_base(ladder: Ladder, found: Verdict) -> Verdict | None:
    """A larger base that does better without training says that the base is too small for the task."""
    for one in ladder.judged:
        names = {one.candidate, one.baseline}
        larger = next((arm for arm in ladder.arms if arm.kind == "larger base" and arm.name in names), None)
        tuned = next((arm for arm in ladder.arms if arm.kind == "fine-tune" and arm.name in names), None)
        if larger is None or tuned is None:
            continue
        outcome = outcome_of(one)
        better = outcome == ("better" if one.candidate == larger.name else "worse")
        if better:
            return Verdict(
                outcome="undecided",
                sentence=f"The base is too small, and that is no verdict on the task: {larger.name} does "
                f"better without training than {tuned.name}. Train the larger base.",
                reasons=(one.sentence, *found.reasons),
                flips_if=(f"{larger.name}, trained.",),
            )
    return None


def _larger_probe(facts: Facts, found: Verdict) -> Verdict | None:
    """Return what a larger base says that was prompted beside the one that is trained."""
    larger = facts.probes.larger if facts.probes is not None else None
    if larger is None or larger.comparison.outcome != "better":
        return None
    return Verdict(
        outcome="undecided",
        sentence=f"The base may be too small, which is no verdict on the task: prompted alike, "
        f"{larger.model} does better than {larger.than}. Train the larger base.",
        reasons=(larger.comparison.sentence, *found.reasons),
        flips_if=(f"{larger.model}, trained.",),
    )


def _another_holds(facts: Facts, ranking: Ranking, found: Verdict) -> Verdict | None:
    """Another arm of one's own may hold where the chosen one does not: that takes fresh documents.

    It has to save money, unless the cloud is not allowed.
    """
    chosen = facts.ladder.chosen if facts.ladder is not None else None
    other = next(
        (
            one
            for one in ranking.options
            if one.standing == "holds"
            and not one.leaves
            and one.name != chosen
            and (facts.local_only or _saves(one))
        ),
        None,
    )
    if other is None:
        return None
    return found.model_copy(
        update={
            "outcome": "undecided",
            "sentence": f"{found.sentence} {other.name} holds on these documents; that is exploratory, "
            "because another arm was chosen: confirm it on fresh documents.",
        }
    )


def _saves(option: RankedOption) -> bool:
    return option.saves.value is not None and option.saves.value > 0

"""The cheapest experiment that could change the verdict, with its price in minutes and dollars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from insource.decision.advice.facts import VOLUME, Facts, Ladder
from insource.decision.advice.kills import NOISE
from insource.decision.advice.weighing import Ranking
from insource.decision.economics.assumptions import Assumptions
from insource.types import Estimate, Verdict
from insource.types.decided import KillCriterion, NextExperiment, OptionKind

_A_MINUTE = Estimate(value=1.0, method="a line of configuration")
_FREE = Estimate(value=0.0, method="nothing is sent")

_TRIES: dict[OptionKind, str] = {
    "constrained decoding": "insource evaluate, with with_schema = true under [reference]",
    "retrieval": "insource evaluate, with knowledge = FOLDER under [evaluation]",
    "reasoning field or code": "insource run, with a reasoning field in the schema",
}


def next_experiment(
    facts: Facts,
    ranking: Ranking,
    kills: Sequence[KillCriterion],
    verdict: Verdict,
    given: Assumptions,
) -> NextExperiment | None:
    """Return the cheapest experiment, by dollars and then by minutes; None where all is settled."""
    found = [
        *_missing_inputs(ranking, local_only=facts.local_only),
        *_levers(kills, facts.ladder, ranking),
        *_labels(facts, kills, given),
        *_more_documents(facts.ladder, verdict, given),
        *_real_answers(facts, ranking),
        *(_deeper(facts, verdict) if not any(one.met for one in kills) else ()),
    ]
    return min(found, key=_price, default=None)


def _price(one: NextExperiment) -> tuple[float, float]:
    far = float("inf")
    return (
        far if one.usd.value is None else one.usd.value,
        far if one.minutes.value is None else one.minutes.value,
    )


def _missing_inputs(ranking: Ranking, *, local_only: bool) -> Iterable[NextExperiment]:
    """An input that a person knows costs a minute, and every figure that needs it waits for it.

    The price of a cloud that may not be asked decides nothing.
    """
    keep = next(one for one in ranking.options if one.kind == "keep")
    for reason in keep.unknown:
        volume = reason.startswith(VOLUME)
        if local_only and not volume:
            continue
        where = "documents_per_month under [decision]" if volume else "cost_per_1000_usd under [reference]"
        yield NextExperiment(
            depth="log",
            command=f"insource decide, with {where}",
            settles=f"what is unknown now: {reason}",
            minutes=_A_MINUTE,
            usd=_FREE,
        )
        return


def _levers(
    kills: Sequence[KillCriterion], ladder: Ladder | None, ranking: Ranking
) -> Iterable[NextExperiment]:
    for one in kills:
        if not one.met or one.instead not in _TRIES or ladder is None:
            continue
        yield NextExperiment(
            depth="ladder",
            command=_TRIES[one.instead],
            settles=f"whether {one.instead} mends what today's way gets wrong",
            minutes=Estimate(value=None, method="unknown", note="the time of the provider"),
            usd=_asked_again(ladder, ranking),
        )


def _asked_again(ladder: Ladder, ranking: Ranking) -> Estimate:
    """Return what it costs to ask the cloud about the test documents once more."""
    keep = ranking.weighed_as(next(one for one in ranking.options if one.kind == "keep").name)
    cloud = next((one for one in ladder.arms if one.name == ladder.today), None)
    if keep is None or cloud is None or cloud.arm.cost_per_1000_usd is None:
        return Estimate(value=None, method="unknown", note="the price of the cloud is unknown")
    usd = cloud.arm.cost_per_1000_usd * ladder.test_rows / 1000
    return Estimate(value=usd, n=ladder.test_rows, method="test documents at today's price")


def _labels(facts: Facts, kills: Sequence[KillCriterion], given: Assumptions) -> Iterable[NextExperiment]:
    doubtful = any(one.met and one.name == NOISE for one in kills)
    if not doubtful or facts.profile is None:
        return
    rows = min(facts.profile.data.inputs, 200)
    yield _labelled(
        rows, "insource dataset check, then insource dataset review", "which labels are right", given
    )


def _labelled(rows: int, command: str, settles: str, given: Assumptions) -> NextExperiment:
    minutes, hour = float(given.label_minutes.value) * rows, float(given.label_usd_per_hour.value)
    note = f"{rows:,} labels at {float(given.label_minutes.value):g} minutes"
    return NextExperiment(
        depth="ladder",
        command=command,
        settles=settles,
        minutes=Estimate(value=minutes, n=rows, method="assumed", note=note),
        usd=Estimate(value=minutes / 60 * hour, n=rows, method="assumed", note=note),
    )


def _more_documents(ladder: Ladder | None, verdict: Verdict, given: Assumptions) -> Iterable[NextExperiment]:
    """A test that cannot tell says how many documents would."""
    short = ladder.short() if ladder is not None else None
    if short is None or verdict.outcome != "undecided":
        return
    one, required = short
    more = max(required.expected - (one.units or one.n), 1)
    yield _labelled(
        more,
        "insource dataset review, then insource run",
        f"whether {one.candidate} is not worse than {one.baseline}: {required.words}",
        given,
    )


def _real_answers(facts: Facts, ranking: Ranking) -> Iterable[NextExperiment]:
    """Without answers of a real cloud nothing says whether it can be replaced."""
    ladder = facts.ladder
    today = ladder.named(ladder.today) if ladder is not None else None
    if ladder is None or facts.local_only or (today is not None and not today.arm.simulated):
        return
    yield NextExperiment(
        depth="ladder",
        command='insource run, with model = "provider/model" under [reference]',
        settles="whether the candidate can replace the cloud model that you pay",
        minutes=Estimate(value=None, method="unknown", note="the time of the provider"),
        usd=_asked_again(ladder, ranking),
    )


def _deeper(facts: Facts, verdict: Verdict) -> Iterable[NextExperiment]:
    return facts.deeper if verdict.outcome == "undecided" else ()

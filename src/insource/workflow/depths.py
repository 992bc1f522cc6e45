"""What each further depth of a decision takes, and the third one: probes beside the ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from insource.decision.hardware.question import People, Prices, Question, Workload
from insource.foundation.errors import InsourceError
from insource.types import Estimate
from insource.types.decided import NextExperiment
from insource.types.log_profile import LogProfile
from insource.types.probes import Probes
from insource.types.sufficiency import Sufficiency
from insource.workflow.build import build_dataset
from insource.workflow.decide import pair_of
from insource.workflow.evaluate import validation_documents
from insource.workflow.export import make_model
from insource.workflow.kept_ladder import Measured, kept_ladder
from insource.workflow.plan import plan_hardware
from insource.workflow.probe import planned_probes, probe
from insource.workflow.session import Session
from insource.workflow.suffice import suffice
from insource.workflow.train import plan_training

TRAINED_SHARE, MOST_ASKED = 0.7, 400


class Deeper(NamedTuple):
    """What the probes found, and whether there is enough data."""

    probes: Probes
    sufficiency: Sufficiency


def ladder_cost(session: Session, profile: LogProfile | None) -> NextExperiment:
    """Return what it takes to measure the ladder: training by the planner, answers at the assumed time."""
    paid = session.config.reference.model
    return NextExperiment(
        depth="ladder",
        command="insource decide --depth ladder",
        settles="whether a classical or a tuned model is as good as today's way, on your own documents",
        minutes=_ladder_minutes(session, profile),
        usd=Estimate(
            value=0.0,
            method="nothing is sent: the answers of the log stand for the cloud",
            note=f"asking {paid} costs extra, and is asked before" if paid else "",
        ),
    )


def ladder_seconds(session: Session, profile: LogProfile | None) -> float | None:
    """Return about how long the ladder takes: by the log's profile, else by the rows; None when unknown."""
    known = _ladder_minutes(session, profile).value
    if known is not None:
        return 60 * known
    try:
        dataset, task = build_dataset(session)
        seconds = plan_training(session, dataset, task).seconds.value
    except InsourceError:
        return None
    asked = len(dataset.splits["test"]) + len(validation_documents(session, dataset))
    return None if seconds is None else seconds + asked * session.config.decision.tuned_seconds


def probe_cost(session: Session, measured: Measured) -> NextExperiment:
    """Return what the probes take together that need no more than the rows; what ran before costs nothing."""
    try:
        planned = planned_probes(session, measured.dataset, measured.task)
    except InsourceError as error:
        planned, why = (), error.message
    else:
        why = "; ".join(f"{one.what}: {one.reason}" for one in planned if one.reason)
    left = [one for one in planned if one.status == "not run" and one.seconds.value is not None]
    unknown = Estimate(value=None, method="unknown", note=why)
    parts = "; ".join(f"{one.what}: {(one.seconds.value or 0) / 60:,.1f} min" for one in left)
    return NextExperiment(
        depth="probe",
        command="insource decide --depth probe",
        settles="whether more examples would help, and whether a larger base does better",
        minutes=_sum([one.seconds.scaled(1 / 60, "the plan of each probe") for one in left], parts)
        or unknown,
        usd=_sum([one.usd for one in left if one.usd.measured], "electricity") or unknown,
    )


def _sum(parts: Sequence[Estimate], note: str) -> Estimate | None:
    """Return the sum of the parts, their ends added; None without a part."""
    if not parts:
        return None
    ends = {
        end: None
        if any(getattr(one, end) is None for one in parts)
        else sum(getattr(one, end) for one in parts)
        for end in ("value", "low", "high")
    }
    return parts[0].model_copy(update={**ends, "note": note})


def probed(session: Session, budget_s: float | None, max_usd: float | None) -> Deeper | None:
    """Run the probes on the rows of the newest run, or read them back; None without a run."""
    measured = kept_ladder(session)
    if measured is None:
        return None
    dataset, task = build_dataset(session)
    made = make_model(session, dataset, task)
    budget = math.inf if budget_s is None else budget_s
    found = probe(session, dataset, task, made, budget_s=budget, max_usd=max_usd)
    enough = suffice(session, dataset, task, found, pair_of(measured.evaluated, measured.ladder))
    return Deeper(found.probes, enough)


def _ladder_minutes(session: Session, profile: LogProfile | None) -> Estimate:
    if profile is None:
        return Estimate(value=None, method="unknown", note="no log says how many rows there are")
    tokens = profile.spending.input_tokens
    if tokens.value is None:
        return Estimate(value=None, method="unknown", note=tokens.note)
    config = session.config
    question = Question(
        model=config.training.model,
        section=config.training,
        workload=_workload(profile, tokens.value),
        people=People(),
        prices=Prices(),
    )
    try:
        seconds = plan_hardware(session, question).training.seconds
    except InsourceError as error:
        return Estimate(value=None, method="unknown", note=error.message)
    if seconds.value is None:
        return seconds
    asked = min((1 - TRAINED_SHARE) * profile.data.inputs, MOST_ASKED)
    answering = asked * config.decision.tuned_seconds
    ends = {end: getattr(seconds, end) for end in ("value", "low", "high")}
    minutes = {end: None if one is None else (one + answering) / 60 for end, one in ends.items()}
    method = f"{seconds.method}; {asked:,.0f} answers at {config.decision.tuned_seconds:g} s"
    return seconds.model_copy(update={**minutes, "method": method})


def _workload(profile: LogProfile, tokens: float) -> Workload:
    """Return the rows that the log would give: a request and its answer each."""
    spending = profile.spending
    answer = max(1, round(spending.output_tokens.value or 1))
    longest = max(1, round(spending.input_tokens_p95.value or tokens) + answer)
    return Workload(
        length=longest,
        mean_length=max(1, min(longest, round(tokens) + answer)),
        answer=answer,
        examples=max(1, round(TRAINED_SHARE * profile.data.inputs)),
    )

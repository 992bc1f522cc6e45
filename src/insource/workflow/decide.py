"""Weigh what a document costs here and in the cloud, and conclude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.decision.cost import weigh
from insource.decision.verdict import conclude
from insource.evaluation.scoring.text import rests_on
from insource.evaluation.stage import Evaluated
from insource.types import BreakEven, Task, Verdict
from insource.types.choice import Choice
from insource.workflow.judge import Judged
from insource.workflow.session import Session


class Decided(NamedTuple):
    """The economics of the chosen arm, and the verdict on it."""

    economics: BreakEven
    verdict: Verdict


def decide(
    session: Session, task: Task, evaluated: Sequence[Evaluated], judged: Judged, choice: Choice | None
) -> Decided:
    """Return go, no-go or undecided about the chosen arm, with its break-even volume."""
    chosen = choice.candidate if choice else None
    economics = weigh(session.config.decision, evaluated, chosen)
    verdict = conclude(
        [one.evaluation.arm for one in evaluated],
        judged.comparisons,
        economics,
        chosen=chosen,
        volume=session.config.decision.documents_per_month,
        gold=judged.gold,
        rests_on=rests_on(task.primary_metric) if task.output.kind == "text" else "",
    )
    return Decided(economics, verdict)

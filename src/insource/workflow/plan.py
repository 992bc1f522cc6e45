"""Plan the hardware of a model, with the speeds and peaks of this project's earlier runs."""

from __future__ import annotations

from insource.decision.hardware.plan import HardwarePlan, hardware_plan
from insource.decision.hardware.question import Question
from insource.training.planning.machine import this_machine
from insource.training.stage import STAGE, summary
from insource.workflow.session import Session


def plan_hardware(session: Session, question: Question) -> HardwarePlan:
    """Return the plan. Nothing is fetched, built or trained; a folder without a project has no earlier runs.

    Raises:
        InsourceError: as ``hardware_plan``.
    """
    runs = session.project.runs
    earlier = [summary(run) for run in runs.complete(STAGE)] if runs.folder.is_dir() else []
    return hardware_plan(question, this_machine, earlier)

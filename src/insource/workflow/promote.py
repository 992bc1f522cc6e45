"""Hand a challenger to the ladder: it goes into shadow, and everything after is decided by live evidence."""

from __future__ import annotations

from typing import NamedTuple

from insource.lifecycle.transitions import in_shadow, nothing_deployed
from insource.runs.result import load
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event, swap
from insource.types import RunResult
from insource.types.deployment import DeploymentEvent, Version
from insource.types.retraining import Cycle, Outcome
from insource.workflow.deploy import version_of
from insource.workflow.session import Session

BY = "insource retrain"


class Handed(NamedTuple):
    """Whether the ladder took the challenger, and why or why not."""

    outcome: Outcome
    reason: str


def keep_champion(session: Session, champion: RunResult) -> None:
    """Deploy the champion by name: a newer run would else answer in its place as soon as it is there."""
    task, now = session.config.task.name, session.clock.now()
    with open_registry(session.project.workspace) as database:
        if deployment_of(database, task) is not None:
            return
        version = version_of(champion)
        reason = "It answered when retraining began."
        new = nothing_deployed(task, now).model_copy(update={"champion": version})
        event = _event(session, "deployed", reason, version)
        swap(database, new, event, expected=0)


def hand_over(session: Session, challenger: RunResult, evidence: dict[str, float | int | str]) -> Handed:
    """Put the challenger into shadow; a second call for the same challenger changes nothing.

    Raises:
        UserError: ``deployment-changed`` when somebody else decided at the same moment.
    """
    task, now = session.config.task.name, session.clock.now()
    version = version_of(challenger)
    with open_registry(session.project.workspace) as database:
        current = deployment_of(database, task)
        if current is None:
            raise ValueError("the champion is deployed when a cycle begins")
        if current.challenger is not None and current.challenger.run_id == version.run_id:
            return Handed("promoted", f"{version.name} is on the ladder already, at {current.stage}.")
        if current.challenger is not None:
            busy = f"{current.challenger.name} is on the ladder ({current.stage})"
            return Handed("passed", f"{busy}; when it is off: insource deploy shadow {version.run_id}")
        new = in_shadow(current, version, now)
        event = _event(session, "shadow", "It passed against the champion.", version, evidence)
        swap(database, new, event, expected=current.revision)
    return Handed("promoted", f"{version.name} is in shadow; see insource deploy status.")


def record_outcome(session: Session, cycle: Cycle) -> None:
    """Keep what became of a cycle among the decisions about the task, once."""
    with open_registry(session.project.workspace) as database:
        known = events(database, cycle.task)
        if any(one.kind == "retrain" and one.evidence.get("cycle") == cycle.cycle_id for one in known):
            return
        evidence: dict[str, float | int | str] = {
            "cycle": cycle.cycle_id,
            "outcome": cycle.outcome,
            "usd": round(cycle.cost.usd, 4),
        }
        version = version_of(load(session.project.runs, cycle.challenger)[0])
        record_event(database, _event(session, "retrain", cycle.reason, version, evidence))


def _event(
    session: Session,
    kind: str,
    reason: str,
    version: Version,
    evidence: dict[str, float | int | str] | None = None,
) -> DeploymentEvent:
    return DeploymentEvent.model_validate(
        {
            "task": session.config.task.name,
            "revision": 0,
            "at": session.clock.now(),
            "kind": kind,
            "by": BY,
            "reason": reason,
            "version": version.name,
            "evidence": evidence or {},
        }
    )

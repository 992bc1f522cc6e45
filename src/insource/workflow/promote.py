"""Hand a challenger to the ladder: it goes into shadow, and everything after is decided by live evidence."""

from __future__ import annotations

from typing import NamedTuple

from insource.foundation.errors import UserError
from insource.lifecycle.transitions import in_shadow, nothing_deployed
from insource.runs.result import load
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event, swap
from insource.types import RunResult
from insource.types.deployment import DeploymentEvent, EventKind, Version
from insource.types.retraining import Cycle, Outcome
from insource.workflow.deploy import require_cloud, version_of
from insource.workflow.session import Session

BY = "insource retrain"
WAITS = frozenset({"rollout-in-progress", "already-deployed", "no-cloud-to-compare"})
"""Errors of the ladder after which a challenger waits for a person."""

Evidence = dict[str, float | int | str]


class Handed(NamedTuple):
    """Whether the ladder took the challenger, and why or why not."""

    outcome: Outcome
    reason: str


def keep_champion(session: Session, champion: RunResult) -> None:
    """Deploy the champion by name: a newer run would else answer in its place as soon as it is there."""
    task, now = session.config.task.name, session.clock.now()
    version = version_of(champion, task)
    with open_registry(session.project.workspace) as registry:
        if deployment_of(registry, task) is None:
            new = nothing_deployed(task, now).model_copy(update={"champion": version})
            event = _event(session, "deployed", "it answered when retraining began", version)
            swap(registry, new, event, expected=0)


def hand_over(session: Session, challenger: RunResult, evidence: Evidence) -> Handed:
    """Put the challenger into shadow; a second call for the same challenger changes nothing.

    Raises:
        UserError: ``deployment-changed`` when somebody else decided at the same moment.
    """
    task, now = session.config.task.name, session.clock.now()
    version = version_of(challenger, task)
    with open_registry(session.project.workspace) as registry:
        before = deployment_of(registry, task) or nothing_deployed(task, now)
        if before.challenger is not None and before.challenger.digest == version.digest:
            return Handed("promoted", f"{version.name} is on the ladder: {before.stage}.")
        try:
            require_cloud(session)
            after = in_shadow(before, version, now)
        except UserError as error:
            if error.code not in WAITS:
                raise
            return Handed("passed", f"It waits: {error.message} {error.hint}")
        event = _event(session, "shadow", "it passed against the champion", version, evidence)
        swap(registry, after, event, expected=before.revision)
    return Handed("promoted", f"{version.name} is in shadow: insource deploy status")


def record_outcome(session: Session, cycle: Cycle) -> None:
    """Keep what became of a cycle among the decisions about the task, once."""
    with open_registry(session.project.workspace) as registry:
        known = events(registry, cycle.task)
        if any(one.kind == "retrain" and one.evidence.get("cycle") == cycle.cycle_id for one in known):
            return
        evidence: Evidence = {
            "cycle": cycle.cycle_id,
            "outcome": cycle.outcome,
            "usd": round(cycle.cost.usd, 4),
        }
        challenger = load(session.project.runs, cycle.challenger)[0]
        version = version_of(challenger, cycle.task) if challenger.routing is not None else None
        record_event(registry, _event(session, "retrain", cycle.reason, version, evidence))


def _event(
    session: Session, kind: EventKind, reason: str, version: Version | None, evidence: Evidence | None = None
) -> DeploymentEvent:
    return DeploymentEvent(
        task=session.config.task.name,
        revision=0,
        at=session.clock.now(),
        kind=kind,
        by=BY,
        reason=reason,
        version=version.name if version else "",
        evidence=evidence or {},
    )

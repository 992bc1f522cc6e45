"""What the anchors of a task say now, from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.attribution import Harm, attribute
from insource.lifecycle.anchors.kept import anchors_of
from insource.store.database import Database
from insource.store.deployments.audits import anchor_checks_of
from insource.store.deployments.registry import events
from insource.types.anchors import Attribution
from insource.types.deployment import Audit, DeploymentEvent

ACCEPTED = "accepted"
"""Names the evidence of the event by which an operator takes the cloud as it is for the unchanged one."""


def accepted_since(found: Sequence[DeploymentEvent]) -> datetime | None:
    """Return since when the cloud's answers count: since it was last accepted as it is, if ever."""
    times = [event.at for event in found if event.kind == "anchors" and ACCEPTED in event.evidence]
    return max(times, default=None)


def counted(audits: Iterable[Audit], accepted: datetime | None) -> list[Audit]:
    """Return the audits that count: those before the cloud was accepted as it is compare with another one."""
    return [one for one in audits if accepted is None or one.at > accepted]


def harm_since_accepted(harm: Harm | None, accepted: datetime | None) -> Harm | None:
    """Return the harm, None if the audits showed it before the cloud was accepted as it is."""
    return None if harm is None or (accepted is not None and harm.since <= accepted) else harm


def standing(
    registry: Database,
    workspace: Path,
    task: str,
    section: RolloutSection,
    *,
    harm: Harm | None = None,
    version: str = "",
    slo: float,
) -> Attribution | None:
    """Return what the anchors of a task say, None where it has none.

    ``harm`` is what the audits of ``version`` show, ``slo`` what is accepted of it. Harm from before the
    cloud was accepted as it is does not count.

    Raises:
        IntegrityError: ``anchors-unreadable``.
    """
    kept = anchors_of(workspace, task)
    ids = {one.anchor_id for one in kept.anchors}
    accepted = accepted_since(events(registry, task))
    checks = anchor_checks_of(registry, task, since=accepted)
    return attribute(
        [check for check in checks if check.anchor_id in ids],
        len(ids),
        harm_since_accepted(harm, accepted),
        slo=slo,
        alpha=section.alpha,
        version=version,
    )

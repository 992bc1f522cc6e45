"""Whether a version can be audited, and whether it is."""

from __future__ import annotations

from collections.abc import Sequence

from insource.config.rollout import RolloutSection
from insource.foundation.errors import UserError
from insource.lifecycle.audit_budget import HELD, NO_DECISIONS, stopped_by
from insource.routing.bounds.losses import most_counted
from insource.types import RunResult
from insource.types.deployment import Deployment, DeploymentEvent, Spent, Version
from insource.workflow.session import Session


def require_audited(session: Session, version: Version, result: RunResult) -> None:
    """Require a limit for documents where audits cannot count what the policy bounds.

    Raises:
        UserError: ``loss-not-audited``.
    """
    loss = version.loss
    if session.config.rollout.slo is not None or loss == "documents":
        return
    if loss == "cloud":
        why = "an audit does not tell whether the cloud's own answer is right"
    else:
        weights = result.routing.policy.weights if result.routing else {}
        stated = session.config.routing.most_fields
        if most_counted(result.dataset.output, loss, weights, stated) is not None:
            return
        why = "the output contract sets no limit to what a document holds"
    raise UserError(
        "loss-not-audited",
        f"The policy of {version.name} bounds the loss {loss!r}, and {why}. Audits can only count answers "
        "that differ from the cloud's in any field.",
        hint="State which share of the answers may differ: rollout.slo in insource.toml",
    )


def no_audits(
    deployment: Deployment, today: Spent, section: RolloutSection, latest: Sequence[DeploymentEvent]
) -> str:
    """Return why no audits of a deployment are made, empty while they are; ``latest`` are its last events.

    What is spent is looked up, and not taken from an event, because a new day begins without it.
    """
    if reason := stopped_by(today, section.audit_usd_per_day):
        return HELD[reason]
    told = [one for one in latest if one.kind == "held" and one.revision == deployment.revision]
    return told[-1].reason if told and told[-1].reason == HELD[NO_DECISIONS] else ""

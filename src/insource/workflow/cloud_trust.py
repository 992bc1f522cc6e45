"""Whether the cloud's answers are still labels: not where it moved, or where the anchors do not tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from insource.lifecycle.anchors.standing import accepted_since
from insource.store.deployments.audits import anchor_checks_of
from insource.store.deployments.registry import FILE_NAME, events, open_registry
from insource.types import Row
from insource.types.anchors import Attribution, in_doubt
from insource.workflow.anchor_checks import anchors_status
from insource.workflow.session import Session

NEVER = datetime.min.replace(tzinfo=UTC)


class CloudTrust(NamedTuple):
    """What the anchors say of the cloud, None without anchors; ``until`` is when it was last seen unchanged.

    ``until`` is None where its answers count without an end.
    """

    found: Attribution | None = None
    until: datetime | None = None

    @property
    def doubted(self) -> bool:
        """Whether differences from the cloud are no evidence against the local model."""
        return self.found is not None and in_doubt(self.found.cause)

    @property
    def attested(self) -> bool:
        """Whether anchors were asked again and show no change of the cloud."""
        return self.found is not None and not self.doubted and self.found.rounds > 1

    def teaches(self, row: Row) -> bool:
        """Whether a row may be learned from: by a person, or by the cloud as it was."""
        if self.until is None or row.provenance.label != "teacher":
            return True
        return bool(row.time) and datetime.fromisoformat(row.time or "") <= self.until


def cloud_trust(session: Session) -> CloudTrust:
    """Return what the anchors say. Raises as ``anchors_status``."""
    workspace, task = session.project.workspace, session.config.task.name
    if not (workspace / FILE_NAME).exists():
        return CloudTrust()
    found = anchors_status(session)
    if found is None or not in_doubt(found.cause):
        return CloudTrust(found)
    with open_registry(workspace) as registry:
        checks = anchor_checks_of(registry, task, since=accepted_since(events(registry, task)))
    cloud = [check for check in checks if check.side == "cloud"]
    until = NEVER
    for check in cloud:
        if check.same is False:
            break
        until = check.at
    return CloudTrust(found, until)

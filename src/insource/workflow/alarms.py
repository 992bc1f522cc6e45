"""Keep what a gateway is alarmed about among the events of the task."""

from __future__ import annotations

import contextlib
from pathlib import Path

from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import InsourceError
from insource.store.deployments.registry import deployment_of, open_registry, record_event
from insource.types.deployment import DeploymentEvent


def keep_alarm(workspace: Path, task: str, kind: str, message: str, clock: Clock = SYSTEM) -> None:
    """Record an alert about a task; where that fails, the log of the gateway has it alone."""
    with contextlib.suppress(InsourceError), open_registry(workspace) as registry:
        current = deployment_of(registry, task)
        event = DeploymentEvent(
            task=task,
            revision=current.revision if current is not None else 0,
            at=clock.now(),
            kind="alert",
            by="gateway",
            reason=message,
            evidence={"alert": kind},
        )
        record_event(registry, event)

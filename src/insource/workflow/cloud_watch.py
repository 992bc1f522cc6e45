"""Say what the log shows of the cloud: versions, prices, outages, the end of a model; each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from insource.lifecycle.cloud_watch import cloud_findings, outage_now, read_facts
from insource.logs.recorder import STORE_FILE
from insource.providers.model_names import listed
from insource.providers.prices import PriceTable
from insource.store.database import open_database
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event
from insource.types.cloud_watch import CloudFinding
from insource.types.deployment import DeploymentEvent
from insource.workflow.session import Session

WATCHED_DAYS = 30
OUTAGE_S = 600.0
"""A cloud that was not asked for so long is asked again, because nothing else tells that it is back."""
KEY = "cloud_change"
MOVED = "cloud_moved"


def watch_cloud(session: Session, *, by: str = "operator") -> tuple[CloudFinding, ...]:
    """Return what changed of the task's cloud in the last days, and record as an alert what is new.

    Raises:
        InsourceError: the store's failures.
    """
    task, workspace = session.config.task.name, session.project.workspace
    if not (workspace / STORE_FILE).exists():
        return ()
    prices = PriceTable(session.config.prices.models)
    since = session.clock.now() - timedelta(days=WATCHED_DAYS)
    with open_database(workspace / STORE_FILE) as database:
        facts = read_facts(database, task, since)
    found = cloud_findings(facts, prices.cost, _is_ended)
    with open_registry(workspace) as registry:
        told = {event.evidence.get(KEY) for event in events(registry, task)}
        deployment = deployment_of(registry, task)
        for one in found:
            if one.key not in told:
                record_event(
                    registry,
                    DeploymentEvent(
                        task=task,
                        revision=deployment.revision if deployment is not None else 0,
                        at=session.clock.now(),
                        kind="alert",
                        by=by,
                        reason=f"{one.said}. {one.next}",
                        evidence={KEY: one.key, "kind": one.kind, "model": one.model, "now": one.now},
                    ),
                )
    return found


def outage_of(session: Session) -> str:
    """Return what is to be said of a cloud that answers no call of the task now, empty if it does."""
    path = session.project.workspace / STORE_FILE
    if not path.exists():
        return ""
    with open_database(path) as database:
        since = session.clock.now() - timedelta(seconds=OUTAGE_S)
        return outage_now(read_facts(database, session.config.task.name, since, escalated=True))


def tell_moved(session: Session, trouble: str, *, by: str) -> None:
    """Record where doubtful answers go from now on, unless another gateway has.

    ``trouble`` is why they are served here, empty when they go to the cloud.
    """
    task = session.config.task.name
    with open_registry(session.project.workspace) as registry:
        told = [event.evidence[MOVED] for event in events(registry, task) if MOVED in event.evidence]
        if bool(trouble) == bool(told and told[-1]):
            return
        where = f"doubtful answers are served here: {trouble}" if trouble else "the cloud is asked again"
        deployment = deployment_of(registry, task)
        record_event(
            registry,
            DeploymentEvent(
                task=task,
                revision=deployment.revision if deployment is not None else 0,
                at=session.clock.now(),
                kind="alert",
                by=by,
                reason=where,
                evidence={MOVED: int(bool(trouble))},
            ),
        )


def version_noticed_at(found: Sequence[DeploymentEvent]) -> datetime | None:
    """Return when it was last noticed that another version of the cloud answers, None if never."""
    noticed = (one.at for one in found if KEY in one.evidence and one.evidence.get("kind") == "model-version")
    return max(noticed, default=None)


def _is_ended(model: str) -> bool:
    entry = listed(model, "")
    return entry is not None and bool(entry[1].deprecated)

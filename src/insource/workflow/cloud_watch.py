"""Say what the log shows of the cloud: versions, prices, outages, the end of a model; each thing once."""

from __future__ import annotations

from datetime import timedelta

from insource.lifecycle.cloud_watch import cloud_findings, read_facts
from insource.logs.recorder import STORE_FILE
from insource.providers.model_names import listed
from insource.providers.prices import PriceTable
from insource.store.database import open_database
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event
from insource.types.cloud_watch import CloudFinding
from insource.types.deployment import DeploymentEvent
from insource.workflow.session import Session

WATCHED_DAYS = 30
KEY = "cloud_change"


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


def _is_ended(model: str) -> bool:
    entry = listed(model, "")
    return entry is not None and bool(entry[1].deprecated)

"""Gather what is known of one call."""

from __future__ import annotations

from datetime import timedelta

from insource.foundation.errors import InsourceError
from insource.lifecycle.explain import Explanation, explain
from insource.logs.call_values import AUDIT_OF
from insource.logs.recorder import STORE_FILE
from insource.runs.result import load
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import events, open_registry
from insource.types import Call, Policy
from insource.workflow.session import Session

AUDITED_WITHIN = timedelta(hours=1)


def explained(session: Session, call: Call) -> Explanation:
    """Return the story of a call of the project's log.

    Raises:
        InsourceError: the log or the registry cannot be read.
    """
    with open_database(session.project.workspace / STORE_FILE) as database:
        until = call.started_at + AUDITED_WITHIN
        around = find_calls(database, task=call.task, since=call.started_at, until=until, source="audit")
    later = [one for one in around if one.tags.get(AUDIT_OF) == call.call_id]
    with open_registry(session.project.workspace) as registry:
        audits = audits_of(registry, call.task, since=call.started_at)
        happened = events(registry, call.task)
    return explain(call, later, audits, happened, _policy(session, call))


def _policy(session: Session, call: Call) -> Policy | None:
    """Return the policy of the version that was asked, None where its run is gone."""
    name = call.route.version.partition("@")[2] if call.route is not None else ""
    run, _, other_arm = name.partition("+")
    if not run:
        return None
    try:
        routing = load(session.project.runs, run)[0].routing
    except InsourceError:
        return None
    # The policy of a run is that of its chosen arm; another arm of it serves nothing as sure enough.
    return routing.policy if routing is not None and not other_arm else None

"""Watch a deployed task: check each window of its calls once, keep the checks, tell of alerts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from insource.dataset.saved.folder import examples
from insource.foundation.clock import iso
from insource.foundation.errors import UserError
from insource.foundation.files import locked
from insource.foundation.rng import generator
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.anchors.standing import accepted_since, counted, standing
from insource.lifecycle.drift.inputs import Documents
from insource.lifecycle.monitoring.alerts import MONITOR, ended
from insource.lifecycle.monitoring.traffic import Observed, observed
from insource.lifecycle.monitoring.watch import Watched, check
from insource.lifecycle.monitoring.webhook import deliver
from insource.lifecycle.monitoring.windows import Windows
from insource.lifecycle.rollout import slo_of
from insource.logs.query import Log
from insource.models.embeddings.minilm import embed
from insource.models.transport import require_allowed
from insource.redaction import Redactor
from insource.runs.result import load
from insource.store.database import Database
from insource.store.deployments.audits import audits_of
from insource.store.deployments.checks import add_check, checks_of, note_delivered
from insource.store.deployments.registry import deployment_of, events, open_registry
from insource.types import RunResult
from insource.types.anchors import Cause
from insource.types.deployment import DeploymentEvent
from insource.types.monitoring import Alert, Check
from insource.workflow.session import Session

LOCK = "monitor.lock"
WINDOWS_AT_ONCE = 20
KEPT = 200
"""Checks that a report shows at most."""


class Looked(NamedTuple):
    """What one look gave: the checks it made, the newest one of the task, and what is still missing.

    ``waits_for`` is the number of calls until the next window is complete. ``untold`` is why the webhook did
    not accept the alerts, empty when it did or there is none.
    """

    made: tuple[Check, ...]
    newest: Check | None
    waits_for: int
    untold: str = ""


class _Version(NamedTuple):
    watched: Watched
    since: datetime | None


def monitor(session: Session, host: Path | None = None) -> Looked:
    """Check every window of calls that is complete since the last look, and tell of what moved.

    ``host`` is the workspace of the gateway that answers the task, if it is another project's.

    Raises:
        UserError: ``no-such-run`` before there is a model; ``no-log``; ``monitor-running`` when another
            process is at it; ``local-only`` when the webhook of a local-only task is on another machine.
        InsourceError: the store's failures.
    """
    workspace, section = host or session.project.workspace, session.config.monitor
    if section.webhook:
        require_allowed(section.webhook, session.config.task.privacy)
    with Log(workspace) as log, open_registry(workspace) as registry, _alone(workspace):
        log.drain()
        version = _version(session, registry)
        made, waits_for = _checks(session, log, registry, version)
        newest = made[-1] if made else _newest(registry, version.watched.task)
        untold = _tell(session, registry, newest)
        return Looked(made, _newest(registry, version.watched.task), waits_for, untold)


def kept_checks(session: Session, task: str = "") -> tuple[Check, ...]:
    """Return the newest checks of the project's task, or of another one that it serves, oldest first.

    Raises:
        UserError: ``no-checks`` before the first one.
    """
    name = task or session.config.task.name
    with open_registry(session.project.workspace) as registry:
        found = checks_of(registry, name, limit=KEPT)
    if not found:
        raise UserError(
            "no-checks",
            f"The task {name!r} has not been checked yet.",
            hint="Check it: insource monitor",
        )
    return found


def _checks(
    session: Session, log: Log, registry: Database, version: _Version
) -> tuple[tuple[Check, ...], int]:
    """Check the windows that are complete; return them, and the calls that the next one lacks."""
    section, watched, task = session.config.monitor, version.watched, version.watched.task
    last = _newest(registry, task)
    now = session.clock.now()
    over: tuple[Alert, ...] = ()
    if last is not None and last.version != watched.version:  # another version has another reference
        over = ended(last.alerts, now)
        last = None
    if last is not None and last.window.last is not None and last.window.last > now:
        session.display.note(
            f"The clock stands before the newest call that was checked ({iso(last.window.last)}); calls are "
            "checked again once it has passed that"
        )
    audits = audits_of(registry, task, version=watched.version)

    def read(since: datetime | None, until: datetime | None) -> Iterator[Observed]:
        return observed(log, task, watched.output, model=watched.version, since=since, until=until)

    windows = Windows(read, version.since, last, size=section.window, most=section.reference)
    made: list[Check] = []
    while len(made) < WINDOWS_AT_ONCE and (window := windows.next()) is not None:
        before = _to_continue(last, told=bool(section.webhook))
        last = check(
            watched,
            windows.reference,
            window,
            audits,
            section,
            before=(*before, *over),
            at=session.clock.now(),
            seed=session.config.project.seed,
        )
        _keep(session, registry, last, before)
        over = ()
        windows.checked(window, moved=bool(last.open))
        made.append(last)
    return tuple(made), windows.missing


def _to_continue(last: Check | None, *, told: bool) -> tuple[Alert, ...]:
    """Return the alerts that go on: the open ones, and closed ones that the webhook has to be told of."""
    if last is None:
        return ()
    return tuple(
        alert for alert in last.alerts if alert.state == "open" or (told and alert.delivered is None)
    )


def _keep(session: Session, registry: Database, made: Check, before: Sequence[Alert]) -> None:
    """Keep a check, and what it opened or closed as events of the deployment."""
    section = session.config.monitor
    told = {(alert.alert_id, alert.state) for alert in before}
    happened = []
    for alert in made.alerts:
        if (alert.alert_id, alert.state) in told:
            continue
        factor = section.audit_factor if section.on_drift == "audit-more" and not alert.may_roll_back else 1.0
        event = DeploymentEvent(
            task=made.task,
            revision=0,
            at=made.at,
            kind="alert",
            by=MONITOR,
            reason=f"{'over: ' if alert.state == 'closed' else ''}{alert.what}",
            version=made.version,
            evidence={
                "alert_id": alert.alert_id,
                "signal": alert.signal,
                "state": alert.state,
                "audit_factor": factor,
            },
        )
        happened.append(event)
    add_check(registry, made, happened)


def _tell(session: Session, registry: Database, newest: Check | None) -> str:
    """Tell the webhook of alerts that it has not accepted yet; return why it did not."""
    section = session.config.monitor
    untold = [alert for alert in newest.alerts if alert.delivered is None] if newest else []
    if not section.webhook or not untold:
        return ""
    secret = os.environ.get(section.webhook_secret_env, "")
    if not secret:
        session.display.note(
            f"The webhook gets unsigned alerts, because the variable {section.webhook_secret_env} is not set"
        )
    failed = deliver(section.webhook, untold, secret=secret, timeout_s=section.webhook_timeout_s)
    if not failed:
        told = {alert.alert_id for alert in untold}
        note_delivered(registry, untold[0].task, told, session.clock.now())
    return failed


def _newest(registry: Database, task: str) -> Check | None:
    return next(iter(checks_of(registry, task, limit=1)), None)


@contextmanager
def _alone(workspace: Path) -> Iterator[None]:
    """Hold the lock of the monitor, so that no window is checked twice.

    Raises:
        UserError: ``monitor-running``.
    """
    try:
        with locked(workspace / LOCK, wait=False):
            yield
    except BlockingIOError as error:
        raise UserError(
            "monitor-running",
            f"Another monitor is checking {workspace}.",
            hint="Wait until it is done, or read what it found: insource monitor report",
        ) from error


def _version(session: Session, registry: Database) -> _Version:
    """Return the version that answers the task: the registry's champion, else the newest run's choice."""
    name = session.config.task.name
    deployed = deployment_of(registry, name)
    champion = None if deployed is None else deployed.champion
    result, _ = load(session.project.runs, champion.run_id if champion else None)
    if result.routing is None:
        raise UserError(
            "model-not-found",
            f"{result.run_id} has no routing policy, so nothing of it is served.",
            hint="Run the whole loop: insource run",
        )
    rollout, policy, learned = session.config.rollout, result.routing.policy, result.routing.confidence
    slo = slo_of(champion, rollout) if champion else rollout.slo or policy.max_error
    documents, source = _reference(session, result)
    version = champion.name if champion else f"{name}@{result.run_id}"
    watched = Watched(
        task=name,
        version=version,
        output=result.dataset.output,
        policy=policy,
        documents=documents,
        source=source,
        calibrated=bool(learned and learned.digest),
        slo=slo,
        rollout=rollout,
        sentences=embed if session.config.monitor.documents == "sentences" else None,
    )
    since = deployed.champion_since if deployed and champion else None
    return _Version(watched._replace(moved=_moved(session, registry, watched)), since)


def _moved(session: Session, registry: Database, watched: Watched) -> Cause | None:
    """Return what the anchors say moved, None without anchors."""
    audits = audits_of(registry, watched.task, version=watched.version)
    counting = counted(audits, accepted_since(events(registry, watched.task)))
    found = standing(
        registry,
        session.project.workspace,
        watched.task,
        watched.rollout,
        harm=first_harm(counting, watched.slo, watched.rollout, in_canary=False),
        version=watched.version,
        slo=watched.slo,
    )
    return None if found is None else found.cause


def _reference(session: Session, result: RunResult) -> tuple[Documents | None, str]:
    """Return the documents that the model was measured on, as the log would hold them; None without enough.

    The test split stays sealed, and synthetic rows are none of the task's documents. They are redacted like
    calls: otherwise every mark that redaction leaves would be a drift.
    """
    section = session.config.monitor
    if section.reference_of == "calls":
        return None, ""
    folder = next((one.path for one in result.stages if one.stage == "dataset"), "")
    path = session.project.datasets_path / folder
    try:
        texts = [
            example.input
            for split in ("validation", "calibration", "train")
            for example in examples(path, split)
            if not example.provenance.synthetic
        ]
    except OSError as error:
        raise UserError(
            "dataset-not-found",
            f"The dataset {folder or 'of ' + result.run_id} cannot be read: {error}",
            hint='Build it again, or set `reference_of = "calls"` under [monitor].',
        ) from error
    order = generator(session.config.project.seed, "monitor.reference").permutation(len(texts))
    redactor = Redactor.from_config(session.config.log, session.project.workspace)
    chosen = [redactor.text(texts[index]) for index in order[: section.reference]]
    return Documents(chosen, [{}] * len(chosen), ordered=False), folder

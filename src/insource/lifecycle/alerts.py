"""Alerts: what of a check moved, since when, on which slice, by how much, and the next command.

An alert is opened once, stays open while its figure is moved in every window that is checked, and is closed
by the first window in which it is not. So a drift that lasts is told twice, at its start and at its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from insource.foundation.clock import iso
from insource.types.deployment import DeploymentEvent
from insource.types.monitoring import Alert, Check, Shift, Signal, Unit

LOOK = "insource monitor report"
MONITOR = "monitor"
"""Who recorded the event of an alert."""

RETRAIN = "insource retrain --dry-run"
ROLL_BACK = "insource deploy rollback"


class _Moved(NamedTuple):
    """One thing that moved in this check."""

    key: str
    signal: Signal
    what: str
    next_command: str
    reference: float | None = None
    live: float | None = None
    unit: Unit = "ratio"
    slice: str = ""


def alerts_of(check: Check, before: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return the alerts that are open after a check, new ones included, and those that it closes.

    ``before`` are the alerts that were open, and closed ones that nobody was told of yet, which stay. What
    this check did not measure neither opens nor closes.
    """
    known = {alert.key: alert for alert in before if alert.state == "open"}
    moved = {one.key: one for one in _moved(check)}
    started = check.window.first or check.at
    found = [alert for alert in before if alert.state == "closed"]
    found += [
        _continued(known[key], one, check.at) if key in known else _opened(check, one, started)
        for key, one in moved.items()
    ]
    measured = _measured(check)
    for key, alert in known.items():
        if key in moved:
            continue
        over = alert.signal in measured
        found.append(
            alert.model_copy(update={"state": "closed", "at": check.at, "delivered": None} if over else {})
        )
    return tuple(found)


def _opened(check: Check, one: _Moved, since: datetime) -> Alert:
    named = f"{check.task}\0{one.key}\0{iso(since)}"
    return Alert(
        alert_id=hashlib.sha256(named.encode()).hexdigest()[:16],
        task=check.task,
        since=since,
        at=check.at,
        **one._asdict(),
    )


def _continued(alert: Alert, one: _Moved, at: datetime) -> Alert:
    """Return an open alert with today's figures; it was told already."""
    return alert.model_copy(update={**one._asdict(), "at": at})


def _measured(check: Check) -> set[Signal]:
    parts: dict[Signal, object] = {
        "inputs": check.inputs,
        "behaviour": check.behaviour,
        "quality": check.quality,
        "audits": check.agreement,
    }
    return {name for name, part in parts.items() if part is not None}


def _moved(check: Check) -> Iterator[_Moved]:
    if check.inputs is not None and check.inputs.moved:
        yield _inputs(check)
    for shift in check.behaviour.moved if check.behaviour is not None else ():
        then, now = (figure(value, shift.unit) for value in (shift.reference, shift.live))
        what = f"{shift.name}: {then} before, {now} now"
        key = f"behaviour/{shift.name}"
        yield _Moved(key, "behaviour", what, LOOK, shift.reference, shift.live, shift.unit)
    if check.quality is not None and check.quality.below:
        yield _quality(check)
    if check.agreement is not None and check.agreement.above:
        wrong, bound = check.agreement.wrong, check.agreement.bound
        what = (
            f"{figure(wrong.value, 'ratio')} of {wrong.n:,} audited answers differ from the cloud's, shown "
            f"to be more than {figure(bound, 'ratio')}"
        )
        yield _Moved("audits", "audits", what, ROLL_BACK, bound, wrong.value)


def _inputs(check: Check) -> _Moved:
    assert check.inputs is not None
    drift = check.inputs
    shown = [
        f"{one.name} {figure(one.reference, one.unit)} → {figure(one.live, one.unit)}"
        for one in drift.features
        if one.moved
    ]
    what = (
        "Documents differ from those the model was measured on: a classifier tells them apart, AUROC "
        f"{drift.auroc.value:.2f}"
    )
    if shown:
        what += f"; {', '.join(shown[:3])}"
    return _Moved("inputs", "inputs", what, RETRAIN, 0.5, drift.auroc.value, slice=_slice(drift.slices))


def _slice(slices: Sequence[Shift]) -> str:
    """Return the slice that grew most, with its shares, empty when none did beyond chance."""
    grown = [one for one in slices if one.moved and one.live > one.reference]
    if not grown:
        return ""
    most = max(grown, key=lambda one: one.live - one.reference)
    return f"{most.name} ({figure(most.reference, 'ratio')} → {figure(most.live, 'ratio')})"


def _quality(check: Check) -> _Moved:
    assert check.quality is not None
    found = check.quality
    what = (
        f"Estimated {figure(found.estimate.value, 'ratio')} of the {found.counts} served here are right, "
        f"below the {figure(found.target, 'ratio')} that the policy promises; no label was needed or seen"
    )
    return _Moved("quality", "quality", what, LOOK, found.target, found.estimate.value)


def audit_factor(events: Sequence[DeploymentEvent]) -> float:
    """Return by how much open alerts ask to raise the share of audited calls: the largest, 1 for none.

    ``events`` are those of one task, oldest first, as the monitor records its alerts.
    """
    asked: dict[str, float] = {}
    for event in events:
        if event.kind == "alert" and event.by == MONITOR:
            alert_id = str(event.evidence.get("alert_id", ""))
            asked[alert_id] = float(event.evidence.get("audit_factor", 1.0))
            if event.evidence.get("state") == "closed":
                del asked[alert_id]
    return max(asked.values(), default=1.0)


def figure(value: float | None, unit: Unit) -> str:
    """Return a figure in its unit: ``3.1 %``, ``0.24 s``, ``480 characters``."""
    if value is None:
        return "unknown"
    if unit == "ratio":
        return f"{100 * value:.1f} %"
    if unit == "seconds":
        return f"{value:.2g} s"
    if unit == "confidence":
        return f"{value:.3f}"
    return f"{value:,.0f} {unit}"

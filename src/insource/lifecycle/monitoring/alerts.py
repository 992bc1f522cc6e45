"""Alerts: what of a check moved, since when, on which slice, by how much, and the next command.

An alert is opened once, and closed by the first window that looks like the reference again, which takes a
p-value above ``LASTS``: a drift at the edge of being shown would open and close it with every window. So a
drift that lasts is told twice, at its start and at its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from insource.foundation.clock import iso
from insource.lifecycle.drift.effect import is_large
from insource.types.anchors import in_doubt
from insource.types.deployment import DeploymentEvent
from insource.types.monitoring import Alert, Check, Quality, Shift, Signal, Unit

INPUTS, QUALITY = "inputs", "quality"
LASTS = 0.1
"""An alert that is open stays so up to this p-value."""

LOOK = "insource monitor report"
MONITOR = "monitor"
"""Who recorded the event of an alert."""

RETRAIN = "insource retrain --dry-run"
ROLL_BACK = "insource deploy rollback"
ANCHORS = "insource deploy anchors status"


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
    moved = {one.key: one for one in _moved(check, known.keys())}
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
        found += ended([alert], check.at) if alert.signal in measured else [alert]
    return tuple(found)


def ended(alerts: Sequence[Alert], at: datetime) -> tuple[Alert, ...]:
    """Return the open alerts as closed, because another version answers."""
    over = {"state": "closed", "at": at, "delivered": None}
    return tuple(alert.model_copy(update=over) for alert in alerts if alert.state == "open")


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


def _moved(check: Check, known: Collection[str]) -> Iterator[_Moved]:
    """Yield what is moved, and of the ``known`` keys also what is not like the reference again."""
    drift, estimate = check.inputs, check.quality
    if drift is not None and (drift.moved or (INPUTS in known and drift.p_value <= LASTS)):
        yield _inputs(check)
    for shift in check.behaviour.shifts if check.behaviour is not None else ():
        key = f"behaviour/{shift.name}"
        lasts = key in known and shift.p_value <= LASTS and is_large(shift.unit, shift.reference, shift.live)
        if shift.moved or lasts:
            then, now = (figure(value, shift.unit) for value in (shift.reference, shift.live))
            what = f"{shift.name}: {then} before, {now} now"
            yield _Moved(key, "behaviour", what, LOOK, shift.reference, shift.live, shift.unit)
    if estimate is not None and (estimate.below or (QUALITY in known and _is_lower(estimate))):
        yield _quality(check)
    if check.agreement is not None and check.agreement.above:
        wrong, bound = check.agreement.wrong, check.agreement.bound
        what = (
            f"{figure(wrong.value, 'ratio')} of {wrong.n:,} audited answers differ from the cloud's; it is "
            f"shown that more than {figure(bound, 'ratio')} do lately"
        )
        moved = check.agreement.moved
        if moved is not None and in_doubt(moved):
            what += (
                "; the cloud has moved" if moved == "cloud" else "; it is open whether the cloud has moved"
            )
        following = ANCHORS if moved is not None and in_doubt(moved) else ROLL_BACK
        yield _Moved("audits", "audits", what, following, bound, wrong.value)


def _is_lower(found: Quality) -> bool:
    return found.calibrated and found.estimate.value is not None and found.estimate.value < found.target


def _inputs(check: Check) -> _Moved:
    assert check.inputs is not None
    drift = check.inputs
    shown = [
        f"{one.name} {figure(one.reference, one.unit)} → {figure(one.live, one.unit)}"
        for one in drift.features
        if one.moved
    ]
    what = (
        f"Documents differ from those of {check.reference.source if check.reference else 'the reference'}: a "
        f"classifier tells them apart, AUROC {drift.auroc.value:.2f}"
    )
    if shown:
        what += f"; {', '.join(shown[:3])}"
    words = [
        f"{one.name} {figure(one.reference, one.unit)} → {figure(one.live, one.unit)}"
        for one in drift.words
        if is_large(one.unit, one.reference, one.live)
    ]
    if words:
        what += f"; not tested: {', '.join(words)}"
    return _Moved(INPUTS, "inputs", what, RETRAIN, 0.5, drift.auroc.value, slice=_slice(drift.slices))


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
    return _Moved(QUALITY, "quality", what, LOOK, found.target, found.estimate.value)


def audit_factor(events: Sequence[DeploymentEvent], version: str) -> float:
    """Return by how much open alerts about a version ask to raise the share of audited calls: 1 for none.

    ``events`` are those of one task, oldest first, as the monitor records its alerts.
    """
    asked: dict[str, float] = {}
    for event in events:
        if event.kind == "alert" and event.by == MONITOR and event.version == version:
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

"""The section on alerts: open ones, then those of earlier checks that are over."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.clock import iso
from insource.report.page import Cell, Row, Section, Table
from insource.types.monitoring import Alert, Check

COLUMNS = ("What moved", "Slice", "Since", "Next")


def alerts(checks: Sequence[Check]) -> Section | None:
    """Return every alert of these checks once, as it was last seen."""
    newest: dict[str, Alert] = {}
    for check in checks:
        newest |= {alert.alert_id: alert for alert in check.alerts}
    if not newest:
        return Section("alerts", "What moved?", ("Nothing moved in any window that was checked.",))
    is_open = {alert.alert_id for alert in checks[-1].open}
    ordered = sorted(newest.values(), key=lambda one: (one.alert_id not in is_open, one.since), reverse=False)
    rows: list[Row] = [_row(alert, alert.alert_id in is_open) for alert in ordered]
    return Section("alerts", "What moved?", (), (Table("Alerts", COLUMNS, rows, cards=True),))


def _row(alert: Alert, is_open: bool) -> Row:
    over = "" if is_open else f"over by {iso(alert.at)}"
    told = f"told to the webhook {iso(alert.delivered)}" if alert.delivered else ""
    return (
        Cell(alert.what, badge=alert.signal, muted=not is_open),
        alert.slice or "all",
        Cell(iso(alert.since), detail=" · ".join(filter(None, (over, told)))),
        alert.next_command if is_open else "–",
    )

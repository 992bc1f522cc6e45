"""The page of the monitor: alerts first, then quality, drift, behaviour, and what was not measured."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.clock import iso
from insource.lifecycle.monitoring.alerts import figure
from insource.report.page import Banner, Cell, Section, Terms
from insource.report.sections.monitoring.alerts import alerts
from insource.report.sections.monitoring.drift import behaviour, inputs
from insource.report.sections.monitoring.quality import quality
from insource.types import Estimate
from insource.types.monitoring import Check, Window

ROLLS_BACK = "Only audits roll a version back. Drift and estimates ask for a look, more audits or new labels."


def monitoring_banner(checks: Sequence[Check]) -> Banner:
    """Return the banner: whether anything moved, and the three figures of the newest check."""
    check = checks[-1]
    count = len(check.open)
    word = "Nothing moved" if not count else "1 alert" if count == 1 else f"{count} alerts"
    last = iso(check.window.last) if check.window.last else iso(check.at)
    return Banner(
        outcome="undecided" if count else "go",
        word=word,
        sentence=f"The newest window has {check.window.calls:,} calls, the last of {last}.",
        numbers=(
            ("Audited: wrong", _number(check.agreement.wrong if check.agreement else None)),
            ("Estimated: right, without labels", _number(check.quality.estimate if check.quality else None)),
            ("Inputs: told apart (0.5 = not)", _auroc(check)),
        ),
        reasons=tuple(alert.what for alert in check.open),
        flips_if=(),
        basis=(ROLLS_BACK,),
    )


def monitoring_sections(checks: Sequence[Check]) -> tuple[Section, ...]:
    """Return every section that these checks, oldest first, have something for."""
    found = (alerts(checks), quality(checks), inputs(checks), behaviour(checks), _compared(checks[-1]))
    return tuple(section for section in found if section is not None)


def _number(estimate: Estimate | None) -> Cell:
    if estimate is None or estimate.value is None:
        return Cell("not measured", muted=True)
    ends = ""
    if estimate.low is not None and estimate.high is not None:
        ends = f"{figure(estimate.low, 'ratio')} to {figure(estimate.high, 'ratio')}, "
    return Cell(figure(estimate.value, "ratio"), detail=f"{ends}n = {estimate.n:,}")


def _auroc(check: Check) -> Cell:
    if check.inputs is None or check.inputs.auroc.value is None:
        return Cell("not measured", muted=True)
    return Cell(f"{check.inputs.auroc.value:.3f}", detail=f"p = {check.inputs.p_value:.2g}")


def _said(window: Window) -> str:
    when = f", {iso(window.first)} to {iso(window.last)}" if window.first and window.last else ""
    return f"{window.calls:,} {window.source}{when}"


def _compared(check: Check) -> Section:
    """Return what was compared with what, and what was not measured."""
    windows = [("Window", check.window)]
    if check.reference is not None:
        windows.append(("Reference", check.reference))
    said = [(name, _said(one)) for name, one in windows] + [("Version", check.version)]
    said += [(f"Not measured: {signal}", why) for signal, why in check.skipped.items()]
    return Section("compared", "What was compared?", (), (Terms("", tuple(said)),))

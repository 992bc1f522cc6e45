"""``insource monitor``: check a deployed model for drift, and tell of what moved."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import config_option, json_option

if TYPE_CHECKING:
    from insource.types import Estimate
    from insource.types.monitoring import Check
    from insource.workflow.monitor import Looked
    from insource.workflow.session import Session


@click.group("monitor", invoke_without_command=True, short_help="Watch a deployed model: drift and quality")
@click.option("--every", type=click.FloatRange(min=1), help="Check again and again, so many seconds apart.")
@json_option
@config_option
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@click.pass_context
def command(
    context: click.Context, every: float | None, as_json: bool, config_path: Path, quiet: bool
) -> None:
    """Check each complete window of the task's calls once, against the documents and calls before.

    It compares the documents, what the model does with them, the estimated quality, and the audits. The
    checks are kept; `insource monitor report` draws them. Alerts are printed, recorded as events of the
    deployment, and posted to monitor.webhook.
    """
    if context.invoked_subcommand is not None:
        context.default_map = {"report": {"config_path": config_path}}
        return
    from insource.cli.options import open_session
    from insource.cli.output import fail
    from insource.foundation.errors import InsourceError
    from insource.workflow.monitor import monitor

    session = open_session(config_path, {}, quiet=quiet)
    watched = _watched(session)
    failed = 0
    for one in watched:
        try:
            _print(monitor(one, session.project.workspace), as_json)
        except InsourceError as error:
            if len(watched) == 1:
                raise
            failed = fail(error)  # the other tasks are checked all the same
    while every is not None:
        time.sleep(every)
        for one in watched:
            try:
                _print(monitor(one, session.project.workspace), as_json)
            except InsourceError as error:  # a store that is locked now is not at the next check
                fail(error)
    context.exit(failed)


@command.command("report", short_help="Draw what the monitor found, as one HTML page")
@click.option("--task", default="", help="A task of another project that is served here.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write to.")
@config_option
def report(config_path: Path, task: str, output: Path | None) -> None:
    """Draw the kept checks of the task: estimated and audited quality, drift, what moved and what to do.

    Without -o, the page goes into the workspace.
    """
    from insource.cli.options import open_session
    from insource.cli.output import near, say
    from insource.report.render import write_monitoring
    from insource.workflow.monitor import kept_checks

    session = open_session(config_path, {})
    target = output or session.project.workspace / "monitor.html"
    say(f"Wrote {near(write_monitoring(kept_checks(session, task), target))}")


def _watched(session: Session) -> list[Session]:
    """Return the project, and the others whose tasks its gateway answers; without a run only the others."""
    from insource.cli.options import open_session
    from insource.config.loading import FILE_NAME
    from insource.foundation.errors import UserError
    from insource.runs.result import load

    folders = [session.project.folder / one for one in session.config.gateway.projects]
    others = [open_session(folder / FILE_NAME, {}) for folder in folders]
    try:
        load(session.project.runs)
    except UserError:
        if others:
            return others
        raise
    return [session, *others]


def _print(looked: Looked, as_json: bool) -> None:
    from insource.cli.output import say

    if as_json:
        newest = looked.newest
        click.echo("null" if newest is None else newest.model_dump_json())
    for check in looked.made or ((looked.newest,) if looked.newest and not as_json else ()):
        for line in lines_of(check):
            say(line)
    if not looked.newest:
        say(f"Nothing to compare yet: {looked.waits_for:,} more calls make the reference and a first window")
    elif looked.made and not looked.waits_for:
        say("More windows are complete: check them too with `insource monitor`")
    elif not looked.made:
        say(f"The next window is complete after {looked.waits_for:,} more calls")
    if looked.untold:
        say(f"The alerts were not delivered, and are sent again by the next check: {looked.untold}")


def lines_of(check: Check) -> list[str]:
    """Return a check in a few lines: its window, each signal, its alerts."""
    from insource.cli.output import show
    from insource.cli.printable import printable
    from insource.foundation.clock import iso
    from insource.lifecycle.monitoring.alerts import figure

    window = check.window
    when = f"{iso(window.first)} to {iso(window.last)}" if window.first and window.last else ""
    lines = [f"{check.task}: {window.calls:,} calls, {when}, answered by {check.version}"]
    if check.inputs is not None:
        told = "differ" if check.inputs.moved else "are alike"
        lines.append(
            f"  inputs     {told}: AUROC {_auroc(check.inputs.auroc)}, p = {check.inputs.p_value:.2g}"
        )
    if check.behaviour is not None:
        moved = ", ".join(shift.name for shift in check.behaviour.moved) or "nothing moved"
        lines.append(f"  behaviour  {moved} ({len(check.behaviour.shifts)} figures)")
    if check.quality is not None:
        found = check.quality
        index = "" if found.calibrated else "; the confidences are no probabilities, so this is an index"
        lines.append(
            f"  quality    estimated {show(found.estimate)} of {found.counts} right, promised "
            f"{figure(found.target, 'ratio')}{index}"
        )
    if check.agreement is not None:
        lines.append(
            f"  audits     {show(check.agreement.wrong)} wrong of {check.agreement.wrong.n:,}, accepted "
            f"{figure(check.agreement.bound, 'ratio')}"
        )
    lines += [f"  {signal:<10} not measured: {why}" for signal, why in check.skipped.items()]
    for alert in check.alerts:
        state = "ALERT" if alert.state == "open" else "over "
        where = f", on {alert.slice}" if alert.slice else ""
        lines.append(f"{state} {alert.signal}: {alert.what}{where}; since {iso(alert.since)}")
        if alert.state == "open":
            lines.append(f"      next: {alert.next_command}")
    return [printable(line) for line in lines]


def _auroc(found: Estimate) -> str:
    ends = "" if found.low is None or found.high is None else f" [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f}{ends}"

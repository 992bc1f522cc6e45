"""``insource dataset check``: what is wrong with the rows, counted, with examples and fixes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.types import Finding
    from insource.workflow.check import CheckReport
    from insource.workflow.session import Session

SHOWN = 3


@click.command("check")
@project_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Look at every row and report what is usually wrong with training data. Nothing is changed.

    Each finding comes with its count and examples, and where one exists with a fix that you accept or
    decline with `insource dataset fix`; `insource dataset build` applies what was accepted. The findings are
    kept as findings.json and findings.md in .insource/checks/.
    """
    from insource.cli.output import near, say
    from insource.workflow.check import check_dataset

    report = check_dataset(session)
    if as_json:
        click.echo(report.model_dump_json())
    else:
        _print(report)
    say(f"Wrote {near(Path(report.folder))}")
    if report.stopping:
        say(
            f"{report.stopping:,} unusable rows stop `insource dataset build`: "
            'correct them, or set on_bad_rows = "drop" under [dataset]'
        )
    if not report.usable:
        say("No row can be used, so nothing was looked at")
        return
    undecided = [f.check for f in report.findings if f.fix is not None and f.check not in report.decisions]
    say(f"Next: insource dataset fix --apply {undecided[0]}" if undecided else "Next: insource dataset build")


def _print(report: CheckReport) -> None:
    from insource.cli.dataset.funnel import print_funnel
    from insource.cli.printable import paragraph
    from insource.dataset.checks.report import importance, in_order

    print_funnel(report.funnel, report.dropped)
    ranked = sorted(report.findings, key=importance)
    for finding in (one for one in ranked if one.count):
        click.echo()
        _print_finding(finding, report)
    click.echo()
    if fine := [one.check for one in ranked if in_order(one)]:
        click.echo(paragraph(f"Nothing found by: {', '.join(fine)}"))
    for one in ranked if report.usable else ():
        if left := one.skipped or one.unjudged:
            click.echo(paragraph(f"Not looked at, {one.check}: {left}"))


def _print_finding(finding: Finding, report: CheckReport) -> None:
    from insource.cli.printable import paragraph
    from insource.dataset.checks.report import decided, place

    share = f"{100 * finding.share:.1f} %"
    click.echo(
        f"{finding.severity:<8} {finding.check:<22} {finding.counted:>16} {share:>7}"
        f"  {decided(finding, report.decisions)}"
    )
    click.echo(paragraph(finding.summary, indent=9))
    for one in finding.instances[:SHOWN]:
        click.echo(paragraph(place(one) + one.detail, indent=11, lines=2))
    if finding.fix is not None:
        click.echo(paragraph(f"fix: {finding.fix.summary}", indent=9))

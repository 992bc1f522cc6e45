"""``insource dataset check``: find defects in the rows, with counts, examples and fixes."""

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
    """Check every row for the usual defects of training data. Change nothing.

    Each finding has a count, examples and, where possible, a fix. Accept or decline a fix with
    `insource dataset fix`; `insource dataset build` applies the accepted ones. The findings are written to
    findings.json and findings.md in .insource/checks/.
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
            'fix them, or set on_bad_rows = "drop" under [dataset]'
        )
    if not report.usable:
        say("No row is usable, so nothing was checked")
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
            click.echo(paragraph(f"Not checked, {one.check}: {left}"))


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

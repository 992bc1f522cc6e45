"""``insource dataset check``: what is wrong with the rows, counted, with examples and fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.session import Session
    from insource.types import Finding, FixDecision

SHOWN = 2


@click.command("check")
@project_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Look at every row and report what is usually wrong with training data. Nothing is changed.

    Each finding comes with its count and examples, and where one exists with a fix that you accept or
    decline with `insource dataset fix`; `insource dataset build` applies what was accepted.
    """
    from insource.cli.output import say
    from insource.intake import check_dataset

    report = check_dataset(session)
    if as_json:
        click.echo(report.model_dump_json())
    else:
        _table(report.findings, report.decisions)
    say(f"Wrote {report.folder}")
    undecided = [f.check for f in report.findings if f.fix is not None and f.check not in report.decisions]
    say(f"Next: insource dataset fix --apply {undecided[0]}" if undecided else "Next: insource dataset build")


def _table(findings: Sequence[Finding], decisions: Mapping[str, FixDecision]) -> None:
    from rich.table import Table

    from insource.cli.log_tables import print_table
    from insource.cli.neutral import one_line

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("finding", "rows", "share", "what", "fix"):
        table.add_column(heading, justify="right" if heading in ("rows", "share") else "left")
    for finding in sorted(findings, key=lambda f: (bool(f.skipped), -f.count)):
        decided = decisions.get(finding.check)
        fix = "" if finding.fix is None else decided.decision if decided else "undecided"
        share = "" if finding.skipped else f"{100 * finding.share:.1f} %"
        table.add_row(finding.check, f"{finding.count:,}", share, one_line(finding.summary, 200), fix)
        for instance in finding.instances[:SHOWN]:
            where = f"line {instance.line}" if instance.line is not None else instance.row_id
            table.add_row("", "", "", one_line(f"  {where}: {instance.detail}", 200), "")
    print_table(table)

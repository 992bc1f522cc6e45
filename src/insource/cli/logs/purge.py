"""``insource logs purge``: remove calls for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.logs.options import config_option, moment, open_log
from insource.foundation.errors import UserError

if TYPE_CHECKING:
    from insource.logs.query import Log


@click.command("purge", short_help="Remove calls for good, from every file")
@config_option
@click.option("--before", callback=moment, metavar="WHEN", help="Calls started before: 90d, 2026-11-01.")
@click.option("--task", help="Calls of this task.")
@click.option("--feature", help="Calls of this feature.")
@click.option("--model", help="Calls this model answered.")
@click.option("--user", help="Calls of this user.")
@click.option("--source", help="Calls that came here so: gateway, import:FORMAT.")
@click.option("--id", "call_ids", multiple=True, metavar="ID", help="This call; may be given more than once.")
@click.option(
    "--reason", default="asked for", show_default=True, help="Why, kept with the date and the count."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    config_path: Path, before: datetime | None, call_ids: Sequence[str], reason: str, yes: bool, **given: Any
) -> None:
    """Remove the calls that meet every condition: rows, documents, feedback, and their text in the spool.

    The store's file is rewritten, so that nothing is left in it; that needs room for a second copy. What
    stays is a tombstone: id, date, reason, so that a later import does not bring the call back. Datasets
    and runs made from these calls are files of their own, and are listed. Backups are yours to purge.
    """
    from insource.cli.output import Terminal, say
    from insource.dataset.saved.purged_answers import affected

    where = {name: value for name, value in given.items() if value is not None}
    where |= {"until": before} if before is not None else {}
    where |= {"call_ids": tuple(call_ids)} if call_ids else {}
    if not where:
        raise click.UsageError(
            "Say which calls: --before, --task, --feature, --model, --user, --source or --id."
        )
    with open_log(config_path) as log:
        count = sum(line.calls for line in log.stats(**where))
        _name_missing(log, call_ids)
        display = Terminal(yes=yes)
        if count and not display.confirm(f"Remove {count:,} calls for good?"):
            raise UserError(
                "purge-not-confirmed", "Nothing was removed.", hint="Answer yes, or say it with --yes."
            )
        report = log.purge(reason=reason, **where)
    say(f"Removed {report.calls:,} calls; {report.spool_bytes:,} bytes of the spool overwritten.")
    if report.under_way:
        say(f"{report.under_way:,} calls have not ended and are not in the log yet: purge again later.")
    for one in affected(log.root, report.row_answers, report.call_ids):
        runs = f", runs made from it: {', '.join(one.runs)}" if one.runs else ""
        say(f"Still there: {one.rows:,} answers in dataset {one.dataset}{runs}")


def _name_missing(log: Log, call_ids: Sequence[str]) -> None:
    from insource.cli.output import say
    from insource.cli.printable import one_line

    for call_id in call_ids:
        if log.get(call_id) is None:
            say(f"There is no call {one_line(call_id, 60)} in the log.")

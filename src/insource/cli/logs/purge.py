"""``insource logs purge``: remove calls permanently."""

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


@click.command("purge", short_help="Remove calls permanently from every file")
@config_option
@click.option("--since", callback=moment, metavar="WHEN", help="Calls started since then: 24h, 2026-11-01.")
@click.option("--before", callback=moment, metavar="WHEN", help="Calls started before then: 90d, 2026-11-01.")
@click.option("--task", help="Calls of this task.")
@click.option("--feature", help="Calls of this feature.")
@click.option("--model", help="Calls of this model, failed ones too.")
@click.option("--user", help="Calls of this user.")
@click.option("--source", help="Calls from this source: gateway, import:FORMAT.")
@click.option("--id", "call_ids", multiple=True, metavar="ID", help="The call with this id; repeatable.")
@click.option(
    "--reason", default="asked for", show_default=True, help="Reason, stored with the date and the count."
)
@click.option("--yes", is_flag=True, help="Remove without asking.")
def command(
    config_path: Path,
    since: datetime | None,
    before: datetime | None,
    call_ids: Sequence[str],
    reason: str,
    yes: bool,
    **given: Any,
) -> None:
    """Remove the calls that match every condition: rows, documents, feedback and their text in the spool.

    The store's file is rewritten, which needs disk space for a second copy. A tombstone with id, date and
    reason stays, so that a later import does not restore the call. Datasets and runs made from these calls
    are listed, not removed; exported models are not known here. Purge your backups yourself.
    """
    from insource.cli.output import Terminal, say
    from insource.dataset.saved.purged_answers import affected
    from insource.evaluation.purged_records import runs_holding
    from insource.runs.folders import RunStore

    where = {name: value for name, value in given.items() if value is not None}
    where |= {"since": since} if since is not None else {}
    where |= {"until": before} if before is not None else {}
    where |= {"call_ids": tuple(call_ids)} if call_ids else {}
    if not where:
        raise click.UsageError(
            "Choose the calls with --since, --before, --task, --feature, --model, --user, --source or --id."
        )
    with open_log(config_path) as log:
        count = sum(line.calls for line in log.stats(**where))
        _name_missing(log, call_ids)
        display = Terminal(yes=yes)
        if count and not display.confirm(f"Remove {count:,} calls permanently?"):
            raise UserError("purge-not-confirmed", "Nothing was removed.", hint="Answer yes, or pass --yes.")
        report = log.purge(reason=reason, **where)
    say(f"Removed {report.calls:,} calls; {report.spool_bytes:,} bytes of the spool overwritten.")
    if report.under_way:
        say(f"{report.under_way:,} calls have not ended and are not in the log yet. Purge again later.")
    _remove_rows(log.root, report.call_ids)
    named: set[str] = set()
    for one in affected(log.root, report.row_answers, report.call_ids):
        named |= set(one.runs)
        runs = f", runs made from it: {', '.join(one.runs)}" if one.runs else ""
        say(f"Not removed: {one.rows:,} answers in dataset {one.dataset}{runs}")
    if others := [run for run in runs_holding(log.root, report.row_answers) if run not in named]:
        say(f"Not removed: answers in the runs {', '.join(others)}")
    if report.calls:
        _name_decisions(log.root)
    if report.calls and (stages := RunStore(log.root).interrupted()):
        say(f"Interrupted runs may hold some, too ({', '.join(stages)}): finish or delete them.")


def _remove_rows(root: Path, call_ids: frozenset[str]) -> None:
    """Remove the rows for retraining that were made of purged calls."""
    from insource.cli.output import say
    from insource.dataset.fresh import FILE_NAME, without_calls

    if removed := without_calls(root / FILE_NAME, call_ids):
        say(f"Removed {removed:,} rows for retraining from {FILE_NAME}.")


def _name_decisions(root: Path) -> None:
    """Name what decisions keep of the log: wordings of prompts, names of labels and fields, counts."""
    from insource.cli.output import say
    from insource.runs.folders import RunStore
    from insource.workflow.advise import FOLDER
    from insource.workflow.kept_profile import PROFILE_FILE

    # By their files: a run that is damaged must not hide the others.
    kept = sorted(path.parent.name for path in RunStore(root).folder.glob(f"*/{PROFILE_FILE}"))
    kept += [f"{FOLDER}/{path.name}" for path in sorted((root / FOLDER).glob("*"))]
    if kept:
        named = ", ".join(kept)
        say(f"Not removed: wordings of prompts and names of labels in {named}; delete these.")


def _name_missing(log: Log, call_ids: Sequence[str]) -> None:
    from insource.cli.output import say
    from insource.cli.printable import one_line

    for call_id in call_ids:
        if log.get(call_id) is None:
            say(f"There is no call {one_line(call_id, 60)} in the log.")

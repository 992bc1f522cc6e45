"""``insource dataset diff``: compare two datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.dataset.saved.diff import DatasetDiff
    from insource.workflow.session import Session


@click.command("diff")
@project_options
@click.argument("before", required=False)
@click.argument("after", required=False)
@json_option
def command(session: Session, before: str | None, after: str | None, as_json: bool) -> None:
    """Compare two datasets: rows added, removed, changed and moved, dropped rows, and the output contract.

    BEFORE and AFTER are folder names, digest prefixes or paths. Without arguments, compare the two newest
    datasets; with BEFORE alone, compare it with the newest.
    """
    from insource.dataset.saved.diff import diff_datasets
    from insource.dataset.saved.folder import find, newest_first
    from insource.foundation.errors import DataError

    datasets = session.project.workspace / "datasets"
    latest = newest_first(datasets)
    if before is None and len(latest) < 2:
        raise DataError(
            "nothing-to-compare",
            f"A comparison needs two datasets; {datasets} has {len(latest)}.",
            hint="Build another with `insource dataset build`, or give two paths.",
        )
    old = latest[1] if before is None else find(datasets, before)
    new = find(datasets, after) if after is not None else latest[0] if latest else find(datasets, "")
    found = diff_datasets(old, new)
    if as_json:
        click.echo(found.model_dump_json())
    else:
        _show(found)


def _show(found: DatasetDiff) -> None:
    from insource.cli.printable import one_line

    click.echo(f"{found.before} → {found.after}")
    if found.equal:
        click.echo(f"The same: {found.same:,} rows, the same splits, the same drops.")
        return
    if found.only_in_place:
        click.echo(
            "Rows, splits, drops and contract are the same. The positions of the rows in their source, their "
            "order, or the notes in the manifest differ."
        )
    click.echo(f"{'split':<14} {'before':>12} {'after':>12} {'added':>12} {'removed':>12}")
    for split, (was, now) in found.counts.items():
        added, removed = found.added.get(split, 0), found.removed.get(split, 0)
        signed = f"{_signed('+', added):>12} {_signed('−', removed):>12}"
        click.echo(f"{split:<14} {was:>12,} {now:>12,} {signed}".rstrip())
    click.echo(f"{found.same:,} rows are the same{_counted(found.changed, ', changed: ')}")
    if found.moved:
        click.echo(f"Moved{_counted(found.moved, ': ')}")
    for reason, (was, now) in found.dropped.items():
        if was != now:
            click.echo(f"Dropped, {reason}: {was:,} → {now:,}")
    for line in found.contract:
        click.echo(f"Contract: {one_line(line, 120)}")
    for name, ids in (("Added", found.added_ids), ("Removed", found.removed_ids)):
        if ids:
            click.echo(f"{name}: {one_line(', '.join(ids), 120)} …")
    for change in found.changes:
        click.echo(f"{one_line(change.row_id, 40)}, {change.what}:")
        click.echo(f"  − {one_line(change.before, 160)}")
        click.echo(f"  + {one_line(change.after, 160)}")


def _signed(sign: str, count: int) -> str:
    return f"{sign}{count:,}" if count else ""


def _counted(counts: Mapping[str, int], lead: str) -> str:
    return lead + ", ".join(f"{what} {count:,}" for what, count in counts.items()) if counts else ""

"""``insource logs discover``: find narrow tasks among the calls without a task."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.logs.options import config_option, limit_option, moment, open_log
from insource.cli.options import json_option

if TYPE_CHECKING:
    from insource.logs.discovery import Rules, Survey, TaskCandidate
    from insource.logs.query import Log

TEMPLATE_LINES, TEMPLATE_WIDTH = 6, 150
_TAGGED_AT_ONCE = 5000


@click.command("discover", short_help="Find narrow tasks among calls without a task")
@config_option
@click.option("--since", callback=moment, metavar="WHEN", help="Only calls since then: 24h, 7d, 2026-11-01.")
@limit_option(20, least=1)
@click.option(
    "--apply", "applied", is_flag=True, help="Write rules for the tasks found and tag their past calls."
)
@json_option
def command(config_path: Path, since: datetime | None, limit: int, applied: bool, as_json: bool) -> None:
    """Group the calls without a task by prompt template, and rank the groups.

    Each group shows its monthly cost and a fit of 0 to 10 points, with the reason for each point. The fit
    does not predict savings. `--apply` writes the tasks that are narrow or perhaps narrow to
    `.insource/tasks.toml` and tags their calls. Conversations, agents and free writing stay untagged.
    """
    from insource.cli.output import say
    from insource.logs.discovery import load_rules, survey
    from insource.logs.discovery.rules import FILE_NAME

    with open_log(config_path) as log:
        rules_path = log.root / FILE_NAME
        rules = load_rules(rules_path)
        found = survey(
            log.database,
            since=since,
            rules=rules,
            progress=lambda read: say(f"  {read:,} calls read; each is read twice"),
        )
        shown = found.candidates[:limit]
        candidates = found.candidates
        tagged = _apply(log, rules_path, rules.with_candidates(candidates), since) if applied else None
    if as_json:
        click.echo(json.dumps(_document(found, shown, tagged)))
        return
    _print(found, shown)
    if tagged is not None and not rules_path.is_file():
        click.echo("\nNo task was written: no group is narrow or perhaps narrow.")
    elif tagged is not None:
        click.echo(f"\nTagged {sum(tagged.values()):,} calls; the rules are in {rules_path}.")
        if tagged:
            click.echo("Send SIGHUP to a running gateway to tag new calls with them.")
    elif any(one.verdict != "not narrow" for one in shown):
        click.echo("\nNext, to write these tasks and tag their calls: insource logs discover --apply")


def _apply(log: Log, path: Path, rules: Rules, since: datetime | None) -> dict[str, int]:
    """Write the rules, then tag. In this order, a run after an interruption continues with the same names."""
    from insource.logs.discovery import assignments, save_rules
    from insource.store.calls.retag import retag

    if not rules.rule:
        return {}
    save_rules(path, rules)
    tagged: dict[str, int] = defaultdict(int)
    waiting: dict[str, list[str]] = defaultdict(list)
    for call_id, task in assignments(log.database, rules, since):
        waiting[task].append(call_id)
        if len(waiting[task]) >= _TAGGED_AT_ONCE:
            tagged[task] += retag(log.database, waiting.pop(task), task)
    for task, call_ids in waiting.items():
        tagged[task] += retag(log.database, call_ids, task)
    return dict(tagged)


def _document(found: Survey, shown: Sequence[TaskCandidate], tagged: dict[str, int] | None) -> dict[str, Any]:
    document = found.model_dump(mode="json", exclude={"candidates"})
    candidates = [
        one.model_dump(mode="json")
        | {"template": one.template, "fingerprints": [v.fingerprint for v in one.versions]}
        for one in shown
    ]
    return {"schema_version": 1, **document, "candidates": candidates, "tagged": tagged}


def _print(found: Survey, shown: Sequence[TaskCandidate]) -> None:
    click.echo(
        f"{found.calls:,} calls without a task over {found.days:.1f} days: "
        f"{len(found.candidates)} groups, {found.scattered:,} calls share no prompt template"
        + (f", {found.unreadable:,} have no text in the log" if found.unreadable else "")
    )
    narrow = sum(one.verdict == "narrow" for one in found.candidates)
    if not narrow:
        click.echo("No narrow task was found." if found.calls else "There are no calls without a task.")
    for one in shown:
        _print_candidate(one)
    if len(shown) < len(found.candidates):
        click.echo(f"\n{len(found.candidates) - len(shown)} more groups: --limit shows them")


def _print_candidate(one: TaskCandidate) -> None:
    from insource.cli.printable import one_line, printable

    click.echo(f"\n{one.name}  {one.verdict}, fit {one.fit}/10")
    click.echo(f"  {one.calls:,} calls, {100 * one.share:.1f} % of those read; {_cost(one)}")
    for reason in one.obstacles:
        click.echo(f"  ruled out: {reason}")
    for signal in one.signals:
        click.echo(f"  {signal.points}/{signal.of} {signal.name:<9} {signal.reason}")
    for note in one.notes:
        click.echo(f"  note: {note}")
    models = ", ".join(one_line(model, 40) for model in list(one.models)[:3])
    versions = (
        f"{len(one.versions)} versions of the prompt" if one.versions[1:] else "one version of the prompt"
    )
    click.echo(f"  {versions}; answered by {models}")
    lines = printable(one.template).splitlines()
    for line in lines[:TEMPLATE_LINES]:
        click.echo(f"    {one_line(line, TEMPLATE_WIDTH)}")
    if lines[TEMPLATE_LINES:]:
        click.echo(f"    and {len(lines) - TEMPLATE_LINES} more lines")
    click.echo(f"  for example: insource logs show {one_line(one.call_ids[0], 60)}")


def _cost(one: TaskCandidate) -> str:
    from insource.foundation.money import show_usd

    unknown = f"{one.unpriced:,} calls of unknown price" if one.unpriced else ""
    if one.cost_usd is None:
        return "their price is unknown"
    known = show_usd(one.cost_usd) + (f" + {unknown}" if unknown else "")
    if one.monthly_cost_usd is None:
        return f"{known}; no monthly figure from less than a day of log"
    return f"{known}, {show_usd(one.monthly_cost_usd)} a month at this rate" + (
        ", of the known prices" if unknown else ""
    )

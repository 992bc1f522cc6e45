"""``insource deploy anchors``: rows that people labelled, sent to the cloud again and again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.types.anchors import Attribution
    from insource.workflow.session import Session


@click.group("anchors", short_help="See whether the cloud moved, or the local model")
def command() -> None:
    """Tell a cloud that moved from a local model that did.

    Anchors are 50 to 100 rows that people labelled and no model was trained on. They are sent to the cloud on
    a schedule, within `rollout.anchors_usd_per_day`. When audits show differences, only what the anchors call
    trouble of the local model may roll it back.
    """


@command.command("add")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--labelled-by", default="", metavar="NAME", help="Who labelled the rows that do not say `labelled_by`."
)
@project_options
@json_option
def add(session: Session, path: Path, labelled_by: str, as_json: bool) -> None:
    """Add rows that a person labelled, one JSON object a line with `input` and `output`.

    Refused: rows that a model labelled, and rows of the training split.
    """
    from insource.cli.output import say
    from insource.foundation.canonical import dumps
    from insource.workflow.anchors import add_anchors

    found = add_anchors(session, path, labelled_by)
    if as_json:
        click.echo(dumps(found._asdict()))
        return
    say(f"{found.new:,} anchors added, {found.known:,} known before, {found.total:,} in all")
    if found.note:
        say(f"Note: {found.note}")
    say("Next: insource deploy anchors check")


@command.command("check")
@click.option("--all", "forced", is_flag=True, help="Ask all anchors once, whether they are due or not.")
@click.option("--local", "with_local", is_flag=True, help="Ask the local model of the newest run, too.")
@project_options
@json_option
def check(session: Session, forced: bool, with_local: bool, as_json: bool) -> None:
    """Send the anchors that are due to the cloud, and say what moved. A gateway does this by itself."""
    from insource.cli.output import say
    from insource.workflow.anchor_checks import checked_now

    found = checked_now(session, forced=forced, with_local=with_local)
    if as_json:
        click.echo(found.document())
        return
    say(f"{found.asked:,} of {found.due:,} anchors asked" if found.due else "No anchor is due")
    if found.stopped:
        say(f"Stopped: {found.stopped}")
    if found.attribution is not None:
        _tell(found.attribution)


@command.command("status")
@project_options
@json_option
def status(session: Session, as_json: bool) -> None:
    """Show what the anchors say now; nothing is sent."""
    from insource.workflow.anchor_checks import anchors_status, none_yet

    found = anchors_status(session)
    if found is None:
        raise none_yet(session)
    if as_json:
        click.echo(found.model_dump_json())
    else:
        _tell(found)


@command.command("accept")
@click.option("--reason", default="accepted by an operator", help="Why; it is kept with the event.")
@project_options
def accept(session: Session, reason: str) -> None:
    """Take the cloud as it is now for the unchanged one, after a change that was looked into."""
    from insource.cli.output import say
    from insource.workflow.anchor_checks import accept_cloud

    accept_cloud(session, reason)
    say("What the cloud answers from now on is the reference. Next: insource deploy anchors check")


def _tell(found: Attribution) -> None:
    from insource.cli.output import say

    say(f"Moved: {found.cause} ({found.reason})")
    say(f"{found.anchors:,} anchors, {found.rounds:,} rounds")
    for name, share in (
        ("differ from their first answer", found.changed),
        ("right by people's labels", found.right),
        ("right in the first round", found.right_before),
    ):
        if share.value is not None:
            say(f"  {share.value:.0%} [{share.low:.0%}, {share.high:.0%}] {name} (n = {share.n})")
    if found.cause == "cloud":
        say("Next: look at what changed, then `insource deploy anchors accept`, or train on new labels.")
    if found.cause == "open":
        say("Next: insource deploy anchors check --all")

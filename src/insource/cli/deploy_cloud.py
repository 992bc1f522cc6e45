"""``insource deploy cloud``: what the log says of the cloud that a task was taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("cloud", short_help="Say what changed of the cloud: version, price, outage, end")
@project_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Say what the log shows of the cloud: another version, another price, an outage, the end of a model.

    What is new is an alert in `insource deploy history`. A gateway looks by itself every minute.
    """
    from insource.cli.output import say
    from insource.foundation.canonical import dumps
    from insource.workflow.cloud_watch import watch_cloud

    found = watch_cloud(session)
    if as_json:
        click.echo(dumps([one.model_dump(mode="json") for one in found]))
        return
    for one in found:
        say(f"{one.kind}: {one.said}")
        say(f"  Next: {one.next}")
    if not found:
        say("The log shows no change of the cloud.")

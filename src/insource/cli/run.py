"""``insource run``: run the whole loop on the user's data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("run", short_help="Run the whole loop; resume where it stopped")
@training_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Build the dataset, train, export, evaluate, compare, decide, fit the policy and write the report.

    A stage that is complete for the same inputs is skipped, so an interrupted run resumes where it stopped.
    """
    from insource.cli.output import near, say, summary
    from insource.pipeline import run
    from insource.workflow.ask_cloud import cloud_model

    result = run(session, cloud=cloud_model(session))
    if as_json:
        click.echo(json.dumps(result.model_dump(mode="json"), ensure_ascii=False))
    summary(result)
    from pathlib import Path

    say(f"\nWrote {near(Path(result.paths['report']))}")
    say("Next: insource gateway")

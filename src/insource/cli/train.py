"""``insource train``: fine-tune the model on the training split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("train", short_help="Fine-tune the small model")
@training_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Plan, check and train. After Ctrl-C, the same command resumes from the last checkpoint."""
    from insource.cli.output import near, say
    from insource.training.stage import summary
    from insource.workflow.build import build_dataset
    from insource.workflow.ground import ground
    from insource.workflow.train import train_model

    dataset, task = build_dataset(session)
    trained = train_model(session, dataset, task, ground(session, dataset, task).grounding)
    found = summary(trained)
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json")))
    say(f"\nKept step {found.best_step} of {found.steps}; stopped {found.stopped}")
    say(f"Wrote {near(trained.path)}")
    say("Next: insource export")

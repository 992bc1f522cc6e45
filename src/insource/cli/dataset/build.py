"""``insource dataset build``: split the rows and write the dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("build")
@project_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Read the rows, apply the accepted fixes, split the rows, and write the dataset folder and its card."""
    from insource.cli.dataset.funnel import print_funnel
    from insource.cli.output import say
    from insource.dataset.saved.folder import examples
    from insource.workflow.build import build_dataset_folder
    from insource.workflow.looks import looks_at_test

    folder, manifest = build_dataset_folder(session)
    say(looks_at_test(session, examples(folder, "test")).summary)
    if as_json:
        click.echo(json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False))
    else:
        print_funnel(manifest.funnel, manifest.dropped)
    say("Next: insource train")

"""``insource export``: export the adapter and check that it matches the trained model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("export", short_help="Export the adapter to GGUF and check parity")
@training_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Write the GGUF adapter, the Modelfile and the model card. Fail when the parity check fails."""
    from insource.cli.output import near, say
    from insource.export.stage import no_modelfile, parity
    from insource.workflow.build import build_dataset
    from insource.workflow.export import make_model

    made = make_model(session, *build_dataset(session))
    found = parity(made.exported)
    if as_json:
        click.echo(json.dumps(made.exported.manifest, ensure_ascii=False))
    say(f"\nParity: {found.sentence}")
    for output in made.exported.manifest["outputs"]:
        say(f"  {output['bytes']:>12,} bytes  {output['digest'][:12]}  {output['name']}")
    if reason := no_modelfile(made.exported):
        say(f"No Modelfile: {reason}")
    say(f"Wrote {near(made.exported.path)}")
    say("Next: insource evaluate")

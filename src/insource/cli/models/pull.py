"""``insource models pull``: fetch a base model."""

from __future__ import annotations

import click


@click.command("pull", short_help="Fetch a base model and convert it for serving")
@click.argument("name")
@click.option(
    "--allow-pickles",
    is_flag=True,
    help="Convert pickled weights where there are no safetensors. Only for a source that you trust.",
)
def command(name: str, allow_pickles: bool) -> None:
    """Fetch a base model, check it, and convert it to the file that is served.

    NAME is one of `insource models list`, or hf/org/name[@revision]. The commit that the revision is now is
    kept: later commands use it until it is pulled again. This is the only command that asks a model hub.
    """
    from insource.cli.output import say
    from insource.workflow.pull import pull_model

    base = pull_model(name, allow_pickles=allow_pickles)
    say(f"{base.name} is ready, licence: {base.licence}")
    say(f'Next: set model = "{name}" under [training] in insource.toml, then insource run')

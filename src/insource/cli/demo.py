"""``insource demo``: the published case on generated documents; only a configured run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.cli.options import json_option


@click.command("demo", short_help="The whole loop on generated specifications")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("insource-demo"),
    show_default=True,
    help="Where the demo's project is made.",
)
@click.option("--documents", type=click.IntRange(8), help="Training documents.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Passes over them.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Documents and training.")
@click.option("--model", help="Base model: a catalogue name or gguf/PATH.")
@click.option("--full", is_flag=True, help="500 training and 1,000 test documents: several times as long.")
@click.option("--cloud", help="Ask a real cloud model, as provider/model; costs money, asks first.")
@click.option("--yes", is_flag=True, help="Answer yes before money is spent.")
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
@json_option
def command(
    folder: Path,
    documents: int | None,
    epochs: float | None,
    seed: int,
    model: str | None,
    full: bool,
    cloud: str | None,
    yes: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Technical specifications to JSON, from the cloud's answers to a served local model.

    Without --cloud the cloud is simulated after published error rates, and says so everywhere.
    """
    from insource.cli.options import command_line, open_session
    from insource.cli.output import near, say, summary
    from insource.demo.run import FULL, QUICK, prepare, walk

    sizes = FULL if full else QUICK
    if documents is not None:
        sizes = sizes.scaled_to(documents)
    config = prepare(folder, sizes, seed=seed, epochs=epochs, model=model, cloud=cloud)
    session = open_session(config, {}, yes=yes, quiet=quiet)
    session.command = command_line()
    result = walk(session)
    if as_json:
        click.echo(json.dumps(result.model_dump(mode="json"), ensure_ascii=False))
    summary(result)
    say(f"\nWrote {near(Path(result.paths['report']))}")
    say("Next: open the report, then try your own data: insource init")

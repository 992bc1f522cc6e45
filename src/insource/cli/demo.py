"""``insource demo``: run the whole loop on generated documents."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.cli.options import json_option


@click.command("demo", short_help="Run the whole loop on generated specifications")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("insource-demo"),
    show_default=True,
    help="Folder of the demo project.",
)
@click.option("--documents", type=click.IntRange(8), help="Number of training documents.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Number of training epochs.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the documents and training."
)
@click.option("--model", help="Base model: a catalogue name, hf/PATH, hf/ORG/NAME, gguf/PATH or ollama/NAME.")
@click.option(
    "--full", is_flag=True, help="Use 500 training and 1,000 test documents; takes several times as long."
)
@click.option("--cloud", help="Ask a real cloud model, provider/model. Costs money and asks first.")
@click.option("--yes", is_flag=True, help="Do not ask before spending money.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
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
    """Train, evaluate and serve a local model that extracts JSON from generated specifications.

    Without --cloud, the cloud's answers are simulated from published error rates and marked as simulated.
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

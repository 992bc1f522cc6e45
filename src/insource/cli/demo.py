"""``insource demo``: run the whole loop on generated documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from insource.cli.options import json_option

if TYPE_CHECKING:
    from insource.types import RunResult
    from insource.workflow.session import Session


class Demo(NamedTuple):
    """How a demo writes its project, how it runs, and what it says after the summary."""

    prepare: Callable[..., Path]
    walk: Callable[[Session], RunResult]
    after: Callable[[RunResult], list[str]]


@click.command("demo", short_help="Run the whole loop on generated documents")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the demo project.  [default: insource-demo, or insource-invoices]",
)
@click.option(
    "--invoices",
    is_flag=True,
    help="Use invoices with the recorded answers of a real cloud model; fetches a wheel of 1.7 MB.",
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
    folder: Path | None,
    invoices: bool,
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
    """Train, evaluate and serve a local model that extracts JSON from generated documents.

    By default, the documents are specifications. Without --cloud, the cloud's answers to them are simulated
    from published error rates and marked as simulated. With --invoices, a real cloud model has answered all
    documents before, so that the demo ends with a verdict.
    """
    from insource.cli.options import command_line, open_session
    from insource.cli.output import near, say, summary

    if invoices and cloud:
        raise click.UsageError("--invoices has recorded answers of a cloud: leave out --cloud.")
    demo = _invoices if invoices else _specifications
    prepare, walk, after = demo(folder, documents=documents, full=full, cloud=cloud)
    session = open_session(prepare(seed=seed, epochs=epochs, model=model), {}, yes=yes, quiet=quiet)
    session.command = command_line()
    result = walk(session)
    if as_json:
        click.echo(json.dumps(result.model_dump(mode="json"), ensure_ascii=False))
    summary(result)
    if lines := after(result):
        say("\n" + "\n".join(lines))
    say(f"\nWrote {near(Path(result.paths['report']))}")
    say("Next: open the report, then try your own data: insource init")


def _specifications(folder: Path | None, *, documents: int | None, full: bool, cloud: str | None) -> Demo:
    from insource.demo.run import FULL, QUICK, prepare, walk

    sizes = FULL if full else QUICK
    if documents is not None:
        sizes = sizes.scaled_to(documents)
    at = folder or Path("insource-demo")
    return Demo(partial(prepare, at, sizes, cloud=cloud), walk, lambda result: [])


def _invoices(folder: Path | None, *, documents: int | None, full: bool, cloud: str | None) -> Demo:
    from insource.demo.invoices.published import beside
    from insource.demo.invoices.run import FULL, QUICK, prepare, walk

    sizes = FULL if full else QUICK
    if documents is not None:
        sizes = sizes.scaled_to(documents)
    return Demo(partial(prepare, folder or Path("insource-invoices"), sizes), walk, beside)

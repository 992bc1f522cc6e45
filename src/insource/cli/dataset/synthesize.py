"""``insource dataset synthesize``: make training rows from real rows or with a teacher model."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.dataset.synthesis.wanted import Method
    from insource.workflow.session import Session


@click.command("synthesize")
@project_options
@click.option(
    "--method",
    type=click.Choice(["edit", "recombine", "paraphrase", "label"]),
    default="edit",
    show_default=True,
    help="edit and recombine change real documents together with their labels and ask no model; paraphrase "
    "and label ask the model of [reference].",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Number of rows to make, or of documents to ask about.",
)
@click.option(
    "--inputs",
    "inputs_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="For label: JSON Lines with the `input` of each document.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="For label: answers per document; documents with differing answers are not kept.",
)
@click.option("--max-usd", type=float, help="Maximum spending of one run (US dollars).")
@json_option
def command(
    session: Session,
    method: Method,
    count: int,
    inputs_path: Path | None,
    samples: int,
    max_usd: float | None,
    as_json: bool,
) -> None:
    """Make rows for the training split. They never enter validation, calibration or test.

    Rows are appended to the synthetic file with their provenance; the next `insource dataset build` adds
    them. Run the same command again to resume where it stopped; no answer is paid for twice.
    """
    from insource.cli.output import say
    from insource.dataset.sources.inputs import read_inputs
    from insource.dataset.synthesis.wanted import Wanted
    from insource.workflow.ask_cloud import cloud_model
    from insource.workflow.synthesize import synthesize

    if (inputs_path is None) == (method == "label"):
        raise click.UsageError("--inputs and --method label need each other.")
    teacher = cloud_model(session) if method in ("paraphrase", "label") else None
    wanted = Wanted(
        method=method,
        count=count,
        samples=samples,
        max_usd=None if max_usd is None else Decimal(str(max_usd)),
        inputs=() if inputs_path is None else read_inputs(inputs_path),
    )
    report = synthesize(session, wanted, teacher)
    if as_json:
        click.echo(report.model_dump_json())
    say(f"{report.made:,} rows made" + (f", {report.already:,} already existed" if report.already else ""))
    for reason, number in report.refused.items():
        say(f"{number:,} not kept: {reason}")
    if report.questions:
        say(f"{report.questions:,} questions, ${report.spent_usd:.4f}")
    if report.stopped:
        say(f"Stopped: {report.stopped}")
    say("Next: insource dataset build")

"""``insource init``: a commented configuration for the user's own data; never overwrites."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.config.loading import FILE_NAME

TEMPLATE = """\
# Insource: one narrow job. Every key: `insource config show`; their meaning: docs/reference/configuration.md

[task]
name = {name}
# The system message of the tuned model. Keep it short; the model learns the rest from your labels.
instruction = {instruction}
# A JSON Schema of the answer, or labels. Both are inferred from the data when left out.
# schema = "schema.json"
# labels = ["billing", "technical", "other"]
# The largest loss against the cloud that still counts as "not worse", as a ratio.
margin = 0.02
# May a document of this task leave the machine? "local-only" refuses before a byte does.
privacy = "cloud-allowed"

[dataset]
# JSONL, CSV, Parquet, chat examples, a folder of documents, the log: docs/guides/sources.md
{dataset}

[reference]
# A cloud model to ask about every document, e.g. "openai/gpt-4o-mini". It costs money and asks first.
# Empty: the rows' own cloud_outputs are the cloud; without those it is "not measured".
model = ""

[decision]
# How many documents a month this task has: break-even depends on it.
documents_per_month = 50000
"""


@click.command("init", short_help="Write a commented insource.toml")
@click.option("--data", default="data.jsonl", show_default=True, help="The rows: a file, a folder, or `log`.")
@click.option("--name", default="task", show_default=True, help="Short name of the task.")
@click.option(
    "--instruction",
    default="Extract the requested fields as JSON.",
    show_default=True,
    help="The system message of the tuned model.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to write it; the current folder when not given.",
)
def command(data: str, name: str, instruction: str, folder: Path) -> None:
    """Write insource.toml in the current folder. An existing one is left as it is."""
    from insource.cli.output import near, say
    from insource.config.loading import load
    from insource.foundation.errors import UserError

    path = folder / FILE_NAME
    if path.exists():
        raise UserError(
            "already-there", f"{path} exists and is left as it is.", hint="Edit it, or remove it first."
        )
    folder.mkdir(parents=True, exist_ok=True)
    lines, reason, problem = _about(folder, data, name)
    filled = TEMPLATE.format(
        name=json.dumps(name),
        instruction=json.dumps(instruction, ensure_ascii=False),
        dataset="\n".join(lines),
    )
    path.write_text(filled, encoding="utf-8")
    try:
        load(path)
    except UserError:
        path.unlink()
        raise
    say(f"Wrote {near(path)}")
    if reason:
        say(f"{data}: {reason}")
    say(
        "Next: "
        + (problem or ("insource run" if reason else f"put your rows into {data}, then insource run"))
    )


def _about(folder: Path, data: str, task: str) -> tuple[tuple[str, ...], str, str]:
    """The lines about the data, how it will be read, and what to do first when it cannot be.

    There is no reason when the data is not there yet.
    """
    from insource.dataset.sources.suggest import LOG, proposal
    from insource.foundation.errors import InsourceError

    as_given = (f"path = {json.dumps(data)}",)
    if data != LOG and not (folder / data).exists():
        return as_given, "", ""
    try:
        return *proposal(folder, data, task), ""
    except InsourceError as error:  # what is wrong with the data is for the build to say in full
        return as_given, " ".join((error.message, *error.details)), error.hint

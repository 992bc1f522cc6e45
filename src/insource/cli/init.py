"""``insource init``: write a commented configuration for the user's data, without overwriting one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.config.loading import FILE_NAME

TEMPLATE = """\
# The configuration of one task. `insource config show --origin` lists every key with its value and source.

[task]
name = {name}
# The system message of the tuned model. Keep it short: the model learns the rest from your labels.
instruction = {instruction}
# A JSON Schema of the answer, or its labels. Without either, Insource infers them from the data.
# schema = "schema.json"
# labels = ["billing", "technical", "other"]
# The largest loss against the cloud that still counts as "not worse" (ratio).
margin = 0.02
# "local-only" refuses every request that would send a document of this task off the machine.
privacy = "cloud-allowed"

[dataset]
# A file of rows (JSONL, CSV, Parquet, chat examples), a folder of documents, or "log" for the recorded calls.
{dataset}

[reference]
# A cloud model to ask about every document, e.g. "openai/gpt-4o-mini". Insource asks before it spends money.
# When empty, the cloud_outputs of the rows are evaluated; without them, the cloud is "not measured".
model = ""

[decision]
# Documents per month. Break-even depends on it.
documents_per_month = 50000
"""


@click.command("init", short_help="Write a commented insource.toml")
@click.option("--data", default="data.jsonl", show_default=True, help="The rows: a file, a folder or `log`.")
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
    help="Folder to write to; default: the current folder.",
)
def command(data: str, name: str, instruction: str, folder: Path) -> None:
    """Write insource.toml to the current folder. Never overwrite an existing file."""
    from insource.cli.output import near, say
    from insource.config.loading import load
    from insource.foundation.errors import UserError

    path = folder / FILE_NAME
    if path.exists():
        raise UserError("already-there", f"{path} already exists.", hint="Edit the file, or remove it first.")
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
    """Return the lines for ``[dataset]``, how the data will be read, and what to do when it cannot be read.

    The reason is empty when the data does not exist yet.
    """
    from insource.dataset.sources.suggest import LOG, proposal
    from insource.foundation.errors import InsourceError

    as_given = (f"path = {json.dumps(data)}",)
    if data != LOG and not (folder / data).exists():
        return as_given, "", ""
    try:
        return *proposal(folder, data, task), ""
    except InsourceError as error:  # the build reports the data's errors in full
        return as_given, " ".join((error.message, *error.details)), error.hint

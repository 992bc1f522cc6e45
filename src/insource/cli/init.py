"""``insource init``: write a commented configuration for the user's data, without overwriting one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

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

SHOWN = 3
KINDS = {"json": "JSON objects", "labels": "labels", "text": "texts"}
INSTRUCTIONS = {
    "": "Extract the requested fields as JSON.",
    "JSON objects": "Extract the requested fields as JSON.",
    "labels": "Classify the document: answer with its label alone.",
    "texts": "Answer the request.",
}
"""What is asked, by the kind of the answers; an empty kind is that of data that is not there yet."""


@click.command("init", short_help="Write a commented insource.toml")
@click.option("--data", default="data.jsonl", show_default=True, help="The rows: a file, a folder or `log`.")
@click.option("--name", default="task", show_default=True, help="Short name of the task.")
@click.option(
    "--instruction",
    default="",
    help="The system message of the tuned model; default: by the answers of the data.",
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
    about = _about(folder, data, name)
    filled = TEMPLATE.format(
        name=json.dumps(name),
        instruction=json.dumps(instruction or INSTRUCTIONS[about.answers], ensure_ascii=False),
        dataset="\n".join(about.lines),
    )
    path.write_text(filled, encoding="utf-8")
    try:
        load(path)
    except UserError:
        path.unlink()
        raise
    say(f"Wrote {near(path)}")
    if about.reason:
        say(f"{data}: {about.reason}")
    if about.answers and not instruction:
        say(
            f"The answers are {about.answers}, so the instruction is {INSTRUCTIONS[about.answers]!r} Edit it."
        )
    say(f"Next: {about.next}")


class _About(NamedTuple):
    """The lines for ``[dataset]``, how the data is read or why not, its kind of answers, the next step."""

    lines: tuple[str, ...]
    reason: str
    answers: str
    next: str


def _about(folder: Path, data: str, task: str) -> _About:
    from insource.dataset.sources.suggest import LOG, proposal
    from insource.foundation.errors import InsourceError

    as_given = (f"path = {json.dumps(data)}",)
    if data != LOG and not (folder / data).exists():
        return _About(as_given, "", "", f"put your rows into {data}, then insource run")
    try:
        found = proposal(folder, data, task)
    except InsourceError as error:  # the build reports the data's errors in full
        said = " ".join((error.message, *error.details[:SHOWN]))
        return _About(as_given, said, "", error.hint or "correct the data, then insource dataset build")
    answers = "" if found.output is None else KINDS[found.output.kind]
    return _About(found.lines, found.reason, answers, "insource run")

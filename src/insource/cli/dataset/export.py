"""``insource dataset export``: write a dataset in the layout of another tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options
from insource.types import SPLITS

if TYPE_CHECKING:
    from insource.dataset.export.formats import Format
    from insource.types import Split
    from insource.workflow.session import Session


@click.command("export")
@project_options
@click.argument("dataset", required=False)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["openai-chat", "prompt-completion", "hf"]),
    default="openai-chat",
    show_default=True,
    help="hf is a folder with a card that `datasets.load_dataset` reads.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    help="New folder to write to; default: named after the dataset and the format.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(SPLITS),
    help="Split to write; repeatable. Default: every split except the sealed test split.",
)
@json_option
def command(
    session: Session,
    dataset: str | None,
    format_: Format,
    target: Path | None,
    splits: Sequence[Split],
    as_json: bool,
) -> None:
    """Write DATASET (default: the newest) for OpenAI fine-tuning, TRL or Hugging Face.

    The teacher policy must allow the training rows, as for `insource train`. The provenance of the answers
    goes into a file beside each split; Insource reads both back.
    """
    from insource.cli.output import near, say
    from insource.dataset.export.layout import export_dataset
    from insource.dataset.rows.teacher_policy import check_teachers, read_policy
    from insource.dataset.saved.folder import check, examples, find, newest_first
    from insource.workflow.looks import look_at_test

    datasets = session.project.workspace / "datasets"
    latest = newest_first(datasets)
    folder = latest[0] if dataset is None and latest else find(datasets, dataset or "")
    target = target or Path(f"{folder.name.replace('@', '-')}-{format_}")
    chosen = [split for split in SPLITS if split in (splits or SPLITS[:-1])]
    manifest, policy = check(folder), session.project.policy_path
    if "train" in chosen:
        check_teachers(examples(folder, "train"), read_policy(policy), policy)
    if "test" in chosen:
        look_at_test(session, examples(folder, "test"), "export")
    written = export_dataset(folder, target, format_, session.project.task(manifest.output), chosen)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "folder": str(target), "rows": written}))
    for split, count in written.items():
        say(f"{count:,} rows in {near(target / f'{split}.jsonl')}")
    if not splits:
        say("The sealed test split was not written; choose splits with --split")
    if "test" in chosen:
        say("The test split is sealed: this look was counted. A model tuned on it has no valid test set.")

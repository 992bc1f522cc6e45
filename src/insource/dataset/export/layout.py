"""The exported folder: one JSON Lines file a split and a README, there when it is complete."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from insource import canonical
from insource.dataset.card import data_card, front_matter
from insource.dataset.export.formats import FORMATS, HF_COLUMNS, Format
from insource.dataset.folder import check, examples
from insource.errors import DataError
from insource.types import DatasetManifest, Split, Task


def export_dataset(
    folder: Path, target: Path, format_: Format, task: Task, splits: Iterable[Split]
) -> dict[Split, int]:
    """Write these splits of a dataset folder into the new folder ``target``; the rows written by split.

    Raises:
        DataError: ``dataset-not-found``, ``already-exported`` when ``target`` is there,
            ``dataset-not-written``.
        IntegrityError: ``digest-mismatch``.
    """
    manifest = check(folder)
    if target.exists():
        raise DataError(
            "already-exported",
            f"{target} is already there, and nothing is overwritten.",
            hint="Give another folder with `--to`, or remove that one.",
        )
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        written = {split: _write(folder, partial, split, format_, task) for split in splits}
        readme = _readme(manifest, task, format_, written)
        (partial / "README.md").write_text(readme, encoding="utf-8")
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(
            "dataset-not-written",
            f"The dataset cannot be written to {target}: {error.strerror or error}.",
            hint="Free some space or check the permissions there, then run the same command again.",
        ) from error
    return written


def _write(folder: Path, target: Path, split: Split, format_: Format, task: Task) -> int:
    count = 0
    with (target / f"{split}.jsonl").open("w", encoding="utf-8") as file:
        for example in examples(folder, split):
            file.write(json.dumps(FORMATS[format_](task, example), ensure_ascii=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _readme(manifest: DatasetManifest, task: Task, format_: Format, written: dict[Split, int]) -> str:
    sections = []
    if format_ == "hf":
        sections.append(front_matter(manifest, written, HF_COLUMNS))
    sections += [
        data_card(manifest).rstrip(),
        "## This export",
        f"Format `{format_}`, from dataset `{canonical.short(manifest.digest)}`: "
        + ", ".join(f"{split} {count}" for split, count in written.items())
        + ".",
        f"Instruction of the task:\n\n> {task.instruction}",
    ]
    return "\n\n".join(sections) + "\n"

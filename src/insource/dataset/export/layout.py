"""Write the exported folder: JSON Lines by split, their provenance, and a README, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from insource.dataset.export.formats import FORMATS, HF_COLUMNS, Format
from insource.dataset.rows.provenance_file import sidecar_line, sidecar_of
from insource.dataset.saved.card import data_card, front_matter
from insource.dataset.saved.folder import check, examples
from insource.foundation import canonical
from insource.foundation.errors import DataError
from insource.foundation.files import sync, sync_folder, write_synced
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
        write_synced(partial / "README.md", readme.encode())
        partial.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(
            "dataset-not-written",
            f"The dataset cannot be written to {target}: {error.strerror or error}.",
            hint="Free some space or check the permissions there, then run the same command again.",
        ) from error
    return written


def _write(folder: Path, target: Path, split: Split, format_: Format, task: Task) -> int:
    path = target / f"{split}.jsonl"
    beside = nullcontext() if format_ == "hf" else sidecar_of(path).open("w", encoding="utf-8")
    count = 0
    with path.open("w", encoding="utf-8") as file, beside as sidecar:
        for example in examples(folder, split):
            record = FORMATS[format_](task, example)
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
            if sidecar is not None:
                sidecar.write(json.dumps(sidecar_line(record, example), ensure_ascii=False) + "\n")
        for written in filter(None, (file, sidecar)):
            sync(written)
    return count


def _readme(manifest: DatasetManifest, task: Task, format_: Format, written: dict[Split, int]) -> str:
    sections = [
        front_matter(manifest, written, HF_COLUMNS if format_ == "hf" else {}),
        data_card(manifest).rstrip(),
        "## This export",
        f"Format `{format_}`, from dataset `{canonical.short(manifest.digest)}`: "
        + ", ".join(f"{split} {count}" for split, count in written.items())
        + ".",
        f"Instruction of the task:\n\n> {task.instruction}",
    ]
    return "\n\n".join(sections) + "\n"

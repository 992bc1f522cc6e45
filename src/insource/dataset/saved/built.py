"""Remember which dataset a build gave, by the build's key, and read it back."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from insource.dataset.saved.folder import MANIFEST, check, folder_name
from insource.foundation.files import replace_text
from insource.runs.folders import StageSpec
from insource.types import DatasetManifest


class Built(NamedTuple):
    """A dataset folder with its manifest, and how long its build took; ``skipped`` when it was read back."""

    folder: Path
    manifest: DatasetManifest
    seconds: float
    skipped: bool = False


def remember(builds_dir: Path, spec: StageSpec, built: Built) -> None:
    """Keep that the build with this key gave this dataset, in a small file under ``builds_dir``.

    Raises:
        OSError: the file cannot be written. The dataset is whole, and the next walk builds it again.
    """
    builds_dir.mkdir(parents=True, exist_ok=True)
    found = {
        "schema_version": 1,
        "key": spec.key(),
        "dataset": built.folder.name,
        "seconds": round(built.seconds, 3),
        "spec": spec.model_dump(),
    }
    replace_text(builds_dir / f"{found['key']}.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def find_built(builds_dir: Path, datasets_dir: Path, spec: StageSpec) -> Built | None:
    """Return the dataset under ``datasets_dir`` that a build with this key gave, or None.

    The folder is read whole and compared with its digest. It then counts as the dataset built last.

    Raises:
        IntegrityError: ``digest-mismatch`` for a folder that is damaged or was changed.
    """
    try:
        found = json.loads((builds_dir / f"{spec.key()}.json").read_text(encoding="utf-8"))
        folder, seconds = datasets_dir / str(found["dataset"]), float(found["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if folder.parent != datasets_dir or not (folder / MANIFEST).is_file():
        return None
    manifest = check(folder)
    if folder_name(manifest) != folder.name:
        return None
    with suppress(OSError):  # another user's folder is read back too, though it cannot be marked
        os.utime(folder / MANIFEST)
    return Built(folder, manifest, seconds, skipped=True)

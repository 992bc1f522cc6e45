"""Every kind of fitted model, and the one way to write and read them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from insource.foundation.canonical import file_digest
from insource.foundation.errors import DataError, InsourceError
from insource.foundation.files import write_json
from insource.models.fitted.protocol import Fitted

FILE = "model.json"
SCHEMA_VERSION = 1
KINDS: dict[str, str] = {
    "crf": "insource.models.fitted.crf:CrfModel",
    "labels": "insource.models.fitted.labels:LabelModel",
    "spans": "insource.models.fitted.spans.model:SpanModel",
}
"""The class of each kind, as ``module:name``: a class is imported when a model of its kind is read."""


def save(model: Fitted, folder: Path) -> None:
    """Write a fitted model into a folder. ``FILE`` comes last, so a folder without it is incomplete."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder)
    digests = {name: file_digest(folder / name) for name in _names(folder)}
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, "kind": model.kind, "files": digests})


def load(folder: Path) -> Fitted:
    """Read a fitted model.

    Raises:
        DataError: ``fitted-model-unreadable`` when files are missing, damaged, or of a later version.
    """
    try:
        head = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it has version {head['schema_version']}, and this is {SCHEMA_VERSION}")
        # Before anything is parsed: a damaged file of the tagger would end the process in native code.
        for name, digest in head.get("files", {}).items():
            if file_digest(folder / name) != digest:
                raise ValueError(f"{name} is not the file that was written")
        module, _, name = KINDS[head["kind"]].partition(":")
        model: Fitted = getattr(import_module(module), name).load(folder)
    except InsourceError:
        raise  # an extra is missing
    except Exception as error:  # whatever a damaged file makes of it
        raise DataError(
            "fitted-model-unreadable",
            f"The fitted model in {folder} cannot be read: {error}",
            hint="Fit it again: insource evaluate",
        ) from error
    return model


def _names(folder: Path) -> list[str]:
    """Return the files of a model, those of models inside it included, by their paths in the folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / FILE)
    return [path.relative_to(folder).as_posix() for path in files]

"""Every kind of fitted model, and the one way to write and read them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from zipfile import BadZipFile

from insource.foundation.errors import DataError
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
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, "kind": model.kind})


def load(folder: Path) -> Fitted:
    """Read a fitted model.

    Raises:
        DataError: ``fitted-model-unreadable`` when files are missing, damaged, or of a later version.
    """
    try:
        head = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it has version {head['schema_version']}, and this is {SCHEMA_VERSION}")
        module, _, name = KINDS[head["kind"]].partition(":")
        model: Fitted = getattr(import_module(module), name).load(folder)
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            "fitted-model-unreadable",
            f"The fitted model in {folder} cannot be read: {error}",
            hint="Fit it again: insource evaluate",
        ) from error
    return model

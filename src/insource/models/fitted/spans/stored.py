"""How the parts of a span model are kept: numbers in one npz file, everything else as JSON values."""

from __future__ import annotations

import io
from pathlib import Path as FilePath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from insource.foundation.files import write_synced
from insource.models.arrays import read_arrays
from insource.models.fitted.spans.claims import Judge
from insource.models.fitted.spans.field_model import FieldModel
from insource.models.fitted.spans.fields import Path, from_json, spelled, to_json
from insource.models.fitted.spans.judgement import Judgement
from insource.models.fitted.spans.ranking import Ranker
from insource.models.fitted.spans.rows import RowFinder


class Arrays:
    """Arrays by name; the same arrays make the same file."""

    def __init__(self, arrays: dict[str, NDArray[Any]] | None = None) -> None:
        self.by_name = arrays or {}

    def write(self, path: FilePath) -> None:
        """Write all arrays."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.by_name)
        write_synced(path, buffer.getvalue())

    @classmethod
    def read(cls, path: FilePath) -> Self:
        """Read what ``write`` wrote."""
        return cls(read_arrays(path))


def field_to(model: FieldModel, name: str, arrays: Arrays) -> dict[str, Any]:
    """Return one field's model as JSON values; its arrays get names that begin with ``name``."""
    return {
        **to_json(model.field, model.taught),
        "ranker": model.ranker and _ranker_to(model.ranker, name, arrays),
        "judgement": model.judgement and _judgement_to(model.judgement, name, arrays),
        "judge": model.judge.to_json(),
    }


def field_from(value: dict[str, Any], name: str, arrays: Arrays) -> FieldModel:
    """Read what ``field_to`` wrote."""
    found, taught = from_json(value)
    return FieldModel(
        found,
        taught,
        value["ranker"] and _ranker_from(value["ranker"], name, arrays),
        value["judgement"] and _judgement_from(value["judgement"], name, arrays),
        Judge.from_json(value["judge"]),
    )


def finder_to(path: Path, finder: RowFinder, arrays: Arrays) -> dict[str, Any]:
    """Return the finder of one list of objects as JSON values."""
    return {"path": list(path), "ranker": _ranker_to(finder.ranker, f"rows {spelled(path)}", arrays)}


def finder_from(value: dict[str, Any], arrays: Arrays) -> tuple[Path, RowFinder]:
    """Read what ``finder_to`` wrote."""
    path = tuple(value["path"])
    return path, RowFinder(_ranker_from(value["ranker"], f"rows {spelled(path)}", arrays))


def _ranker_to(ranker: Ranker, name: str, arrays: Arrays) -> dict[str, Any]:
    arrays.by_name |= {f"{name} places": ranker.places, f"{name} weights": ranker.weights}
    return {"intercept": ranker.intercept}


def _ranker_from(value: dict[str, Any], name: str, arrays: Arrays) -> Ranker:
    return Ranker(arrays.by_name[f"{name} places"], arrays.by_name[f"{name} weights"], value["intercept"])


def _judgement_to(judgement: Judgement, name: str, arrays: Arrays) -> dict[str, Any]:
    for part in ("places", "rarity", "weights", "intercepts"):
        arrays.by_name[f"{name} judged {part}"] = getattr(judgement, part)
    return {"labels": list(judgement.labels)}


def _judgement_from(value: dict[str, Any], name: str, arrays: Arrays) -> Judgement:
    parts = ("places", "rarity", "weights", "intercepts")
    return Judgement(tuple(value["labels"]), *(arrays.by_name[f"{name} judged {part}"] for part in parts))

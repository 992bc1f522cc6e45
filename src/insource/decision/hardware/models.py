"""The model of a plan: its shape by the catalogue, its configuration or its GGUF header."""

from __future__ import annotations

import json
from pathlib import Path

from insource.foundation.errors import UserError
from insource.models.catalogue import is_folder, resolve
from insource.models.gguf_metadata import ARCHITECTURE, read_header
from insource.models.known_models import KnownModel, known_models
from insource.training.planning.shape import ModelShape, gguf_keys, gguf_shape, known_shape, shape_of
from insource.types import Frozen

OUTPUT_LAYER = "output.weight"
UPPER_BOUND = {
    "lfm2": "most of its layers are convolutions, which keep no keys and values",
    "gemma": "most of its layers keep a window of the context only",
}


class PlannedModel(Frozen):
    """A model to be planned for. ``parameters`` is as stated, else as its shape has them.

    ``cache_note`` says why the cache is an upper bound, empty where it is exact.
    """

    name: str
    licence: str
    parameters: int
    shape: ModelShape
    cache_note: str = ""


def planned_model(name: str) -> PlannedModel:
    """Return the model with this name; one of the catalogue need not be on this machine.

    Raises:
        UserError: ``model-unknown``, ``model-not-found``, ``model-unreadable``.
        PrerequisiteError: ``model-not-pulled`` for a model of a hub that the catalogue does not have.
        ProviderError: ``model-not-trainable`` when it is no decoder.
    """
    known = known_models().models
    by_source = {model.source: model for model in known.values()}
    if found := known.get(name) or by_source.get(name.partition("@")[0]):
        return _of_catalogue(found)
    kind, _, rest = name.partition("/")
    config = Path(rest).expanduser() / "config.json"
    if kind == "hf" and is_folder(rest) and config.is_file():
        return _with_shape(name, _read(config))
    base = resolve(name)
    return _with_shape(name, _of_gguf(base.gguf), base.licence)


def largest_first() -> list[PlannedModel]:
    """Return the models of the catalogue, the largest first."""
    models = sorted(known_models().models.values(), key=lambda model: -model.parameters)
    return [_of_catalogue(model) for model in models]


def _of_catalogue(model: KnownModel) -> PlannedModel:
    shape = known_shape(model)
    return PlannedModel(
        name=model.name,
        licence=model.licence,
        parameters=model.parameters,
        shape=shape,
        cache_note=_note(shape.family),
    )


def _with_shape(name: str, shape: ModelShape, licence: str = "unknown") -> PlannedModel:
    return PlannedModel(
        name=name,
        licence=licence,
        parameters=shape.parameters,
        shape=shape,
        cache_note=_note(shape.family),
    )


def _note(family: str) -> str:
    return next((note for start, note in UPPER_BOUND.items() if family.startswith(start)), "")


def _read(config: Path) -> ModelShape:
    try:
        stated = json.loads(config.read_text(encoding="utf-8"))
        if not isinstance(stated, dict):
            raise ValueError("it holds no object")
    except ValueError as error:
        raise UserError(
            "model-unreadable",
            f"The file {config} cannot be read: {error}.",
            hint="Fetch the model's config.json again.",
        ) from error
    return shape_of(stated)


def _of_gguf(gguf: Path) -> ModelShape:
    architecture = read_header(gguf, (ARCHITECTURE,)).values.get(ARCHITECTURE, "")
    header = read_header(gguf, tuple(gguf_keys(architecture).values()))
    return gguf_shape(header.values, architecture, tied=OUTPUT_LAYER not in header.tensors)

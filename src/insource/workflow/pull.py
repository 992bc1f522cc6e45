"""Fetch a base model and make it ready: download, check, convert to the file that is served."""

from __future__ import annotations

from pathlib import Path

from insource.models.catalogue import EMBEDDED, BaseModel, is_folder, resolve
from insource.models.known_models import known_models
from insource.models.weights import hub
from insource.models.weights.folder import pickles


def pull_model(name: str, *, allow_pickles: bool = False) -> BaseModel:
    """Return the base model of this name, fetched if it has to be. The one place that asks a hub.

    ``allow_pickles`` converts pickled weights to safetensors, where there are no safetensors.

    Raises:
        InsourceError: as ``resolve`` and ``hub.pull``; ``hub-switched-off``.
    """
    known = known_models().models.get(name)
    source = known.source if known and name not in EMBEDDED else name
    kind, _, rest = source.partition("/")
    if kind == "hf":
        folder = Path(rest).expanduser() if is_folder(rest) else _from_hub(rest, allow_pickles=allow_pickles)
        if allow_pickles and not any(folder.glob("*.safetensors")) and pickles(folder):
            from insource.training.pickles import convert_pickles

            convert_pickles(folder.resolve())
    return resolve(name)


def _from_hub(rest: str, *, allow_pickles: bool) -> Path:
    from insource.training.offline import hub_switched_on

    with hub_switched_on():
        return hub.pull(hub.repository(rest), allow_pickles=allow_pickles)

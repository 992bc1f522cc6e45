"""Make safetensors of pickled weights, where a person asked for it by name.

PyTorch reads them with ``weights_only``: it builds tensors and refuses every other object.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from insource.foundation.errors import UserError
from insource.models.weights.folder import files, from_pickles, pickles
from insource.models.weights.wheel import require_disk_space


def convert_pickles(folder: Path) -> Path:
    """Return a folder in the cache with the same model in safetensors, made once.

    Raises:
        UserError: ``model-unreadable`` for a pickle that holds more than tensors, or is damaged.
        PrerequisiteError: ``disk-full``.
    """
    made = from_pickles(folder)
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(path.stat().st_size for path in pickles(folder)) * 2
    require_disk_space(made.parent, needed, f"Converting the pickles of {folder.name}")
    scratch = Path(tempfile.mkdtemp(dir=made.parent, prefix=".pickles-"))
    try:
        for number, path in enumerate(pickles(folder)):
            _save(_tensors(path), scratch / f"model-{number:05d}.safetensors")
        for path in (*files(folder), *folder.glob("README.md")):
            shutil.copyfile(path, scratch / path.name)
        scratch.rename(made)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return made


def _tensors(path: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise _unreadable(path, "it holds something other than named tensors")
    return found


def _save(tensors: dict[str, Any], destination: Path) -> None:
    from safetensors.torch import save_file

    # Tied weights share memory, which the format does not allow.
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, destination)


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        "model-unreadable",
        f"The pickle {path} is not read: {reason}.",
        hint="Use a release with safetensors files.",
    )

"""How a tensor of Hugging Face's layout stands in a GGUF file, found by comparing the base in both.

Converters reorder the rows of rotary projections, add one to the norms of some families, and more. Which of
it a base model's file has is not written in the file. The base is here in both layouts, so each tensor's
layout is the one that turns the one into the other; a tensor for which none does is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.export.adapter_gguf import read_base
from insource.foundation.errors import IntegrityError
from insource.models.conversion.convert import permute

Array = npt.NDArray[np.float32]
Layout = Callable[[Array], Array]

# The largest relative difference between a tensor and its own 4-bit copy; two different tensors are at 1.4.
ALIKE = 0.3


class Weights:
    """The tensors of a Hugging Face folder, each read when it is asked for. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._where: dict[str, Any] = {}

    def __enter__(self) -> Weights:
        from safetensors import safe_open

        for path in sorted(self._folder.glob("*.safetensors")):
            file = self._open.enter_context(safe_open(path, framework="pt"))
            self._where |= dict.fromkeys(file.keys(), file)
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def read(self, name: str) -> Array:
        """Return a tensor in 32 bits."""
        found: Array = self._where[name].get_tensor(name).float().numpy()
        return found


class Source(NamedTuple):
    """Where a GGUF tensor comes from: a tensor of the folder, and its layout."""

    name: str
    layout: Layout


def sources(
    base_gguf: Path, tensors: Mapping[str, Callable[[], Array]], weights: Weights
) -> dict[str, Source]:
    """Return the source of each GGUF tensor of the base that training may have changed.

    ``tensors`` reads the base's GGUF tensors by name, dequantised; ``weights`` is the base in Hugging Face's
    layout.

    Raises:
        IntegrityError: ``model-not-exportable`` for a tensor without a counterpart in the other layout.
    """
    import gguf

    base = read_base(base_gguf)
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == base.architecture)
    names = gguf.get_tensor_name_map(architecture, base.blocks)
    layouts: dict[str, Layout] = {
        "as it is": lambda array: array,
        "rows of query heads": lambda array: _permuted(array, _most(base.heads)),
        "rows of key heads": lambda array: _permuted(array, _most(base.kv_heads)),
        "one added": lambda array: array + 1,
        "without axes of length one": lambda array: array.squeeze(),
    }
    found: dict[str, Source] = {}
    # A matrix before its bias, which may be all zero and is then alike in every layout.
    for name in sorted(weights, key=lambda name: name.endswith(".bias")):
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise _not_exportable(f"llama.cpp has no place for `{name}`")
        if target not in tensors:
            if target == "output.weight":  # tied: the embedding is the output matrix
                continue
            raise _not_exportable(f"the base's file has no `{target}`")
        matrix = found.get(target.removesuffix(".bias") + ".weight")
        layout = matrix.layout if matrix else _layout(name, weights.read(name), tensors[target](), layouts)
        found[target] = Source(name, layout)
    return found


def _layout(name: str, ours: Array, theirs: Array, layouts: dict[str, Layout]) -> Layout:
    differences = {}
    for kind, layout in layouts.items():
        turned = layout(ours)
        if turned.shape == theirs.shape:
            size = float(np.linalg.norm(theirs)) or 1.0
            differences[kind] = float(np.linalg.norm(turned - theirs)) / size
    best = min(differences, key=lambda kind: differences[kind], default="")
    if not best or differences[best] > ALIKE:
        raise _not_exportable(f"`{name}` stands in the base's file in a layout that is not known here")
    return layouts[best]


def _most(heads: int | list[int]) -> int:
    """Return the number of heads; where layers differ, that of those with attention."""
    return heads if isinstance(heads, int) else max(heads)


def _permuted(array: Array, heads: int) -> Array:
    rows = array if array.ndim == 2 else array.reshape(len(array), -1)
    if not heads or len(rows) % (2 * heads):
        return array
    return permute(rows, heads).reshape(array.shape)


def _not_exportable(reason: str) -> IntegrityError:
    return IntegrityError(
        "model-not-exportable",
        f"The merged model cannot be written as GGUF: {reason}.",
        hint="Export the adapter or safetensors: insource export --to FOLDER --format adapter,merged",
    )

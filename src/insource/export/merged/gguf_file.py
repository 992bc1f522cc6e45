"""Write a GGUF file from another one: GGUF in, GGUF out, with no converter between.

Everything but the numbers is copied: architecture, vocabulary, chat template, stop tokens. So the new file is
read as the base is, whatever its family.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.export.merged.layouts import Array, Weights, sources
from insource.export.merged.quantise import FileType, file_type_of, pack, quantisable, type_of
from insource.foundation.errors import IntegrityError
from insource.models.weights.wheel import require_disk_space

# Tables that follow from the configuration; training changes none of them.
COMPUTED = ("rope_freqs", "rope_factors")
WRITTEN_ANEW = ("general.architecture", "general.file_type", "general.quantization_version")
QUANTISATION_VERSION = 2
NAME = "general.name"


class Written(NamedTuple):
    """What a file holds: its type, and how many tensors and how many matrix numbers are of which type."""

    file_type: str
    tensors: dict[str, int]
    numbers: dict[str, int]


def merged_gguf(base_gguf: Path, base_weights: Path, merged: Path, destination: Path) -> Written:
    """Write the merged model as a GGUF file of 16-bit floats.

    ``base_weights`` is the base's folder for ``from_pretrained``, ``merged`` that of the merged model.

    Raises:
        IntegrityError: ``model-not-exportable``, ``weights-not-finite``.
        PrerequisiteError: ``disk-full``, before anything is written.
    """
    base = _File(base_gguf)
    with Weights(base_weights) as before, Weights(merged) as after:
        reading = {name: (lambda name=name: base.read(name)) for name in base.tensors}
        found = sources(base_gguf, reading, before)
        missing = [n for n in base.tensors if n not in found and not n.startswith(COMPUTED)]
        lost = [source.name for source in found.values() if source.name not in after]
        if missing or lost:
            raise IntegrityError(
                "model-not-exportable",
                "The merged model cannot be written as GGUF: nothing gives "
                f"{', '.join((missing + lost)[:3])}.",
                hint="Export the adapter instead: insource export --adapter",
            )

        def read(name: str) -> Array:
            if name not in found:
                return base.read(name)
            return found[name].layout(after.read(found[name].name))

        return _write(base, read, destination, "f16")


def quantised_gguf(source: Path, destination: Path, file_type: FileType) -> Written:
    """Write a GGUF file of floats again, in another type.

    Raises:
        PrerequisiteError: ``disk-full``, before anything is written; ``missing-extra``.
    """
    file = _File(source)
    return _write(file, file.read, destination, file_type)


class _File:
    """A GGUF file that is read."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader

        self.path = path
        self._reader = GGUFReader(path)
        self.fields = self._reader.fields
        self.tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    @property
    def architecture(self) -> str:
        return str(self.fields["general.architecture"].contents())

    @property
    def blocks(self) -> int:
        return int(self.fields[f"{self.architecture}.block_count"].contents())

    def read(self, name: str) -> Array:
        """Return a tensor in 32 bits, with the shape that it has in Hugging Face's layout."""
        import gguf

        tensor = self.tensors[name]
        shape = [int(size) for size in reversed(tensor.shape)]
        array = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        return np.asarray(array, dtype=np.float32).reshape(shape)

    def types(self, file_type: FileType) -> dict[str, str]:
        """Return the type of each tensor in a file of that type; a tensor that is not packed stays F32."""
        tied = "output.weight" not in self.tensors
        return {
            name: type_of(name, int(tensor.shape[0]), file_type, self.blocks, tied=tied)
            if quantisable(name, len(tensor.shape))
            else "F32"
            for name, tensor in self.tensors.items()
        }


def _write(file: _File, read: Callable[[str], Array], destination: Path, file_type: FileType) -> Written:
    import gguf

    types = file.types(file_type)
    sizes = {name: int(np.prod(tensor.shape)) for name, tensor in file.tensors.items()}
    numbers = Counter[str]()
    for name, kind in types.items():
        if quantisable(name, len(file.tensors[name].shape)):
            numbers[kind] += sizes[name]
    found = Written(file_type_of(numbers), dict(Counter(types.values())), dict(numbers))
    bytes_ = {name: _bytes(sizes[name], kind) for name, kind in types.items()}
    require_disk_space(destination.parent, sum(bytes_.values()), f"The model as {file_type}")
    writer = gguf.GGUFWriter(destination, file.architecture)
    _copy_values(file, writer)
    writer.add_file_type(gguf.LlamaFileType[found.file_type])
    writer.add_quantization_version(QUANTISATION_VERSION)
    for name, tensor in file.tensors.items():
        shape = [int(size) for size in reversed(tensor.shape)]
        kind = gguf.GGMLQuantizationType[types[name]]
        if types[name] not in ("F32", "F16"):
            shape = list(gguf.quant_shape_to_byte_shape(shape, kind))
        writer.add_tensor_info(name, shape, _dtype(types[name]), bytes_[name], raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name in file.tensors:
        writer.write_tensor_data(_packed(name, read(name), types[name]))
    writer.close()
    return found


def _bytes(numbers: int, kind: str) -> int:
    import gguf

    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    return int(numbers // block * size)


def _dtype(kind: str) -> Any:
    return np.dtype({"F32": np.float32, "F16": np.float16}.get(kind, np.uint8))


def _packed(name: str, array: Array, kind: str) -> npt.NDArray[Any]:
    if kind == "F32":
        return np.ascontiguousarray(array, dtype=np.float32)
    rows = array.reshape(-1, array.shape[-1])
    if kind == "F16" and np.abs(rows).max(initial=0.0) > np.finfo(np.float16).max:
        raise IntegrityError(
            "weights-not-finite",
            f"A weight of `{name}` is too large for a 16-bit float.",
            hint="Train again with a smaller learning rate: set `learning_rate` in [training].",
        )
    packed = pack(rows, kind)
    return packed.reshape(*array.shape[:-1], packed.shape[-1])


def _copy_values(file: _File, writer: Any) -> None:
    import gguf

    for key, field in file.fields.items():
        if key.startswith("GGUF.") or key in WRITTEN_ANEW:
            continue
        kind = field.types[0]
        part = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        value = field.contents()
        if key == NAME:  # a folder of this machine, where the base was converted from one
            value = PurePath(value).name
        writer.add_key_value(key, value, kind, sub_type=part)

"""The types of a quantised GGUF file: which tensor gets which, and how its numbers are packed.

The mixtures are llama.cpp's, so a file is what its name says elsewhere too. K-quants pack 256 numbers of a
row together. Where a row's length is no multiple of 256, llama.cpp falls back to a type with blocks of 32,
and so does this. Source: ``llama_tensor_get_type`` and ``tensor_type_fallback`` in src/llama-quant.cpp.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from insource.foundation.cores import usable_cores
from insource.foundation.errors import missing_extra

FileType = Literal["f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m"]

# What most tensors of a file get.
USUAL: dict[FileType, str] = {
    "f16": "F16",
    "q8_0": "Q8_0",
    "q6_k": "Q6_K",
    "q5_k_m": "Q5_K",
    "q4_k_m": "Q4_K",
}
# What a file is, by the type of most of its numbers. The K-quants are mixtures, which end in M.
NAMES = {
    "F32": "ALL_F32",
    "F16": "MOSTLY_F16",
    "Q8_0": "MOSTLY_Q8_0",
    "Q6_K": "MOSTLY_Q6_K",
    "Q5_K": "MOSTLY_Q5_K_M",
    "Q4_K": "MOSTLY_Q4_K_M",
    "Q5_1": "MOSTLY_Q5_1",
    "Q5_0": "MOSTLY_Q5_0",
}
FALL_BACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
BLOCK = {"Q4_K": 256, "Q5_K": 256, "Q6_K": 256, "Q8_0": 32, "Q5_1": 32, "Q5_0": 32, "F16": 1}
MIXED: tuple[FileType, ...] = ("q4_k_m", "q5_k_m")
# Small or sensitive tensors that llama.cpp leaves as they are.
KEPT = ("_norm.weight", "ffn_gate_inp", "position_embd", "token_types", "ssm_conv1d", "shortconv.conv")
CHUNK = 2**22  # numbers quantised by one call


def quantisable(name: str, dimensions: int) -> bool:
    """Return whether a tensor's numbers may be packed: of matrices that are no norm and no special case."""
    return dimensions >= 2 and name.endswith("weight") and not any(part in name for part in KEPT)


def type_of(name: str, columns: int, file_type: FileType, blocks: int, *, tied: bool) -> str:
    """Return the type of a quantisable tensor. ``blocks`` is the number of layers.

    ``tied`` says that the model has no output matrix of its own: the embedding then gets its type.
    """
    wanted = USUAL[file_type]
    layer = int(name.split(".")[1]) if name.startswith("blk.") else 0
    if file_type == "f16":
        return wanted
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        wanted = "Q8_0" if file_type == "q8_0" or columns % BLOCK[wanted] else "Q6_K"
    elif file_type in MIXED and _is(name, "attn_v", "ffn_down") and _more_bits(layer, blocks):
        wanted = "Q6_K"
    elif file_type in MIXED and _is(name, "attn_qkv"):
        wanted = {"q4_k_m": "Q5_K", "q5_k_m": "Q6_K"}[file_type]
    if columns % BLOCK[wanted]:
        wanted = FALL_BACK.get(wanted, "F16")
    return wanted if columns % BLOCK[wanted] == 0 else "F16"


def _is(name: str, *parts: str) -> bool:
    return any(f".{part}." in name for part in parts)


def _more_bits(layer: int, layers: int) -> bool:
    """Return whether llama.cpp gives a layer more bits: the first, the last, each third."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def file_type_of(numbers: Mapping[str, int]) -> str:
    """Return what a file is (a name of ``gguf.LlamaFileType``), from the count of matrix numbers by type."""
    return NAMES[max(numbers, key=lambda kind: numbers[kind])]


def short_name(file_type: str) -> str:
    """Return the name of a file type as file names have it: ``MOSTLY_Q4_K_M`` is ``q4_k_m``."""
    return file_type.rpartition("MOSTLY_")[2].removeprefix("ALL_").lower()


def pack(matrix: npt.NDArray[np.float32], kind: str) -> npt.NDArray[Any]:
    """Return the rows of a matrix (rows, columns) in a GGUF type: float16, or bytes (rows, bytes a row).

    Raises:
        PrerequisiteError: ``missing-extra`` for a K-quant without the engine that packs it.
    """
    import gguf

    if kind == "F16":
        return matrix.astype(np.float16)
    rows, columns = matrix.shape
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    packed = np.empty((rows, columns // block * size), dtype=np.uint8)
    step = max(1, CHUNK // columns)

    def part(start: int) -> None:
        some = np.ascontiguousarray(matrix[start : start + step])
        packed[start : start + step] = _rows(some, kind, packed.shape[1])

    with ThreadPoolExecutor(usable_cores()) as threads:
        list(threads.map(part, range(0, rows, step)))
    return packed


def _rows(matrix: npt.NDArray[np.float32], kind: str, row_bytes: int) -> npt.NDArray[np.uint8]:
    import gguf

    quantize_chunk = _engine()
    rows, columns = matrix.shape
    if quantize_chunk is None:
        if BLOCK[kind] == 256:
            raise missing_extra(f"Quantising to {kind}", "serve", "xllamacpp")
        plain: npt.NDArray[np.uint8] = gguf.quants.quantize(matrix, gguf.GGMLQuantizationType[kind])
        return plain
    packed = np.empty((rows, row_bytes), dtype=np.uint8)
    written = quantize_chunk(
        gguf.GGMLQuantizationType[kind].value,
        matrix.ctypes.data_as(ctypes.c_void_p),
        packed.ctypes.data_as(ctypes.c_void_p),
        0,
        rows,
        columns,
        None,
    )
    assert written == packed.nbytes, f"{kind}: {written} bytes written, {packed.nbytes} expected"
    return packed


@cache
def _engine() -> Any:
    """Return ``ggml_quantize_chunk`` of the engine's shared library, None where it has no such function.

    ``gguf`` writes no K-quant, and llama.cpp's own tool has to be compiled.
    """
    found = find_spec("xllamacpp")
    if found is None or found.origin is None:
        return None
    library = next(Path(found.origin).parent.glob("xllamacpp*.so"), None)
    function = getattr(ctypes.CDLL(str(library)), "ggml_quantize_chunk", None) if library else None
    if function is not None:
        whole = ctypes.c_int64
        pointer = ctypes.c_void_p
        function.argtypes = [ctypes.c_int, pointer, pointer, whole, whole, whole, pointer]
        function.restype = ctypes.c_size_t
    return function

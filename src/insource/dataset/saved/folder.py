"""Write a dataset folder whole or not at all, and verify it against its digest when it is read."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import ValidationError

from insource.dataset.rows.scratch import scratch_folder, unwritable
from insource.dataset.saved.card import data_card
from insource.foundation import canonical
from insource.foundation.errors import DataError, IntegrityError
from insource.foundation.files import sync, sync_folder, write_synced
from insource.types import SPLITS, Dataset, DatasetManifest, Dropped, Example, Frozen, Split

MANIFEST = "manifest.json"
FILES = (*SPLITS, "dropped")
SHOWN = 8


def folder_name(manifest: DatasetManifest) -> str:
    """``tickets@3fa2c19b0d41``."""
    return f"{manifest.name}@{canonical.short(manifest.digest)}"


class DatasetWriter:
    """A dataset folder while it is written: examples and drops as they come, then the manifest.

    Used as a context manager; left without ``finish``, nothing of it stays. ``scratch`` is a folder on the
    file system of ``datasets_dir`` that its owner clears.
    """

    def __init__(self, datasets_dir: Path, scratch: Path) -> None:
        self._dir = datasets_dir
        self._partial = scratch / "dataset"
        self._hashes = {file: hashlib.sha256() for file in FILES}
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> Self:
        with _written(self._dir):
            self._partial.mkdir()
            for file in FILES:
                self._files[file] = (self._partial / f"{file}.jsonl").open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, split: Split, example: Example) -> None:
        self._append(split, example)

    def drop(self, dropped: Dropped) -> None:
        self._append("dropped", dropped)

    def finish(self, manifest: DatasetManifest, prepare: Callable[[str], None] = lambda name: None) -> Path:
        """Seal the folder under its digest, and return it; the same content is kept once.

        ``prepare`` is called with the folder's name when all is written, before it gets that name.
        """
        parts = {file: found.hexdigest() for file, found in self._hashes.items()}
        whole = manifest.model_copy(update={"digest": _digest(manifest, parts)})
        final = self._dir / folder_name(whole)
        if (final / MANIFEST).exists():
            check(final)
            prepare(final.name)
            with _written(final):
                os.utime(final / MANIFEST)  # it is the dataset built last, though not a new one
            return final
        with _written(final):
            for file in self._files.values():
                sync(file)
            write_synced(self._partial / "README.md", data_card(whole).encode())
            write_synced(self._partial / MANIFEST, f"{whole.model_dump_json(indent=2)}\n".encode())
            sync_folder(self._partial)
            prepare(final.name)
            shutil.rmtree(final, ignore_errors=True)  # a folder without a manifest is nobody's
            self._partial.rename(final)
            sync_folder(self._dir)
        return final

    def _append(self, file: str, value: Frozen) -> None:
        # Not canonical.dumps: the order of keys in a schema is the order of the output, and has to stay.
        line = f"{value.model_dump_json()}\n".encode()
        self._hashes[file].update(line)
        with _written(self._dir):
            self._files[file].write(line)


def find(datasets_dir: Path, name: str) -> Path:
    """Return the dataset folder that ``name`` means: a path, a folder's name, or the start of its digest.

    Raises:
        DataError: ``dataset-not-found``, ``dataset-ambiguous``.
    """
    if name and (Path(name) / MANIFEST).is_file():
        return Path(name)
    every = newest_first(datasets_dir)
    matching = [path for path in every if path.name == name or path.name.partition("@")[2].startswith(name)]
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(path.name for path in every[:SHOWN]) or "none"
    if matching:
        raise DataError(
            "dataset-ambiguous",
            f"{len(matching)} datasets start with {name!r}.",
            hint=f"Give more of the digest: {', '.join(path.name for path in matching[:SHOWN])}.",
        )
    raise DataError(
        "dataset-not-found",
        f"There is no dataset{f' {name!r}' if name else ''}. Known, newest first: {known}.",
        hint="Build it: insource dataset build",
    )


def newest_first(datasets_dir: Path) -> list[Path]:
    """Return the complete datasets, the one built last first."""
    manifests = datasets_dir.glob(f"*@*/{MANIFEST}")
    return [path.parent for path in sorted(manifests, key=lambda path: -path.stat().st_mtime_ns)]


def save(dataset: Dataset, datasets_dir: Path) -> Path:
    """Write ``<name>@<digest>/`` under ``datasets_dir`` and return it; the same content is written once.

    Raises:
        DataError: ``dataset-not-written`` when the folder cannot be written; nothing of it stays.
    """
    with (
        _written(datasets_dir),
        scratch_folder(datasets_dir) as scratch,
        DatasetWriter(datasets_dir, scratch) as writer,
    ):
        for split in SPLITS:
            for example in dataset.splits.get(split, ()):
                writer.add(split, example)
        for dropped in dataset.dropped:
            writer.drop(dropped)
        return writer.finish(dataset.manifest)


def load(path: Path) -> Dataset:
    """Read a dataset folder and check every byte of its rows and manifest against the digest.

    Raises:
        DataError: ``dataset-not-found`` when there is no complete dataset at ``path``.
        IntegrityError: ``digest-mismatch`` when the content is not what the digest names.
    """
    manifest = check(path)
    splits: dict[Split, tuple[Example, ...]] = {split: tuple(examples(path, split)) for split in SPLITS}
    with (path / "dropped.jsonl").open("rb") as lines:
        dropped = tuple(map(Dropped.model_validate_json, lines))
    return Dataset(splits=splits, dropped=dropped, manifest=manifest)


def check(path: Path) -> DatasetManifest:
    """Return the manifest of a dataset folder, once every byte beside it was found to be what it names.

    Raises:
        DataError: ``dataset-not-found``.
        IntegrityError: ``digest-mismatch``.
    """
    if not (path / MANIFEST).is_file():
        raise DataError(
            "dataset-not-found",
            f"{path} is not a complete dataset: it has no {MANIFEST}.",
            hint="Build it: insource dataset build",
        )
    try:
        manifest = DatasetManifest.model_validate_json((path / MANIFEST).read_bytes())
        parts = {file: canonical.file_digest(path / f"{file}.jsonl") for file in FILES}
    except (OSError, ValidationError) as error:
        if isinstance(error, ValidationError) and not _is_ours(path):
            raise DataError(
                "dataset-not-found",
                f"{path} is not a dataset of Insource: its {MANIFEST} is of something else.",
                hint="Name one of .insource/datasets, or build it: insource dataset build",
            ) from error
        raise _mismatch(path, f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
    if (found := _digest(manifest, parts)) != manifest.digest:
        raise _mismatch(path, f"The manifest says {manifest.digest}, the content is {found}.")
    return manifest


def examples(path: Path, split: Split) -> Iterator[Example]:
    """Yield the examples of one split as they are read; ``check`` the folder first."""
    with (path / f"{split}.jsonl").open("rb") as lines:
        yield from map(Example.model_validate_json, lines)


def _is_ours(path: Path) -> bool:
    """Return whether a folder has the name that only a writer of datasets gives."""
    return "@" in path.name


def _mismatch(path: Path, detail: str) -> IntegrityError:
    remove = f"Remove it and build it again: rm -r '{path}' && insource dataset build"
    return IntegrityError(
        "digest-mismatch",
        f"{path} is damaged or was changed after it was built.",
        hint=remove if _is_ours(path) else "Copy it again from where it was built.",
        details=(detail,),
    )


def _digest(manifest: DatasetManifest, parts: Mapping[str, str]) -> str:
    """Return the sha256 over the manifest without it and the sha256 of every file of rows."""
    # Without defaults, so that a field added later changes no digest of before.
    identity = manifest.model_copy(update={"digest": ""}).model_dump_json(exclude_defaults=True)
    return canonical.digest({"manifest": identity, "files": dict(parts)})


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error

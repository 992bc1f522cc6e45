"""Store the split of each unit beside the datasets, so that a test document never becomes training data.

A folder of segments that are only ever added. A segment is written before the dataset folder it belongs to
gets its name, as *pending*; once that folder is there it counts. So a process that dies in between leaves
both or neither. Deleting the folder is the only way to draw anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.rows.scratch import unwritable
from insource.dataset.saved.folder import MANIFEST
from insource.foundation.errors import IntegrityError
from insource.foundation.files import locked, sync_folder, write_synced

_DONE, _PENDING = ".assignments", ".pending"
_ENTRY = np.dtype([("key", "<u8"), ("split", "u1")])


class Grouping(NamedTuple):
    """What must not straddle two splits, how rows were put in order, and how that came about in words."""

    group_by: str
    order: str
    how: str


class Stored(NamedTuple):
    """The assignments so far: ``splits[i]`` is the place in ``SPLITS`` of ``keys[i]``; keys are sorted.

    Keys are of units and of single inputs, see ``row_keys``.
    """

    keys: NDArray[np.uint64] = np.zeros(0, np.uint64)
    splits: NDArray[np.int8] = np.zeros(0, np.int8)
    grouping: Grouping | None = None

    def of(self, keys: NDArray[np.uint64]) -> NDArray[np.int8]:
        """Return the split of each key, -1 where none is stored."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int8)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.splits[places], np.int8(-1))

    @property
    def digest(self) -> str:
        """The sha256 over what is stored, however many segments it is in."""
        found = hashlib.sha256(json.dumps(self.grouping).encode())
        found.update(self.keys.astype("<u8").tobytes() + self.splits.tobytes())
        return found.hexdigest()

    def plus(self, keys: NDArray[np.uint64], splits: NDArray[np.int8]) -> Stored:
        """Return the assignments with more keys, none of them stored yet."""
        both = np.r_[self.keys, keys]
        order = np.argsort(both)
        return self._replace(keys=both[order], splits=np.r_[self.splits, splits][order])


class Ledger:
    """The assignments while a dataset is built on them. Made by ``ledger``, which holds the lock."""

    def __init__(self, folder: Path | None, *, keeps: bool) -> None:
        self._folder = folder
        self._keeps = keeps
        self._pending: Path | None = None
        self.stored = Stored() if folder is None else _read(folder)

    def prepare(
        self, dataset: str, keys: NDArray[np.uint64], splits: NDArray[np.int8], grouping: Grouping | None
    ) -> None:
        """Write what is new as pending, before the folder called ``dataset`` is given its name.

        ``grouping`` is None where nothing was drawn: the next segment that was drawn says what it is.
        """
        new = self.stored.of(keys) < 0
        if self._folder is None or not self._keeps or not new.any():
            return
        entries = np.zeros(int(new.sum()), _ENTRY)
        entries["key"], entries["split"] = keys[new], splits[new]
        entries = np.unique(entries)
        body = entries.tobytes()
        head = {
            "schema_version": 1,
            "dataset": dataset,
            "entries": len(entries),
            "sha256": hashlib.sha256(body).hexdigest(),
            **(grouping._asdict() if grouping else {}),
        }
        number = 1 + max((int(path.stem) for path in self._folder.glob(f"*{_DONE}")), default=0)
        self._pending = self._folder / f"{number:06}{_PENDING}"
        try:
            write_synced(self._pending, json.dumps(head, ensure_ascii=False).encode() + b"\n" + body)
            sync_folder(self._folder)
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def confirm(self) -> None:
        """The dataset folder has its name: what is pending counts."""
        if self._pending is not None and self._folder is not None:
            _promote(self._pending)
            self._pending = None
            self.stored = _read(self._folder)


@contextmanager
def ledger(folder: Path | None, datasets_dir: Path, *, keeps: bool = True) -> Iterator[Ledger]:
    """Open the assignments in ``folder`` for this process alone; other builds wait here.

    Without a folder nothing is kept: every build draws for itself.

    Args:
        datasets_dir: where the dataset folders are, by which a segment left pending counts or does not.
        keeps: False to read assignments without adding any.

    Raises:
        DataError: ``dataset-not-written``.
        IntegrityError: ``assignments-damaged``.
    """
    if folder is None:
        yield Ledger(None, keeps=False)
        return
    if not keeps and not folder.exists():
        yield Ledger(None, keeps=False)
        return
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(folder / ".lock"))
        except OSError as error:
            raise unwritable(folder, error) from error
        if keeps:
            _recover(folder, datasets_dir)
        yield Ledger(folder, keeps=keeps)


def _recover(folder: Path, datasets_dir: Path) -> None:
    """Decide about what a killed build left: with its dataset it counts, without it is removed."""
    for left in sorted(folder.glob(f"*{_PENDING}")):
        try:
            head = json.loads(left.read_bytes().partition(b"\n")[0])
            built = (datasets_dir / str(head["dataset"]) / MANIFEST).is_file()
        except (OSError, ValueError, KeyError, TypeError):
            built = False  # torn while it was written, which is before the dataset gets its name
        if built:
            _promote(left)
        else:
            left.unlink()


def _promote(pending: Path) -> None:
    pending.rename(pending.with_suffix(_DONE))
    sync_folder(pending.parent)


def _read(folder: Path) -> Stored:
    entries, grouping = [np.zeros(0, _ENTRY)], None
    for path in sorted(folder.glob(f"*{_DONE}")):
        try:
            head_line, _, body = path.read_bytes().partition(b"\n")
            head = json.loads(head_line)
            if hashlib.sha256(body).hexdigest() != head["sha256"]:
                raise ValueError("its content is not what was written")
            entries.append(np.frombuffer(body, _ENTRY))
            if "group_by" in head:
                grouping = grouping or Grouping(head["group_by"], head["order"], head["how"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error
    found = np.concatenate(entries)
    # The first segment that names a key is the one that holds.
    keys, first = np.unique(found["key"], return_index=True)
    return Stored(keys.astype(np.uint64), found["split"][first].astype(np.int8), grouping)


def _damaged(path: Path, error: Exception) -> IntegrityError:
    return IntegrityError(
        "assignments-damaged",
        f"The stored splits in {path} are damaged: {type(error).__name__}: {error}.",
        hint="Put the file back from a backup. To draw all splits anew, test included: "
        f"rm -r '{path.parent}'",
    )

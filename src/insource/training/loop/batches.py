"""Rows in batches: their order, their padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from datasets import Dataset as HFDataset
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from insource.foundation.rng import derived_seed
from insource.training.tokenize import IGNORE, TrainingRow


class LengthGrouped(Sampler[int]):  # type: ignore[misc] # torch is not read by mypy here
    """Batches rows of similar length, in an order determined by seed and epoch alone.

    transformers' own sampler draws from the global random state. After resuming within an epoch, the rest of
    the epoch would use other rows, some of them twice and some never.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; accelerate calls this before each epoch, also after resuming."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(derived_seed(self._seed, f"training.epoch.{self._epoch}"))
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=generator))


class Shared(Sampler[int]):  # type: ignore[misc] # torch is not read by mypy here
    """Deals the rows of each batch to several processes, which take turns in taking ``share`` rows.

    A step then has the same rows as in one process. Shares are filled with the row ``blank``, which counts
    for nothing, where a batch is not a multiple of the processes.
    """

    def __init__(self, rows: LengthGrouped, batch_size: int, processes: int, blank: int) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._processes = processes
        self._blank = blank
        self.share = -(-batch_size // processes)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the rows."""
        self._rows.set_epoch(epoch)

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size) * self._processes * self.share

    def __iter__(self) -> Iterator[int]:
        order = list(self._rows)
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            for process in range(self._processes):
                dealt = batch[process :: self._processes]
                yield from dealt
                yield from [self._blank] * (self.share - len(dealt))


def blank(pad_id: int) -> TrainingRow:
    """Return a row that counts for nothing in the loss."""
    return TrainingRow("", [pad_id], [IGNORE])


class Collator:
    """Pads rows on the right. Labels are padded with ``IGNORE``, whatever the pad token is."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)

        def padded(values: list[int], fill: int) -> list[int]:
            return values + [fill] * (width - len(values))

        return {
            "input_ids": torch.tensor([padded(row["input_ids"], self.pad_id) for row in rows]),
            "attention_mask": torch.tensor([padded([1] * len(row["input_ids"]), 0) for row in rows]),
            "labels": torch.tensor([padded(row["labels"], IGNORE) for row in rows]),
        }


def token_dataset(rows: Sequence[TrainingRow]) -> HFDataset:
    """Return the rows as a dataset of ``input_ids`` and ``labels``."""
    return HFDataset.from_dict(
        {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    )

"""The parts of a batch that are computed at once, within a budget of tokens.

Activations are most of the memory of training, and a CPU gains nothing from wide batches. So a step's rows
are computed in parts whose gradients add up; the step stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from insource.training.tokenize import IGNORE

TOKENS = 1024
"""Tokens computed at once where no recipe says otherwise, with padding. A longer row is computed alone."""


def groups(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Return the rows' positions in groups of similar length, each of at most ``tokens`` with padding."""
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda row: (lengths[row], row)):
        if found and (len(found[-1]) + 1) * lengths[index] <= tokens:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def split(batch: dict[str, Any], tokens: int) -> list[dict[str, Any]]:
    """Return the batch in parts of at most ``tokens``, without columns that are only padding."""
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    return [
        {name: values[rows, : max(lengths[row] for row in rows)] for name, values in batch.items()}
        for rows in groups(lengths, tokens)
    ]


def common_prefix(batch: dict[str, Any]) -> int:
    """Return how many first tokens all rows share and none of them learns to predict.

    The last of a prompt's tokens is never part of it, because it predicts the answer's first token.
    """
    ids, labels = batch["input_ids"], batch["labels"]
    alike = ((ids == ids[0]) & (labels == IGNORE) & (batch["attention_mask"] == 1)).all(dim=0)
    learned = (labels != IGNORE).any(dim=0)
    first = learned.nonzero()[:1].flatten().tolist()
    end = min([ids.shape[1], *first]) - 1
    differs = (~alike[:end]).nonzero()[:1].flatten().tolist()
    return int(differs[0]) if differs else max(0, end)


def rows_of(batch: dict[str, Any]) -> int:
    return int(batch["input_ids"].shape[0])


def targets_of(labels: Any) -> Any:
    """Return what each position predicts: the next position's label, ``IGNORE`` at the end."""
    return torch.nn.functional.pad(labels, (0, 1), value=IGNORE)[:, 1:]

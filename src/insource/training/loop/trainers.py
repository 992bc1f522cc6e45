"""Trainers whose loss is computed at the answer's positions only.

TRL 1.16 skips the vocabulary projection of prompt positions on Triton devices only; on a CPU it projects
every position. ``CompletionSFT`` requests only the answer's logits from the model. The losses are equal and
training is faster; ``benchmarks/bench_training.py`` measures both.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from trl import SFTTrainer

from insource.training.loop.batches import LengthGrouped
from insource.training.tokenize import IGNORE


class ResumableSFT(SFTTrainer):  # type: ignore[misc] # trl ships no types
    """``SFTTrainer`` with the same batches whether or not training was interrupted."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:
        rows = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        return LengthGrouped(lengths, self.args.train_batch_size, self.args.data_seed)


class CompletionSFT(ResumableSFT):
    """A trainer that projects only the positions whose next token contributes to the loss."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        batch = dict(inputs)
        labels = batch.pop("labels")
        targets = F.pad(labels, (0, 1), value=IGNORE)[:, 1:]
        keep = targets != IGNORE
        outputs = model(**batch, logits_to_keep=keep, use_cache=False)
        total = num_items_in_batch if num_items_in_batch is not None else keep.sum()
        loss = F.cross_entropy(outputs.logits.float(), targets[keep], reduction="sum")
        loss = loss / torch.as_tensor(total).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # As in the stock trainer: the count spans all ranks, and DDP averages their gradients.
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

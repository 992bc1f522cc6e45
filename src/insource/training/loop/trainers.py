"""Trainers whose loss is computed at the answer's positions only.

TRL 1.16 skips the vocabulary projection of prompt positions on Triton devices only; on a CPU it projects
every position. ``CompletionSFT`` projects the answer's positions, and computes a step's rows in parts that
fit in memory. The losses are equal and training is faster; ``benchmarks/bench_training.py`` measures both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from trl import SFTTrainer

from insource.training.loop import micro_batches
from insource.training.loop.answers import Levers, summed_loss
from insource.training.loop.batches import LengthGrouped, Shared
from insource.training.loop.faults import ran_out_of_memory
from insource.training.loop.speed import chosen_speed
from insource.training.memory import release
from insource.training.recipe import Choice
from insource.training.tokenize import IGNORE, TrainingRow


class ResumableSFT(SFTTrainer):  # type: ignore[misc] # trl ships no types
    """``SFTTrainer`` with the same batches whether or not training was interrupted.

    ``micro_batch_tokens`` bounds the tokens computed at once, ``rows_per_step`` are the rows of all
    processes. ``narrowed`` has the choice of a smaller bound, made when a step did not fit into the memory.
    """

    micro_batch_tokens = micro_batches.TOKENS
    rows_per_step = 0
    narrowed: tuple[Choice, ...] = ()
    note: Callable[[str], None] = staticmethod(lambda text: None)

    def choose_speed(
        self, rows: Sequence[TrainingRow], pad_id: int, folder: Path, base: str
    ) -> tuple[Choice, ...]:
        """Choose how steps are computed, and return the choices. The stock loss has none."""
        return ()

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped | Shared:
        rows = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        processes, batch_size = self.accelerator.num_processes, self.rows_per_step
        if processes == 1:
            return LengthGrouped(lengths, self.args.train_batch_size, self.args.data_seed)
        *lengths, _ = lengths  # the last row is blank
        grouped = LengthGrouped(lengths, batch_size, self.args.data_seed)
        return Shared(grouped, batch_size, processes, blank=len(lengths))

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Return all rows in each process: they are few, and shares would change the mean over batches."""
        if self.accelerator.num_processes == 1:
            return super().get_eval_dataloader(eval_dataset)
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        return DataLoader(rows, batch_size=self.args.eval_batch_size, collate_fn=self.data_collator)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Compute a step in micro-batches; the first time that one does not fit, in half as wide ones."""
        model.train()
        try:
            return self._in_parts(model, inputs, num_items_in_batch)
        except (MemoryError, RuntimeError) as error:
            half = min(self.micro_batch_tokens, inputs["input_ids"].numel()) // 2
            alone = self.accelerator.num_processes == 1  # several have added up gradients already
            if (
                not alone
                or self.narrowed
                or not ran_out_of_memory(error)
                or half < inputs["input_ids"].shape[1]
            ):
                raise
        # Here, because an error in hand keeps the tensors of its frames
        self._narrow(half)
        model.zero_grad(set_to_none=True)
        release()
        return self._in_parts(model, inputs, num_items_in_batch)

    def _narrow(self, tokens: int) -> None:
        self.micro_batch_tokens = tokens
        reason = f"halved at step {self.state.global_step + 1}: a wider one did not fit into the memory"
        self.narrowed = (Choice(name="micro-batch", value=f"{tokens:,} tokens", reason=reason),)
        self.note(f"out of memory: going on with micro-batches of {tokens:,} tokens")

    def _in_parts(self, model: Any, inputs: Any, num_items_in_batch: Any) -> Any:
        parts = micro_batches.split(self._prepare_inputs(inputs), self._tokens_at_once(inputs))
        total = num_items_in_batch if num_items_in_batch is not None else _answer_tokens(inputs)
        losses = []
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)
            with nullcontext() if last else self.accelerator.no_sync(model):
                loss = self.compute_loss(model, part, num_items_in_batch=total)
                self.accelerator.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _tokens_at_once(self, inputs: Any) -> int:
        # Each forward gathers the weights of all processes, so they have to compute equally many parts
        return int(inputs["input_ids"].numel()) if self.is_fsdp_enabled else self.micro_batch_tokens


class CompletionSFT(ResumableSFT):
    """A trainer that projects only the positions whose next token contributes to the loss.

    It computes a batch in parts, in the way that ``levers`` says.
    """

    levers = Levers()

    def choose_speed(
        self, rows: Sequence[TrainingRow], pad_id: int, folder: Path, base: str
    ) -> tuple[Choice, ...]:
        """Choose how steps are computed, as measured on ``rows`` or kept in ``folder``."""
        found = chosen_speed(
            self.model,
            rows,
            tokens=self.micro_batch_tokens,
            batch_size=self.args.train_batch_size,
            pad_id=pad_id,
            folder=folder,
            base=base,
            checkpointing=self.args.gradient_checkpointing,
        )
        self.levers = found.levers
        return found.choices

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        total = num_items_in_batch if num_items_in_batch is not None else _answer_tokens(inputs)
        loss = summed_loss(model, inputs, self.levers) / torch.as_tensor(total).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # As in the stock trainer: the count spans all ranks, and DDP averages their gradients.
            loss = loss * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss


def _answer_tokens(inputs: Any) -> Any:
    return (inputs["labels"][:, 1:] != IGNORE).sum()

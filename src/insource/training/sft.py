"""Supervised fine-tuning with TRL, with the loss computed at the answer's positions only.

TRL 1.16 skips the vocabulary projection of prompt positions on Triton devices only; on a CPU it projects
every position. ``CompletionSFT`` requests only the answer's logits from the model. The losses are equal and
training is faster; ``benchmarks/bench_training.py`` measures both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from datasets import Dataset as HFDataset
from peft import LoraConfig, get_peft_model
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import SFTConfig, SFTTrainer

from insource.foundation.rng import derived_seed
from insource.models.catalogue import BaseModel
from insource.training.base import best_dtype, load_model, quiet
from insource.training.recipe import Recipe
from insource.training.tokenize import IGNORE, TrainingRow
from insource.types import TrainingPoint

Progress = Callable[[TrainingPoint], None]


class Trained(NamedTuple):
    """The result of a finished run; the adapter itself is in the folder ``adapter``."""

    adapter: Path
    steps: int
    epochs: float
    best_step: int
    best_validation_loss: float | None
    stopped: str
    dtype_reason: str


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


class Reporter(TrainerCallback):  # type: ignore[misc] # transformers ships no types for it
    """Converts the trainer's log entries to ``TrainingPoint``s."""

    def __init__(self, progress: Progress, mean_row_tokens: float, batch_size: int) -> None:
        self._progress = progress
        self._tokens_per_step = mean_row_tokens * batch_size
        self._evaluating_s = 0.0
        self._started = 0.0
        self._first_step = 0
        self._step_ended = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started = self._step_ended = time.monotonic()
        self._first_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._step_ended = time.monotonic()

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._evaluating_s += time.monotonic() - self._step_ended

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        logs = logs or {}
        if "loss" not in logs and "eval_loss" not in logs:
            return
        steps = state.global_step - self._first_step
        training_s = time.monotonic() - self._started - self._evaluating_s
        self._progress(
            TrainingPoint(
                step=state.global_step,
                epoch=round(state.epoch or 0.0, 3),
                loss=logs.get("loss"),
                validation_loss=logs.get("eval_loss"),
                learning_rate=logs.get("learning_rate"),
                tokens=round(state.global_step * self._tokens_per_step),
                tokens_per_s=steps * self._tokens_per_step / training_s if training_s > 0 else None,
            )
        )


def fine_tune(
    base: BaseModel,
    recipe: Recipe,
    train: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    *,
    pad_id: int,
    folder: Path,
    progress: Progress,
) -> Trained:
    """Train a LoRA adapter; a second call resumes from the checkpoints in ``folder``.

    Raises:
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is complete.
    """
    dtype, dtype_reason = best_dtype()
    with quiet():
        trainer = _trainer(base, recipe, train, validation, pad_id, folder, progress, dtype)
        trainer.train(resume_from_checkpoint=_last_checkpoint(folder / "checkpoints"))
    state = trainer.state
    adapter = folder / "adapter"
    trainer.model.save_pretrained(adapter)
    early = state.global_step < state.max_steps
    return Trained(
        adapter=adapter,
        steps=state.global_step,
        epochs=float(state.epoch or 0.0),
        best_step=int((state.best_model_checkpoint or f"-{state.global_step}").rpartition("-")[2]),
        best_validation_loss=state.best_metric,
        stopped="early: no improvement on validation" if early else "at the planned number of steps",
        dtype_reason=f"{str(dtype).removeprefix('torch.')}: {dtype_reason}",
    )


def _trainer(
    base: BaseModel,
    recipe: Recipe,
    train: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    pad_id: int,
    folder: Path,
    progress: Progress,
    dtype: Any,
) -> SFTTrainer:
    torch.manual_seed(recipe.seed)
    # The adapter stays in float32 on a bfloat16 base, because bfloat16 would lose small updates
    model = get_peft_model(
        load_model(base, dtype),
        LoraConfig(
            task_type="CAUSAL_LM",
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            bias="none",
            target_modules="all-linear",
        ),
    )
    mean_tokens = sum(len(row.input_ids) for row in train) / len(train)
    on_cuda = torch.cuda.is_available()
    trainer_class = ResumableSFT if on_cuda else CompletionSFT  # on CUDA, TRL's own loss skips the prompt too
    trainer = trainer_class(
        model=model,
        args=_config(recipe, folder, on_cuda=on_cuda),
        train_dataset=_hf(train),
        eval_dataset=_hf(validation),
        data_collator=Collator(pad_id),
        callbacks=[
            Reporter(progress, mean_tokens, recipe.batch_size),
            EarlyStoppingCallback(early_stopping_patience=recipe.patience),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for results
    return trainer


def _config(recipe: Recipe, folder: Path, *, on_cuda: bool) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder / "checkpoints"),
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to=[],
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=max(8, recipe.batch_size),
        max_steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        weight_decay=0.0,
        max_grad_norm=1.0,
        max_length=recipe.max_tokens,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=recipe.evaluate_every,
        save_strategy="steps",
        save_steps=recipe.evaluate_every,
        save_total_limit=2,
        restore_callback_states_from_checkpoint=True,  # otherwise a resumed run restarts its patience
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        prediction_loss_only=True,
        use_cpu=not on_cuda,
        bf16=False,  # the base already has its final type; autocast would cast the adapter
        gradient_checkpointing=on_cuda,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_cuda,
        disable_tqdm=True,
        logging_strategy="steps",
        log_level="error",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )


def _hf(rows: Sequence[TrainingRow]) -> HFDataset:
    return HFDataset.from_dict(
        {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    )


def _last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint; the trainer writes its state file last."""
    whole = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return str(newest) if newest else None

"""One run of supervised fine-tuning with TRL, from tokens to an adapter."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from insource.models.catalogue import BaseModel
from insource.training.base import best_dtype, quiet
from insource.training.loop.adapters import adapted
from insource.training.loop.batches import Collator, token_dataset
from insource.training.loop.reporter import Progress, Reporter
from insource.training.loop.trainers import CompletionSFT, ResumableSFT
from insource.training.recipe import Recipe
from insource.training.select.callback import Choosing
from insource.training.select.chooser import Chooser, by_loss
from insource.training.tokenize import TrainingRow


class Trained(NamedTuple):
    """The result of a finished run; the adapter itself is in the folder ``adapter``."""

    adapter: Path
    steps: int
    epochs: float
    best_step: int
    best_validation_loss: float | None
    stopped: str
    dtype_reason: str


def fine_tune(
    base: BaseModel,
    recipe: Recipe,
    train: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    *,
    pad_id: int,
    folder: Path,
    progress: Progress = lambda point: None,
    chooser: Chooser | None = None,
) -> Trained:
    """Train a LoRA adapter; a second call resumes from the checkpoints in ``folder``.

    ``chooser`` has the curve of earlier attempts and gets every point. Without one, the checkpoint is chosen
    by validation loss, and ``progress`` gets the points.

    Raises:
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is complete.
    """
    chooser = chooser or by_loss(folder, recipe, progress)
    dtype, dtype_reason = best_dtype()
    if chooser.left_to_train():
        with quiet():
            _train(_trainer(base, recipe, train, validation, pad_id, folder, chooser, dtype), chooser.newest)
    kept = chooser.finish()
    return Trained(
        adapter=_copied(kept.folder, folder / "adapter"),
        steps=kept.last.step,
        epochs=kept.last.epoch,
        best_step=kept.checkpoint.step,
        best_validation_loss=kept.checkpoint.validation_loss,
        stopped=kept.stopped,
        dtype_reason=f"{str(dtype).removeprefix('torch.')}: {dtype_reason}",
    )


def _train(trainer: SFTTrainer, newest: Path | None) -> None:
    """Train; the trainer and its memory end here, before finalists are scored."""
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)


def _copied(checkpoint: Path, adapter: Path) -> Path:
    """Copy the adapter of a checkpoint, without the state of its optimiser."""
    adapter.mkdir(exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(checkpoint / name, adapter / name)
    return adapter


def _trainer(
    base: BaseModel,
    recipe: Recipe,
    train: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    pad_id: int,
    folder: Path,
    chooser: Chooser,
    dtype: Any,
) -> SFTTrainer:
    model = adapted(base, recipe, dtype)
    mean_tokens = sum(len(row.input_ids) for row in train) / len(train)
    on_cuda = torch.cuda.is_available()
    trainer_class = ResumableSFT if on_cuda else CompletionSFT  # on CUDA, TRL's own loss skips the prompt too
    trainer = trainer_class(
        model=model,
        args=training_arguments(recipe, folder, on_cuda=on_cuda),
        train_dataset=token_dataset(train),
        eval_dataset=token_dataset(validation),
        data_collator=Collator(pad_id),
        callbacks=[
            Reporter(chooser.record, mean_tokens, recipe.batch_size),
            Choosing(chooser),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for results
    return trainer


def training_arguments(recipe: Recipe, folder: Path, *, on_cuda: bool) -> SFTConfig:
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
        save_total_limit=None,  # the chooser deletes them: it keeps the best by the task's metric
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

"""One run of supervised fine-tuning with TRL, from tokens to an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import EarlyStoppingCallback, PrinterCallback
from trl import SFTConfig

from insource.models.catalogue import BaseModel
from insource.training.base import best_dtype, quiet
from insource.training.loop.adapters import adapted
from insource.training.loop.batches import Collator, token_dataset
from insource.training.loop.reporter import Progress, Reporter
from insource.training.loop.trainers import CompletionSFT, ResumableSFT
from insource.training.memory import peak_memory
from insource.training.recipe import Choice, Recipe
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
    speed: tuple[Choice, ...] = ()
    peak_memory_bytes: int = 0


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
    with quiet(), peak_memory() as peak:
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
        speed=trainer.speed.choices,
        peak_memory_bytes=peak(),
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
) -> ResumableSFT:
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
            Reporter(progress, mean_tokens, recipe.batch_size),
            EarlyStoppingCallback(early_stopping_patience=recipe.patience),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for results
    trainer.choose_speed(train, pad_id, folder, base.digest)
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


def _last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint; the trainer writes its state file last."""
    whole = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    newest = max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return str(newest) if newest else None

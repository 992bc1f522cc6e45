"""One run of supervised fine-tuning with TRL, from tokens to an adapter."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import PrinterCallback
from trl import SFTConfig

from insource.models.catalogue import BaseModel
from insource.training.base import load_tokenizer, quiet
from insource.training.launch.processes import compute_in_processes
from insource.training.loop.adapters import ADAPTER, MODEL, adapted
from insource.training.loop.batches import Collator, blank, token_dataset
from insource.training.loop.faults import StopWithoutNumber, named
from insource.training.loop.reporter import Progress, Reporter
from insource.training.loop.speed import kept_choices
from insource.training.loop.trainers import CompletionSFT, ResumableSFT
from insource.training.loop.work import Computed, Reports, Work
from insource.training.memory import keep_few_kernels, peak_memory
from insource.training.recipe import Choice, Recipe
from insource.training.select.callback import Choosing
from insource.training.select.chooser import Chooser, by_loss
from insource.training.threads import waiting
from insource.training.tokenize import TrainingRow

OPTIMISERS = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
}
WAITS_S = 24 * 3600
"""How long processes wait for the first one, which waits for the scores of a checkpoint."""


class Trained(NamedTuple):
    """The result of a finished run. ``adapter`` is the folder of the adapter, or of the whole model."""

    adapter: Path
    steps: int
    epochs: float
    best_step: int
    best_validation_loss: float | None
    stopped: str
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
    progress: Progress = lambda point: None,
    chooser: Chooser | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Trained:
    """Train an adapter or the whole model; a second call resumes from the checkpoints in ``folder``.

    ``chooser`` has the curve of earlier attempts and gets every point. Without one, the checkpoint is chosen
    by validation loss, and ``progress`` gets the points. ``note`` gets each choice of how steps are computed.

    Raises:
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is complete.
        PrerequisiteError: ``out-of-memory`` when half a micro-batch does not fit either, ``disk-full``.
        ProviderError: ``loss-not-a-number``.
    """
    chooser = chooser or by_loss(folder, recipe, progress)
    computed = Computed(kept_choices(folder), 0)
    if chooser.left_to_train():
        work = Work(base, recipe, train, validation, pad_id, folder, chooser.newest)
        reports = Reports(chooser.record, chooser.after, note)
        computed = (compute if recipe.processes == 1 else compute_in_processes)(work, reports)
    kept = chooser.finish()
    return Trained(
        adapter=_copied(kept.folder, folder, base, recipe),
        steps=kept.last.step,
        epochs=kept.last.epoch,
        best_step=kept.checkpoint.step,
        best_validation_loss=kept.checkpoint.validation_loss,
        stopped=kept.stopped,
        speed=computed.speed,
        peak_memory_bytes=computed.peak_memory_bytes,
    )


def compute(work: Work, reports: Reports) -> Computed:
    """Compute the steps of a run that are left, in this process: all of them, or its part of each.

    Raises:
        PrerequisiteError, ProviderError: as ``fine_tune``.
    """
    keep_few_kernels()
    with quiet(), named(work.folder, work.recipe), peak_memory() as peak_so_far:
        trainer = _trainer(work, reports)
        value, reason = waiting()
        threads = Choice(name="threads", value=value, reason=reason)
        with trainer.accelerator.main_process_first():  # the others take what it measured
            chosen = trainer.choose_speed(work.train, work.pad_id, work.folder, work.base.digest)
        for choice in (threads, *chosen):
            reports.note(f"{choice.name}: {choice.value} ({choice.reason})")
        trainer.note = reports.note
        trainer.train(resume_from_checkpoint=str(work.newest) if work.newest else None)
        return Computed((threads, *chosen, *trainer.narrowed), peak_so_far())


def _copied(checkpoint: Path, folder: Path, base: BaseModel, recipe: Recipe) -> Path:
    """Copy what a checkpoint trained, without its optimiser's state; a whole model with its tokenizer."""
    if recipe.method == "full":
        model = folder / MODEL
        model.mkdir(exist_ok=True)
        for path in (*checkpoint.glob("*.safetensors*"), *checkpoint.glob("*config.json")):
            shutil.copyfile(path, model / path.name)
        load_tokenizer(base).save_pretrained(model)
        return model
    adapter = folder / ADAPTER
    adapter.mkdir(exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(checkpoint / name, adapter / name)
    return adapter


def _trainer(work: Work, reports: Reports) -> ResumableSFT:
    recipe, train = work.recipe, work.train
    model = adapted(work.base, recipe, getattr(torch, recipe.precision))
    mean_tokens = sum(len(row.input_ids) for row in train) / len(train)
    on_cuda = torch.cuda.is_available()
    # On CUDA, TRL's own loss skips the prompt too. Sharded weights are whole only within the model's forward.
    trainer_class = ResumableSFT if on_cuda or recipe.sharded else CompletionSFT
    trainer = trainer_class(
        model=model,
        args=training_arguments(recipe, work.folder, on_cuda=on_cuda),
        train_dataset=token_dataset([*train, blank(work.pad_id)] if recipe.processes > 1 else train),
        eval_dataset=token_dataset(work.validation),
        data_collator=Collator(work.pad_id),
        callbacks=[
            StopWithoutNumber(recipe),
            Reporter(reports.record, mean_tokens, recipe.batch_size),
            Choosing(reports.after),
        ],
    )
    trainer.micro_batch_tokens = recipe.micro_batch_tokens
    trainer.rows_per_step = recipe.batch_size
    trainer.remove_callback(PrinterCallback)  # standard output is for results
    return trainer


def training_arguments(recipe: Recipe, folder: Path, *, on_cuda: bool) -> SFTConfig:
    arguments = SFTConfig(
        output_dir=str(folder / "checkpoints"),
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to=[],
        per_device_train_batch_size=-(-recipe.batch_size // recipe.processes),
        per_device_eval_batch_size=max(8, recipe.batch_size),
        max_steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.scheduler,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        optim=OPTIMISERS[recipe.optimizer],
        max_length=recipe.max_tokens,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=recipe.evaluate_every,
        save_strategy="steps",
        save_steps=recipe.evaluate_every,
        save_total_limit=None,  # the chooser deletes them: it keeps the best by the task's metric
        prediction_loss_only=True,
        use_cpu=not on_cuda,
        ddp_backend="gloo" if "WORLD_SIZE" in os.environ and not on_cuda else None,
        fsdp=recipe.sharded,
        fsdp_config={"version": 2} if recipe.sharded else None,
        ddp_timeout=WAITS_S,
        ddp_find_unused_parameters=False,
        # A frozen base has its final type already; autocast would cast the adapters
        bf16=on_cuda and recipe.method == "full" and recipe.precision == "float32",
        gradient_checkpointing=recipe.checkpointing,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_cuda,
        disable_tqdm=True,
        logging_strategy="steps",
        logging_nan_inf_filter=False,  # it would show the mean of other losses where one is no number
        log_level="error",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several would be DataParallel, with as many times the batch
    return arguments

"""Progress of a training run, as values."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from insource.types import TrainingPoint

Progress = Callable[[TrainingPoint], None]


class Reporter(TrainerCallback):  # type: ignore[misc] # transformers ships no types for it
    """Converts the trainer's log entries to ``TrainingPoint``s."""

    def __init__(self, progress: Progress, mean_row_tokens: float, batch_size: int) -> None:
        self._progress = progress
        self._tokens_per_step = mean_row_tokens * batch_size
        self._training_s = 0.0
        self._step_began = 0.0
        self._first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._first_step = state.global_step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._training_s += time.monotonic() - self._step_began  # without evaluating, saving and scoring

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        logs = logs or {}
        if "loss" not in logs and "eval_loss" not in logs:
            return
        steps = state.global_step - self._first_step
        self._progress(
            TrainingPoint(
                step=state.global_step,
                epoch=round(state.epoch or 0.0, 3),
                loss=logs.get("loss"),
                validation_loss=logs.get("eval_loss"),
                learning_rate=logs.get("learning_rate"),
                tokens=round(state.global_step * self._tokens_per_step),
                tokens_per_s=steps * self._tokens_per_step / self._training_s if self._training_s else None,
            )
        )

"""The chooser inside the trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback


class Choosing(TrainerCallback):  # type: ignore[misc] # transformers ships no types for it
    """Asks the chooser after every complete checkpoint whether training goes on."""

    def __init__(self, after: Callable[[Path], bool]) -> None:
        self._after = after

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._after(Path(args.output_dir) / f"checkpoint-{state.global_step}"):
            control.should_training_stop = True

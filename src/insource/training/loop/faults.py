"""What goes wrong during a run, named: a loss that is no number, no memory, no disk."""

from __future__ import annotations

import errno
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from insource.foundation.errors import PrerequisiteError, ProviderError
from insource.training.preflight import out_of_memory
from insource.training.recipe import Recipe

STATE_FILE = "trainer_state.json"
_NO_MEMORY = ("can't allocate memory", "out of memory", "cannot allocate memory")
_NO_DISK = ("no space left", "os error 28", "file write failed", "pytorchstreamwriter failed")


class StopWithoutNumber(TrainerCallback):  # type: ignore[misc] # transformers ships no types for it
    """Ends the run at the first loss that is no number: what is trained after it is worthless."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        values = {name: (logs or {}).get(name) for name in ("loss", "eval_loss", "grad_norm")}
        wrong = [name for name, value in values.items() if value is not None and not math.isfinite(value)]
        if wrong:
            what, rate = wrong[0].replace("_", " "), self._recipe.learning_rate
            raise ProviderError(
                "loss-not-a-number",
                f"The {what} of step {state.global_step} is no number: the training diverged.",
                details=(f"Learning rate {rate:.2g}, {self._recipe.precision}.",),
                hint=f"Use a lower rate: insource train --learning-rate {rate / 3:.1g}\n"
                '      or exact weights: `training.precision = "float32"`. If the first loss already is no\n'
                "      number, the base model's weights are damaged: fetch them again.",
            )


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory could not be had, on a CPU or on CUDA."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)


@contextmanager
def named(folder: Path, recipe: Recipe) -> Iterator[None]:
    """Raise what the libraries say about memory and disk by its name; ``folder`` is the run's.

    Raises:
        PrerequisiteError: ``out-of-memory``, or ``disk-full`` after the checkpoint in work was removed.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if ran_out_of_memory(error):
            raise out_of_memory(recipe) from error
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or any(words in str(error).lower() for words in _NO_DISK):
            raise disk_full(folder) from error
        raise


def disk_full(folder: Path) -> PrerequisiteError:
    """Remove checkpoints that are not whole, and return the error."""
    whole, free = [], shutil.disk_usage(folder).free
    for checkpoint in folder.glob("checkpoints/checkpoint-*"):
        if _is_whole(checkpoint):
            whole.append(int(checkpoint.name.rpartition("-")[2]))
        else:
            shutil.rmtree(checkpoint, ignore_errors=True)
    goes_on = f"training goes on at step {max(whole)}" if whole else "training begins again"
    return PrerequisiteError(
        "disk-full",
        "The disk is full: a checkpoint of the training could not be written.",
        details=(f"{free / 1e6:,.0f} MB were free in {folder}.", "What was written in part is removed."),
        hint=f"Free some space and run the same command again: {goes_on}.",
    )


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True

"""Training speed on this machine: our loss against the stock trainer, same rows, same steps.

Three trainers in one run: TRL's `SFTTrainer` with its defaults (activation checkpointing on), the same
with checkpointing off, and `CompletionSFT`. All start from the same weights; their losses have to be
equal, and the ratio of tokens per second is the result. Raw row tokens, one warm-up step not counted.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from claims import Claims, parser
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, TrainerCallback
from trl import SFTTrainer

from insource.demo.documents import generate
from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.training.base import best_dtype, load_model, load_tokenizer
from insource.training.recipe import plan
from insource.training.sft import Collator, CompletionSFT, _config, _hf
from insource.training.tokenize import Row, tokenize
from insource.types import Example, JsonSchema, Provenance, Task

BATCH = 4


class Stopwatch(TrainerCallback):
    """Seconds of every step but the first, and every step's loss."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.losses: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.steps.append(time.monotonic() - self._began)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in (logs or {}):
            self.losses.append(logs["loss"])


def measure(trainer_class: type, rows: list[Row], steps: int, *, checkpointing: bool, dtype: Any) -> Any:
    """(tokens a second, losses) of one trainer over the first ``steps`` batches."""
    base = resolve(DEFAULT_MODEL)
    recipe = plan(
        examples=len(rows),
        hidden_size=576,
        longest_row_tokens=max(len(row.input_ids) for row in rows),
        seed=0,
        batch_size=BATCH,
    ).model_copy(update={"steps": steps})
    torch.manual_seed(0)
    model = get_peft_model(
        load_model(base, dtype),
        LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"),
    )
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        config = _config(recipe, Path(folder), on_cuda=False)
        config.gradient_checkpointing = config.activation_checkpointing = checkpointing
        config.eval_strategy, config.save_strategy, config.load_best_model_at_end = "no", "no", False
        trainer = trainer_class(
            model=model, args=config, train_dataset=_hf(rows), data_collator=Collator(2), callbacks=[watch]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    tokens = BATCH * sum(len(row.input_ids) for row in rows) / len(rows)
    return tokens * (steps - 1) / sum(watch.steps[1:]), watch.losses


def main() -> None:
    options = parser(__doc__).parse_args()
    steps = 4 if options.quick else 12
    task = Task(name="s", instruction=INSTRUCTION, output=JsonSchema(definition=SCHEMA))
    examples = [
        Example(
            row_id=row["id"],
            digest="",
            input=row["input"],
            target=json.dumps(row["output"], separators=(",", ":"), ensure_ascii=False),
            provenance=Provenance(source="generated"),
        )
        for row in generate({"train": BATCH * steps}, 0)
    ]
    rows = tokenize(load_tokenizer(resolve(DEFAULT_MODEL)), task, examples)
    claims = Claims()
    stock, _ = measure(SFTTrainer, rows, steps, checkpointing=True, dtype=torch.float32)
    plain, plain_losses = measure(SFTTrainer, rows, steps, checkpointing=False, dtype=torch.float32)
    ours, our_losses = measure(CompletionSFT, rows, steps, checkpointing=False, dtype=torch.float32)
    claims.add("stock SFTTrainer, its defaults, float32", stock, "tokens/s")
    claims.add("stock SFTTrainer, no checkpointing, float32", plain, "tokens/s")
    claims.add("CompletionSFT, float32", ours, "tokens/s")
    gap = max(abs(a - b) for a, b in zip(plain_losses, our_losses, strict=True))
    claims.add("largest difference of a step's loss from stock", gap, "nats", at_most=1e-4)
    claims.add("times stock with its defaults", ours / stock, "x", at_least=1.5)
    claims.add("times stock without checkpointing", ours / plain, "x", at_least=1.5)
    dtype, reason = best_dtype()
    fast, _ = measure(CompletionSFT, rows, steps, checkpointing=False, dtype=dtype)
    claims.add(f"CompletionSFT as used here ({reason})", fast, "tokens/s")
    claims.add("as used here, times stock with its defaults", fast / stock, "x", at_least=2)
    claims.write(options.json)


if __name__ == "__main__":
    main()

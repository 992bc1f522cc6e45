"""Training speed on this machine: our loss against the stock trainer, same batches, same steps.

Three trainers in one run: TRL's `SFTTrainer` with its defaults (activation checkpointing on), the same
with checkpointing off, and `CompletionSFT`. All start from the same weights and get the same batches in
the same order (`ResumableSFT` is the stock trainer with our order), which is checked; their losses have
to be equal, and the ratio of tokens per second is the result. Tokens without padding; the first step is a
warm-up and not counted.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from claims import Claims, parser
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, TrainerCallback

from insource.config.training import TrainingSection
from insource.demo.documents import generate
from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.training.base import best_dtype, load_model, load_tokenizer, unpacked
from insource.training.loop.batches import Collator, token_dataset
from insource.training.loop.fine_tune import training_arguments
from insource.training.loop.trainers import CompletionSFT, ResumableSFT
from insource.training.planning.data import facts_of
from insource.training.planning.machine import this_machine
from insource.training.planning.shape import shape_of
from insource.training.recipe import plan
from insource.training.tokenize import TrainingRow, tokenize
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


class BatchRecord(Collator):
    """Keeps what it was given: the token ids of every batch, in order."""

    def __init__(self, pad_id: int) -> None:
        super().__init__(pad_id)
        self.batches: list[list[list[int]]] = []

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        self.batches.append([row["input_ids"] for row in rows])
        return super().__call__(rows)


class Measured(NamedTuple):
    tokens_per_s: float
    losses: list[float]
    batches: list[list[list[int]]]


def measure(
    trainer_class: type, rows: list[TrainingRow], steps: int, *, checkpointing: bool, dtype: Any
) -> Measured:
    """One trainer over the first ``steps`` batches."""
    base = resolve(DEFAULT_MODEL)
    recipe = plan(
        data=facts_of(rows, ()),
        shape=shape_of(json.loads((unpacked(base) / "config.json").read_text(encoding="utf-8"))),
        machine=this_machine(),
        seed=0,
        section=TrainingSection(batch_size=BATCH),
    ).model_copy(update={"steps": steps})
    torch.manual_seed(0)
    model = get_peft_model(
        load_model(base, dtype),
        LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"),
    )
    watch, record = Stopwatch(), BatchRecord(2)
    with tempfile.TemporaryDirectory() as folder:
        config = training_arguments(recipe, Path(folder), on_cuda=False)
        config.gradient_checkpointing = config.activation_checkpointing = checkpointing
        config.eval_strategy, config.save_strategy, config.load_best_model_at_end = "no", "no", False
        trainer = trainer_class(
            model=model,
            args=config,
            train_dataset=token_dataset(rows),
            data_collator=record,
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    tokens = sum(len(ids) for batch in record.batches[1:steps] for ids in batch)
    return Measured(tokens / sum(watch.steps[1:]), watch.losses, record.batches[:steps])


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
    stock = measure(ResumableSFT, rows, steps, checkpointing=True, dtype=torch.float32)
    plain = measure(ResumableSFT, rows, steps, checkpointing=False, dtype=torch.float32)
    ours = measure(CompletionSFT, rows, steps, checkpointing=False, dtype=torch.float32)
    dtype, reason = best_dtype()
    fast = measure(CompletionSFT, rows, steps, checkpointing=False, dtype=dtype)
    if not stock.batches == plain.batches == ours.batches == fast.batches:
        raise SystemExit("The trainers had different batches: their losses and speeds compare nothing.")
    claims.add("stock SFTTrainer, its defaults, float32", stock.tokens_per_s, "tokens/s")
    claims.add("stock SFTTrainer, no checkpointing, float32", plain.tokens_per_s, "tokens/s")
    claims.add("CompletionSFT, float32", ours.tokens_per_s, "tokens/s")
    gap = max(abs(a - b) for a, b in zip(plain.losses, ours.losses, strict=True))
    claims.add("largest difference of a step's loss from stock", gap, "nats", at_most=1e-4)
    for name, other in (("with its defaults", stock), ("without checkpointing", plain)):
        claims.add(f"times stock {name}", ours.tokens_per_s / other.tokens_per_s, "x", at_least=1.5)
    claims.add(f"CompletionSFT as used here ({reason})", fast.tokens_per_s, "tokens/s")
    times = fast.tokens_per_s / stock.tokens_per_s
    claims.add("as used here, times stock with its defaults", times, "x", at_least=2)
    claims.write(options.json)


if __name__ == "__main__":
    main()

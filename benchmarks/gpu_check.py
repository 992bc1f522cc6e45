"""Training on one CUDA card, in ten minutes at most and offline: LoRA, QLoRA and full fine-tuning.

Two base models: the embedded one, and a random one of a billion parameters with Qwen3's architecture, made
here. For each method: tokens per second by Insource and by TRL's stock `SFTTrainer` on the same rows in the
same run (median of the steps after the first two), peak memory against the plan, and the parity of the
export. A part that does not begin within `--minutes` reads *not measured*, as everything does without a card.

`--cpu-smoke` runs the same code on a CPU with a random model of two layers: it shows that the script works,
and its figures mean nothing.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from bench_training import TASK, training_examples
from claims import Claims, parser
from transformers import PrinterCallback, Qwen3Config, Qwen3ForCausalLM, TrainerCallback
from trl import SFTConfig, SFTTrainer

from insource.arms.local import Local
from insource.config.serving import ServingSection
from insource.config.training import Method, TrainingSection
from insource.export.adapter_gguf import ADAPTER_FILE, write_adapter
from insource.export.merged.gguf_file import merged_gguf
from insource.export.parity import check_parity
from insource.export.stage import MODEL_FILE
from insource.foundation.errors import InsourceError
from insource.models.catalogue import DEFAULT_MODEL, BaseModel, resolve
from insource.training.base import load_tokenizer, quiet, tokenizer_alone, unpacked
from insource.training.loop.adapters import adapted
from insource.training.loop.batches import Collator, token_dataset
from insource.training.loop.fine_tune import Trained, fine_tune
from insource.training.memory import peak_memory, release
from insource.training.planning.data import facts_of
from insource.training.planning.machine import this_machine
from insource.training.prepare import base_shape
from insource.training.recipe import Recipe, plan
from insource.training.tokenize import TrainingRow, tokenize
from insource.types import Example, TrainingPoint

METHODS: tuple[Method, ...] = ("lora", "qlora", "full")
WARM_UP = 2
ANSWER_TOKENS = 48
BILLION = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 20,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
TINY = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


class Sizes(NamedTuple):
    """How much is measured: rows a step, steps, prompts of the parity gate."""

    batch: int
    steps: int
    prompts: int


class StepTimes(TrainerCallback):
    """Seconds of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.monotonic() - self._began)


def random_model(embedded: BaseModel, folder: Path, sizes: tuple[tuple[str, int], ...]) -> BaseModel:
    """A random Qwen3 of these sizes with the embedded model's tokenizer, converted as a local folder is."""
    tokenizer = tokenizer_alone(embedded)
    torch.manual_seed(0)
    config = Qwen3Config(
        **dict(sizes),
        vocab_size=len(tokenizer),
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return resolve(f"hf/{folder}")


def recipe_of(method: Method, base: BaseModel, rows: Sequence[TrainingRow], sizes: Sizes) -> Recipe:
    section = TrainingSection(
        method=method, batch_size=sizes.batch, steps=sizes.steps, evaluate_every=sizes.steps, patience=0
    )
    return plan(
        data=facts_of(rows, rows[:2]), shape=base_shape(base), machine=this_machine(), seed=0, section=section
    )


def ours(base: BaseModel, recipe: Recipe, rows: Sequence[TrainingRow], folder: Path) -> tuple[float, Trained]:
    """Insource's median seconds a step, as its own curve gives them, and what it trained."""
    times: list[float] = []

    def progress(point: TrainingPoint) -> None:
        if point.loss is not None:
            times.append(time.monotonic())

    pad_id = load_tokenizer(base).pad_token_id
    folder.mkdir()
    trained = fine_tune(base, recipe, rows, rows[:2], pad_id=pad_id, folder=folder, progress=progress)
    seconds = [after - before for before, after in pairwise(times)]
    return statistics.median(seconds[WARM_UP - 1 :]), trained


def stock(base: BaseModel, recipe: Recipe, rows: Sequence[TrainingRow], folder: Path) -> tuple[float, int]:
    """The stock trainer's median seconds a step and its peak memory, with its defaults, on the same rows."""
    on_cuda, watch = torch.cuda.is_available(), StepTimes()
    config = SFTConfig(
        output_dir=str(folder),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch_size,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=not on_cuda,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )
    tokenizer = load_tokenizer(base)
    with quiet(), peak_memory() as peak:
        trainer = SFTTrainer(
            model=adapted(base, recipe, getattr(torch, recipe.precision)),
            args=config,
            train_dataset=token_dataset(rows),
            data_collator=Collator(tokenizer.pad_token_id),
            processing_class=tokenizer,
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        most = peak()
    del trainer
    release()
    return statistics.median(watch.seconds[WARM_UP:]), most


def parity(base: BaseModel, trained: Path, prompts: Sequence[Example], folder: Path, method: Method) -> float:
    """The share of answer tokens on which the served export agrees with the trained model."""
    folder.mkdir()
    if method == "full":
        file = folder / MODEL_FILE
        merged_gguf(base.gguf, unpacked(base), trained, file)
    else:
        file = folder / ADAPTER_FILE
        write_adapter(trained, base.gguf, file)
    local = Local(TASK, base, None, ServingSection(context_tokens=2048), ANSWER_TOKENS, print)
    with local.of(file).serve("parity", 0) as served:
        return check_parity(base, trained, served.model, TASK, prompts, ANSWER_TOKENS).token_agreement


def check(claims: Claims, base: BaseModel, method: Method, sizes: Sizes, folder: Path) -> None:
    """State speed, memory and parity of one method on one base model."""
    examples = training_examples(sizes.batch * sizes.steps)
    rows = tokenize(load_tokenizer(base), TASK, examples)
    recipe = recipe_of(method, base, rows, sizes)
    name = f"{base.name.rpartition('/')[2]}, {method}"
    tokens = recipe.batch_size * sum(len(row.input_ids) for row in rows) / len(rows)
    seconds, trained = ours(base, recipe, rows, folder / "ours")
    claims.add(f"{name}: Insource", tokens / seconds, "tokens/s")
    claims.add(f"{name}: peak memory", trained.peak_memory_bytes / 1e9, "GB")
    claims.add(f"{name}: planned memory", recipe.memory.total / 1e9, "GB")
    error = abs(recipe.memory.total / trained.peak_memory_bytes - 1)
    claims.add(f"{name}: plan off by", 100 * error, "%", at_most=25)
    release()
    theirs, peak = stock(base, recipe, rows, folder / "stock")
    claims.add(f"{name}: stock TRL", tokens / theirs, "tokens/s")
    claims.add(f"{name}: stock TRL, peak memory", peak / 1e9, "GB")
    claims.add(f"{name}: times stock", theirs / seconds, "x", at_least=1)
    try:
        agreed = parity(base, trained.adapter, examples[: sizes.prompts], folder / "export", method)
    except InsourceError as error_:
        print(f"  {error_.code}: {error_.message} {' '.join(error_.details)}")
        agreed = 0.0
    claims.add(f"{name}: export, equal tokens", 100 * agreed, "%", at_least=97)


def models(*, smoke: bool, folder: Path) -> dict[str, Callable[[], BaseModel]]:
    """Functions that make the base models, by name. What is made of them is gone with ``folder``."""
    embedded = resolve(DEFAULT_MODEL)
    os.environ["INSOURCE_CACHE"] = str(folder / "cache")
    sizes = {"random-tiny": TINY} if smoke else {"random-1b": BILLION}
    random = {
        name: cache(partial(random_model, embedded, folder / name, tuple(each.items())))
        for name, each in sizes.items()
    }
    return random if smoke else {DEFAULT_MODEL: lambda: embedded, **random}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--cpu-smoke", action="store_true", help="a tiny model on a CPU; no measurement")
    options.add_argument("--minutes", type=float, default=8.0, help="begin no part after these")
    given = options.parse_args()
    claims, smoke, on_cuda = Claims(), given.cpu_smoke, torch.cuda.is_available()
    sizes = Sizes(2, 4, 2) if smoke else Sizes(16, 8 if given.quick else 12, 8)
    ends = time.monotonic() + 60 * given.minutes
    if on_cuda and not smoke:
        print(torch.cuda.get_device_name())
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as made:
        folder = Path(made)
        for name, base in models(smoke=smoke, folder=folder).items():
            for method in METHODS:
                works = on_cuda or (smoke and method != "qlora")
                if not works or time.monotonic() > ends:
                    claims.add(f"{name}, {method}: Insource", None, "tokens/s")
                    continue
                scratch = folder / f"{name}-{method}"
                scratch.mkdir()
                check(claims, base(), method, sizes, scratch)
    claims.write(given.json)


if __name__ == "__main__":
    main()

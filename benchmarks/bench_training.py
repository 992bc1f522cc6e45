"""Training speed on this machine: Insource against the stock trainer, same rows, same steps, equal losses.

TRL's `SFTTrainer` with its defaults (activation checkpointing; autocast to bfloat16 unless float32 is asked
for), the same tuned by hand (no checkpointing, the base's weights in the type measured), and Insource. All
start from the same weights and get the same batches in the same order (`ResumableSFT` is the stock trainer
with our order), which is checked. In float32 their losses have to be equal; in bfloat16 the field accuracy
on 200 documents has to be equal within its interval (`trained_alike.py`; not with `--quick`). Speeds are
medians of three repeats in alternation, in tokens without padding and in rows; the first step is a warm-up.
A second table adds one lever after the other.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from claims import Claims, parser
from peft import LoraConfig, get_peft_model
from trained_alike import compare_trained
from transformers import PrinterCallback, TrainerCallback

from insource.config.training import TrainingSection
from insource.demo.documents import generate
from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.training.base import load_model, load_tokenizer, quiet, unpacked
from insource.training.loop import speed
from insource.training.loop.answers import Levers
from insource.training.loop.batches import Collator, token_dataset
from insource.training.loop.fine_tune import training_arguments
from insource.training.loop.micro_batches import TOKENS, groups
from insource.training.loop.trainers import CompletionSFT, ResumableSFT
from insource.training.memory import peak_memory, release
from insource.training.planning.data import facts_of
from insource.training.planning.machine import this_machine
from insource.training.planning.shape import shape_of
from insource.training.recipe import plan
from insource.training.tokenize import TrainingRow, tokenize
from insource.types import Example, JsonSchema, Provenance, Task

BATCH, WHOLE = 4, 1_000_000
TASK = Task(name="s", instruction=INSTRUCTION, output=JsonSchema(definition=SCHEMA))
LADDER = (
    ("answers' logits only", Levers()),
    ("+ eager attention", Levers("eager")),
    ("+ loss made in place", Levers("eager", loss_in_place=True)),
    ("+ adapters with their layer", Levers("eager", True, fused_adapters=True)),
    ("+ prefix computed once", Levers("eager", True, True, shared_prefix=True)),
    ("adapters in the base's type, no prefix", Levers("eager", True, True, low_adapters=True)),
)
WITHOUT_PREFIX, WITH_PREFIX, LOW = (levers for _, levers in LADDER[-3:])


class Way(NamedTuple):
    """One way to train. ``levers`` None: the stock loss."""

    name: str
    dtype: Any
    levers: Levers | None = None
    checkpointing: bool = False
    autocast: bool = False
    tokens: int = TOKENS


class Measured(NamedTuple):
    tokens_per_s: float
    rows_per_s: float
    losses: list[float]
    batches: list[list[list[int]]]
    peak_bytes: int


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


def adapted(dtype: Any) -> Any:
    """The embedded model with new adapters, the same each time."""
    torch.manual_seed(0)
    model = load_model(resolve(DEFAULT_MODEL), dtype)
    return get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear")
    )


def trainer_of(way: Way, rows: Sequence[TrainingRow], steps: int, folder: Path, **given: Any) -> Any:
    base = resolve(DEFAULT_MODEL)
    recipe = plan(
        data=facts_of(rows, ()),
        shape=shape_of(json.loads((unpacked(base) / "config.json").read_text(encoding="utf-8"))),
        machine=this_machine(),
        seed=0,
        section=TrainingSection(batch_size=BATCH),
    ).model_copy(update={"steps": steps})
    config = dataclasses.replace(  # made anew: transformers reads these settings only then
        training_arguments(recipe, folder, on_cuda=False),
        gradient_checkpointing=way.checkpointing,
        activation_checkpointing=way.checkpointing,
        bf16=way.autocast,
        eval_strategy="no",
        save_strategy="no",
    )
    model = adapted(way.dtype)
    trainer = (CompletionSFT if way.levers else ResumableSFT)(
        model=model, args=config, train_dataset=token_dataset(rows), **given
    )
    if way.levers:
        speed.apply(model, way.levers)
        trainer.levers, trainer.micro_batch_tokens = way.levers, way.tokens
    trainer.remove_callback(PrinterCallback)
    return trainer


def measure(way: Way, rows: Sequence[TrainingRow], steps: int) -> Measured:
    """One trainer over the first ``steps`` batches."""
    watch, record = Stopwatch(), BatchRecord(2)
    with quiet(), tempfile.TemporaryDirectory() as folder, peak_memory() as peak:
        trainer = trainer_of(way, rows, steps, Path(folder), data_collator=record, callbacks=[watch])
        trainer.train()
        most = peak()
    del trainer
    release()
    counted = record.batches[1:steps]
    seconds = sum(watch.steps[1:])
    tokens = sum(len(ids) for batch in counted for ids in batch)
    done = sum(len(batch) for batch in counted)
    return Measured(tokens / seconds, done / seconds, watch.losses, record.batches[:steps], most)


def repeated(
    ways: Sequence[Way], rows: Sequence[TrainingRow], steps: int, repeats: int
) -> dict[str, list[Measured]]:
    """Measure the ways in alternation; all have to get the same batches."""
    found: dict[str, list[Measured]] = {way.name: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            one = measure(way, rows, steps)
            found[way.name].append(one)
            print(f"  {way.name}: {one.tokens_per_s:.0f} tokens/s, losses {one.losses}", flush=True)
    batches = [one.batches for each in found.values() for one in each]
    if any(other != batches[0] for other in batches):
        raise SystemExit("The trainers had different batches: their losses and speeds compare nothing.")
    return found


def state(claims: Claims, kind: str, found: dict[str, list[Measured]]) -> dict[str, float]:
    """State the speed of each way; return the median tokens per second."""
    medians = {}
    for name, each in found.items():
        speeds = [one.tokens_per_s for one in each]
        medians[name] = statistics.median(speeds)
        spread = f" ({min(speeds):.0f} to {max(speeds):.0f})" if len(speeds) > 1 else ""
        claims.add(f"{kind}, {name}{spread}", medians[name], "tokens/s")
        claims.add(f"{kind}, {name}: rows", statistics.median(one.rows_per_s for one in each), "rows/s")
        peak = max(one.peak_bytes for one in each) / 1e9
        claims.add(f"{kind}, {name}: peak memory", peak, "GB", at_most=4 if name == "Insource" else None)
    return medians


def chosen(claims: Claims, kind: str, dtype: Any, rows: Sequence[TrainingRow]) -> Levers:
    """The levers that a run would choose here, with the time that choosing takes."""
    batch = speed.typical(rows, TOKENS, BATCH, 2)
    began = time.monotonic()
    found = speed.measure(adapted(dtype), batch)
    claims.add(f"{kind}, choosing how to compute", time.monotonic() - began, "s")
    for choice in found.choices:
        print(f"  {choice.name}: {choice.value} ({choice.reason})", flush=True)
    return found.levers


def ladder(
    claims: Claims, kind: str, dtype: Any, rows: Sequence[TrainingRow], sizes: tuple[int, int]
) -> None:
    """What each lever gives, on top of those before it."""
    steps, repeats = sizes
    ways = [Way(name, dtype, levers) for name, levers in LADDER]
    medians = state(claims, f"{kind} levers", repeated(ways, rows, steps, repeats))
    for before, after in pairwise(ways):
        ratio = medians[after.name] / medians[before.name]
        claims.add(f"{kind} levers, {after.name}: times the line before", ratio, "x")
    whole = [
        Way("whole batches", dtype, WITHOUT_PREFIX, tokens=WHOLE),
        Way("in parts", dtype, WITHOUT_PREFIX),
    ]
    medians = state(claims, f"{kind} levers", repeated(whole, rows, steps, repeats))
    claims.add(f"{kind} levers, in parts: times whole", medians["in parts"] / medians["whole batches"], "x")


def long_prefix(claims: Claims, kind: str, dtype: Any, rows: Sequence[TrainingRow], steps: int) -> None:
    """A prefix is worth computing once where it is long: the same rows behind 300 shared tokens."""
    shared = (rows[0].input_ids * 3)[:300]
    longer = [TrainingRow(r.row_id, shared + r.input_ids, [-100] * 300 + r.labels) for r in rows]
    ways = [Way("with every row", dtype, WITHOUT_PREFIX), Way("computed once", dtype, WITH_PREFIX)]
    medians = state(claims, f"{kind}, 300 shared tokens", repeated(ways, longer, steps, 1))
    ratio = medians["computed once"] / medians["with every row"]
    claims.add(f"{kind}, 300 shared tokens: computed once, times", ratio, "x")


def padding(claims: Claims, rows: Sequence[TrainingRow]) -> None:
    """What length grouping and parts save, by counting."""

    def computed(lengths: Sequence[int], tokens: int) -> float:
        total = 0
        for start in range(0, len(lengths), BATCH):
            batch = lengths[start : start + BATCH]
            total += sum(len(part) * max(batch[row] for row in part) for part in groups(batch, tokens))
        return total / sum(lengths)

    lengths = [len(row.input_ids) for row in rows]
    claims.add("computed tokens per real token, rows as they come", computed(lengths, WHOLE), "x")
    claims.add("… in batches of similar length", computed(sorted(lengths), WHOLE), "x")
    claims.add("… and in parts", computed(sorted(lengths), TOKENS), "x")


def training_examples(count: int) -> list[Example]:
    """Generated specifications of the demo with their answers."""
    return [
        Example(
            row_id=row["id"],
            digest="",
            input=row["input"],
            target=json.dumps(row["output"], separators=(",", ":"), ensure_ascii=False),
            provenance=Provenance(source="generated"),
        )
        for row in generate({"train": count}, 0)
    ]


def training_rows(count: int) -> list[TrainingRow]:
    return tokenize(load_tokenizer(resolve(DEFAULT_MODEL)), TASK, training_examples(count))


def against_stock(
    claims: Claims, kind: str, dtype: Any, rows: Sequence[TrainingRow], sizes: tuple[int, int]
) -> dict[str, float]:
    bf16 = dtype == torch.bfloat16
    ways = [
        Way("stock defaults", torch.float32, checkpointing=True, autocast=bf16),
        Way("stock tuned", dtype),
        Way("Insource", dtype, chosen(claims, kind, dtype, rows)),
    ]
    if bf16:
        ways.append(Way("Insource, adapters in bfloat16", dtype, LOW))
    found = repeated(ways, rows, *sizes)
    medians = state(claims, kind, found)
    if not bf16:
        pairs = zip(found["stock tuned"][0].losses, found["Insource"][0].losses, strict=True)
        gap = max(abs(stock - ours) for stock, ours in pairs)
        claims.add("largest difference of a step's loss from stock", gap, "nats", at_most=1e-4)
    targets = {"stock defaults": 6.0 if bf16 else 3.0, "stock tuned": 2.0}
    for name, target in targets.items():
        claims.add(f"{kind}, times {name}", medians["Insource"] / medians[name], "x", at_least=target)
    return medians


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--only", choices=["stock", "levers", "trained"], help="one of the three parts")
    options = arguments.parse_args()
    parts = [options.only] if options.only else ["stock", "levers", "trained"]
    sizes = (3, 1) if options.quick else (6, 3)
    rows = training_rows(BATCH * sizes[0])
    claims = Claims()
    kinds = [("float32", torch.float32)]
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        kinds.insert(0, ("bfloat16", torch.bfloat16))
    if "stock" in parts:
        found = {kind: against_stock(claims, kind, dtype, rows, sizes) for kind, dtype in kinds}
        if len(kinds) == 2:
            ratio = found["bfloat16"]["Insource"] / found["float32"]["stock defaults"]
            claims.add("bfloat16, times stock in float32, without autocast", ratio, "x", at_least=5)
        for name in ("LLaMA-Factory", "Unsloth's CPU path"):
            claims.add(f"{name}: not installed here", None, "tokens/s")
    if "levers" in parts:
        for kind, dtype in kinds:
            ladder(claims, kind, dtype, rows, sizes)
            long_prefix(claims, kind, dtype, rows, sizes[0])
        padding(claims, rows)
    if "trained" in parts and not options.quick and len(kinds) == 2:
        compare_trained(
            claims, TASK, trainer_of, Way("stock tuned", torch.bfloat16), Way("low", torch.bfloat16, LOW)
        )
    claims.write(options.json)


if __name__ == "__main__":
    main()

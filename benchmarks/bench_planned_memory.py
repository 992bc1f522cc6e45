"""Peak memory of training on a CPU beside its plan: rows of one length, and rows of many.

SmolLM2-135M by LoRA, as a run trains it; made rows of up to 256 tokens, two fifths of them learned, in
micro-batches of four. The plan counts the matrices of eager attention; a run that measures SDPA to be faster
takes less. Each run has a process of its own, because its peak is the resident
memory of the whole process. The last run has the caches of compiled kernels that oneDNN and ideep keep by
default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from claims import Claims, parser

from insource.config.training import TrainingSection
from insource.foundation.rng import generator
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.training.memory import KERNELS
from insource.training.planning.data import facts_of
from insource.training.planning.machine import this_machine
from insource.training.prepare import base_shape
from insource.training.recipe import plan
from insource.training.tokenize import IGNORE, TrainingRow

CHILD = "INSOURCE_BENCH_CHILD"
LONGEST, BATCH, ROWS = 256, 4, 200
DEFAULTS = dict.fromkeys(KERNELS, "1024")
GIB = 2**30


def row(number: int, length: int) -> TrainingRow:
    """One made row; its ids are ordinary tokens of the vocabulary."""
    ids = generator(number, "planned memory").integers(300, 40_000, size=length).tolist()
    prompt = length * 3 // 5
    return TrainingRow(f"r{number}", ids, [IGNORE] * prompt + ids[prompt:])


def made_rows(varied: bool) -> list[TrainingRow]:
    """The rows of a run; the first is the longest."""
    shares = generator(0, "lengths").uniform(0.55, 1.0, size=ROWS)
    lengths = [LONGEST, *(round(LONGEST * share) for share in shares[1:])]
    return [row(number, lengths[number] if varied else LONGEST) for number in range(ROWS)]


def child(varied: bool, steps: int) -> None:
    """Train in this process; print the planned and the taken bytes, and tokens per second."""
    from insource.training.loop.fine_tune import fine_tune

    base, rows, speeds = resolve(DEFAULT_MODEL), made_rows(varied), [0.0]
    recipe = plan(
        data=facts_of(rows, rows[:4]),
        shape=base_shape(base),
        machine=this_machine(),
        seed=0,
        section=TrainingSection(
            batch_size=BATCH,
            steps=steps,
            evaluate_every=10,
            patience=0,
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        trained = fine_tune(
            base,
            recipe,
            rows,
            rows[:4],
            pad_id=0,
            folder=Path(folder),
            progress=lambda point: speeds.append(point.tokens_per_s or speeds[-1]),
        )
    attention = next(choice.value for choice in trained.speed if choice.name == "attention")
    print(json.dumps([recipe.memory.total, trained.peak_memory_bytes, speeds[-1], attention]))


def measured(varied: bool, steps: int, environment: dict[str, str]) -> tuple[float, float, float, str]:
    """Run ``child`` in a process of its own."""
    order = json.dumps([varied, steps])
    out = subprocess.check_output(
        [sys.executable, __file__], env=os.environ | environment | {CHILD: order}, text=True
    )
    planned, taken, speed, attention = json.loads(out.splitlines()[-1])
    return planned, taken, speed, attention


def main(arguments: Any) -> None:
    claims, steps = Claims(), 30 if arguments.quick else 70
    for name, varied, environment, bound in (
        ("rows of one length", False, {}, 1.15),
        ("rows of many lengths", True, {}, 1.15),
        ("rows of many lengths, the libraries' own caches", True, DEFAULTS, None),
    ):
        planned, taken, speed, attention = measured(varied, steps, environment)
        claims.add(f"{name}: planned", planned / GIB, "GiB")
        claims.add(f"{name}: taken after {steps} steps, {attention} attention", taken / GIB, "GiB")
        claims.add(f"{name}: taken / planned", taken / planned, "", at_most=bound)
        claims.add(f"{name}: speed", speed, "tokens/s")
    claims.write(arguments.json)


if __name__ == "__main__":
    if order := os.environ.get(CHILD):
        child(*json.loads(order))
    else:
        main(parser(__doc__).parse_args())

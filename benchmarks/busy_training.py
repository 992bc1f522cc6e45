"""Training beside busy processes: tokens per second by how torch's threads wait, and by their number.

Each setting trains the embedded model in a process of its own, alone and beside one and two processes that
only compute, in a session of their own. The share is that of the same setting alone; with two cores, a fair
scheduler leaves two threads three quarters beside one process and half beside two.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import torch
from bench_training import BATCH, WITHOUT_PREFIX, adapted, training_rows
from claims import Claims, parser

from insource.training.loop import speed
from insource.training.loop.answers import summed_loss
from insource.training.loop.micro_batches import TOKENS

SETTINGS = {
    "default": {},
    "spins 1000 times": {"GOMP_SPINCOUNT": "1000"},
    "does not spin": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
CHILD = "--child"


def child(seconds: float) -> None:
    """Train for so long; print the tokens per second, and the slowest step against the median."""
    batch = speed.typical(training_rows(BATCH), TOKENS, BATCH, 2)
    model = adapted(torch.bfloat16).train()
    speed.apply(model, WITHOUT_PREFIX)
    taken: list[float] = []
    ends = float("inf")
    while time.monotonic() < ends:
        began = time.monotonic()
        summed_loss(model, batch, WITHOUT_PREFIX).backward()
        if ends == float("inf"):  # the first step is a warm-up
            ends = time.monotonic() + seconds
            continue
        taken.append(time.monotonic() - began)
    tokens = int(batch["attention_mask"].sum())
    print(tokens * len(taken) / sum(taken), max(taken) / statistics.median(taken))


def trained_beside(busy: int, setting: dict[str, str], seconds: float) -> tuple[float, float]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    neighbours = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        for _ in range(busy)
    ]
    try:
        printed = subprocess.check_output(
            [sys.executable, __file__, CHILD, str(seconds)], env=clean | setting, text=True
        )
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    tokens_per_s, slowest = map(float, printed.split()[-2:])
    return tokens_per_s, slowest


def main() -> None:
    options = parser(__doc__).parse_args()
    claims = Claims()
    for name, setting in SETTINGS.items():
        alone = None
        for busy in (0, 1, 2):
            found, slowest = trained_beside(busy, setting, 8 if options.quick else 30)
            alone = alone or found
            claims.add(f"{name}, beside {busy}", found, "tokens/s")
            claims.add(f"{name}, beside {busy}: slowest step, times the median", slowest, "x")
            if busy:
                bound = {1: 0.5, 2: 0.33}[busy] if name == "spins 1000 times" else None
                claims.add(f"{name}, beside {busy}: share of alone", found / alone, "", at_least=bound)
    claims.write(options.json)


if __name__ == "__main__":
    if CHILD in sys.argv:
        child(float(sys.argv[-1]))
    else:
        main()

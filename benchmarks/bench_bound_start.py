"""Where Learn-then-Test starts: coverage and violations of a family of valid starts, by simulation.

The populations are known, so the error rate above every threshold is exact. Coverage is the share of
documents that is served locally, 0 where the bound is infeasible. All ways see the same draws.

    python benchmarks/bench_bound_start.py --quick
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from claims import Claims, parser

from insource.foundation.rng import generator

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SIZES, BOUNDS = (40, 100, 325, 2000), (0.10, 0.05)
NEAR = 0.01
"""A hundredth of the documents: what counts as the best of the family, if the simulation is not coarser."""


def claims_for(claims: Claims, name: str, population: object, draws: int, *, judged: bool) -> None:
    """Coverage of every way; for the chosen one its distance from the best, and the violations."""
    from support.bound_starts import CHOSEN, DELTA, oracle, simulate

    for bound in BOUNDS:
        for n in SIZES:
            cell = f"{name}, {bound:.0%}, n = {n}"
            measured = simulate(population, n, bound, draws, generator(20261128, f"start.{cell}"))
            claims.add(f"{cell}: oracle", oracle(population, bound), "")
            for way, found in measured.items():
                claims.add(f"{cell}: {way}", found.mean, "")
            best = max(measured.values(), key=lambda found: found.mean)
            behind = best.coverage - measured[CHOSEN].coverage
            noise = 3 * float(np.std(behind)) / math.sqrt(draws)
            claims.add(
                f"{cell}: chosen behind the best",
                float(behind.mean()),
                "",
                at_most=max(NEAR, noise) if judged else None,
            )
            claims.add(f"{cell}: chosen, broken draws", measured[CHOSEN].broken / draws, "")
            claims.add(
                f"{cell}: chosen, lower limit of the violation rate",
                measured[CHOSEN].least_violation_rate,
                "",
                at_most=DELTA,
            )


def main() -> None:
    from support.bound_starts import Binormal, Hard, Overconfident

    options = parser(__doc__).parse_args()
    claims = Claims()
    draws = 100 if options.quick else 2000
    # The start was chosen on the first two. The others show where it is not the best, and what it survives.
    claims_for(claims, "AUROC 0.82, 17 % wrong", Binormal(0.82, 0.17), draws, judged=True)
    claims_for(claims, "AUROC 0.85, 16 % wrong", Binormal(0.85, 0.16), draws, judged=True)
    claims_for(claims, "AUROC 0.92, 10 % wrong", Binormal(0.92, 0.10), draws, judged=False)
    claims_for(claims, "33 % wrong, few of the surest", Hard(), draws, judged=False)
    claims_for(claims, "many equal confidences", Binormal(0.85, 0.16, steps=1.5), draws, judged=False)
    claims_for(claims, "half of the surest 3 % wrong", Overconfident(), draws, judged=False)
    claims.write(options.json)


if __name__ == "__main__":
    main()

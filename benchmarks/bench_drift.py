"""The monitor: false alarms and power over a factorial of drifts, on made calls and on real queries.

Made calls have known confidences and right answers. The real ones are the CLINC150 queries: windows with a
share of queries from domains that the reference does not have.

    python benchmarks/bench_drift.py --quick --datasets ../shared/datasets
"""

from __future__ import annotations

import json
import sys
import time
from itertools import product
from pathlib import Path

from claims import Claims, parser

from insource.foundation.rng import generator
from insource.lifecycle.drift.inputs import Documents, input_drift
from insource.models.embeddings.minilm import embed
from insource.stats.intervals import clopper_pearson

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ALPHA = 0.01
STRENGTHS = (0.1, 0.3, 0.6)
SIZES = ((500, 200), (2000, 500))
NEW_DOMAINS = ("travel", "auto_and_commute", "work")
NEW_SHARES = (0.0, 0.1, 0.2, 0.3)
CHECK_S = 5.0


def false_alarms(claims: Claims, sizes: tuple[int, int], runs: int) -> None:
    """Windows without a drift, in any order and in runs of ten calls of one kind."""
    from support.drifts import Cell, alarms

    for drift in ("", "bursts"):
        found = alarms(Cell(drift, 0.0, *sizes), runs, alpha=ALPHA, seed=1)
        name = f"{sizes[0]:,} + {sizes[1]} calls, {drift or 'no drift'}"
        claims.add(f"{name}: false alarms of {runs}", found.counts["any"], "")
        low, high = found.interval("any")
        claims.add(f"{name}: false alarms, lower limit", low, "", at_most=ALPHA)
        claims.add(f"{name}: false alarms, upper limit", high, "")


def power(claims: Claims, sizes: tuple[int, int], runs: int, strengths: tuple[float, ...]) -> None:
    """How often each signal says so, by kind and strength of the drift."""
    from support.drifts import DRIFTS, SIGNALS, Cell, alarms

    for drift in DRIFTS:
        for strength in strengths if drift != "bursts" else ():
            found = alarms(Cell(drift, strength, *sizes), runs, alpha=ALPHA, seed=2)
            for signal in SIGNALS:
                low, high = found.interval(signal)
                name = f"{drift}, {strength:.0%} of {sizes[1]} calls: {signal} [{low:.2f}, {high:.2f}]"
                claims.add(name, found.rate(signal), "")


def real_queries(claims: Claims, folder: Path, runs: int, shares: tuple[float, ...] = NEW_SHARES) -> None:
    """CLINC150: a share of the window comes from three domains that the reference does not have."""
    domains = json.loads((folder / "domains.json").read_text())
    new = {label for domain in NEW_DOMAINS for label in domains[domain]}
    with (folder / "train.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    known = [row["input"] for row in rows if row["output"] not in new]
    others = [row["input"] for row in rows if row["output"] in new]
    for share, kind in product(shares, ("hashed", "sentences")):
        alarms, sentences = 0, None if kind == "hashed" else embed
        for run in range(runs):
            rng = generator(run, f"bench_drift.clinc.{share}")
            drawn = rng.permutation(len(known))
            count = round(500 * share)
            strange = [others[i] for i in rng.permutation(len(others))[:count]]
            window = [known[i] for i in drawn[2000 : 2500 - count]] + strange
            mixed = [window[i] for i in rng.permutation(500)]
            reference = Documents([known[i] for i in drawn[:2000]], [{}] * 2000)
            found = Documents(mixed, [{}] * 500)
            drift = input_drift(reference, found, alpha=ALPHA / 3, seed=run, sentences=sentences)
            alarms += drift.moved
        low, high = clopper_pearson(alarms, runs)
        name = f"CLINC150, {share:.0%} from new domains, {kind}: alarms of {runs} [{low:.2f}, {high:.2f}]"
        claims.add(name, alarms / runs, "")


def cost(claims: Claims) -> None:
    """How long one check of 500 calls against 2,000 takes."""
    from support.drifts import Cell, alarms

    started = time.perf_counter()
    alarms(Cell("", 0.0, 2000, 500), 3, alpha=ALPHA)
    took = (time.perf_counter() - started) / 3
    claims.add("one check, 2,000 + 500 calls", took, "s", at_most=CHECK_S)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--datasets", type=Path, metavar="DIR", help="folder with clinc150_oos/")
    given = options.parse_args()
    claims = Claims()
    cost(claims)
    for sizes in SIZES[:1] if given.quick else SIZES:
        false_alarms(claims, sizes, 200 if given.quick else 2000)
        power(claims, sizes, *((20, STRENGTHS[1:]) if given.quick else (200, STRENGTHS)))
    if given.datasets is not None:
        real_queries(claims, given.datasets / "clinc150_oos", 20 if given.quick else 200)
    claims.write(given.json)


if __name__ == "__main__":
    main()

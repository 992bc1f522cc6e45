"""Discovery of tasks in an untagged log: are the groups right, how fast, in how much memory.

The log is made by tests/support/prompt_log.py: 23 kinds of calls with known groups (system prompts, prefix,
suffix instructions, few-shot examples, optional parts, A/B versions, near-identical templates, shared system
prompts, chats, agents, German, Japanese) and noise. 100,000 calls; --quick takes 10,000. The survey runs in
a process of its own, so that the memory is that of the survey and not of the making. A seed is a log.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claims import Claims, parser

if TYPE_CHECKING:
    from insource.logs.discovery import Rules, TaskCandidate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SEEDS = (0, 1, 2)
BATCH = 2000


def write_log(path: Path, count: int, seed: int) -> dict[str, str]:
    """A store with these calls; returns the known task by call id."""
    from support.prompt_log import calls

    from insource.store.calls.calls import insert_calls
    from insource.store.database import open_database

    known: dict[str, str] = {}
    batch = []
    with open_database(path) as database:
        for task, call in calls(count, seed):
            known[call.call_id] = task or "noise"
            batch.append(call)
            if len(batch) == BATCH or len(known) == count:
                with database.write() as connection:
                    insert_calls(connection, batch)
                batch.clear()
    return known


def survey_alone(path: str) -> None:
    """The child's work: survey the store, print seconds, memory, and the found group by call id."""
    from insource.logs.discovery import assignments, survey
    from insource.store.database import open_database

    with open_database(Path(path)) as database:
        begun, cpu = time.perf_counter(), time.process_time()
        found = survey(database)
        taken, cpu = time.perf_counter() - begun, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        groups = dict(assignments(database, named(found.candidates)))
    measured = {"seconds": taken, "cpu": cpu, "peak_kb": peak}
    print(json.dumps(measured | {"groups": groups, "candidates": len(found.candidates)}))


def named(candidates: Sequence[TaskCandidate]) -> Rules:
    """A rule for every template found, so that every group can be compared."""
    from insource.logs.discovery import Rules

    return Rules().with_candidates([one.model_copy(update={"verdict": "narrow"}) for one in candidates])


def measure(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """One log: made, surveyed in a child, and compared with what is known."""
    from support.clustering import adjusted_rand_index, completeness, homogeneity

    path = folder / f"{seed}.db"
    known = write_log(path, count, seed)
    done = subprocess.run(
        [sys.executable, __file__, "--survey", str(path)], capture_output=True, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    groups = measured.pop("groups")
    truth, found = list(known.values()), [groups.get(call_id, "none") for call_id in known]
    return measured | {
        "ari": adjusted_rand_index(truth, found),
        "homogeneity": homogeneity(truth, found),
        "completeness": completeness(truth, found),
    }


def main() -> None:
    options = parser(__doc__).parse_args()
    count = 10_000 if options.quick else 100_000
    claims = Claims()
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(count, seed, Path(folder)) for seed in (SEEDS[:1] if options.quick else SEEDS)]
    label = f"{count:,} calls"
    claims.add(
        f"adjusted Rand index, worst of {len(runs)} logs", min(run["ari"] for run in runs), "", at_least=0.95
    )
    claims.add("homogeneity, worst", min(run["homogeneity"] for run in runs), "")
    claims.add("completeness, worst", min(run["completeness"] for run in runs), "")
    slowest = max(runs, key=lambda run: run["cpu"])
    claims.add(
        f"survey of {label}, CPU time, slowest", slowest["cpu"], "s", at_most=10 if options.quick else 60
    )
    claims.add("throughput, slowest", count / slowest["cpu"], "calls/s of CPU")
    claims.add(
        "memory at its peak, whole process", max(run["peak_kb"] for run in runs) / 1024, "MB", at_most=400
    )
    claims.write(options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--survey"]:
        survey_alone(sys.argv[2])
    else:
        main()

"""The first depth of a decision: profiles of every task, from the log alone.

The log is that of `bench_discovery.py`: 100,000 calls of 22 tasks and noise, --quick 10,000. The profiles are
made in a process of its own, which counts the connections that it opens; the time has the imports in it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_discovery import write_log
from claims import Claims, parser

TARGET_S = 120


def profile_alone(path: str) -> None:
    """The child's work: profile the log, print seconds, memory, connections, and what was found."""
    begun, cpu = time.perf_counter(), time.process_time()
    connections: list[str] = []
    sys.addaudithook(lambda event, args: connections.append(str(args)) if event == "socket.connect" else None)
    from insource.arms.classical.first_look import first_look
    from insource.decision.from_log.profile import Given, profile_log
    from insource.providers.prices import PriceTable
    from insource.store.database import open_database

    steps: list[tuple[float, str]] = []
    with open_database(Path(path)) as database, tempfile.TemporaryDirectory() as folder:
        given = Given(price=PriceTable().cost, folder=Path(folder), fit=first_look)
        found = profile_log(
            database, given, progress=lambda text: steps.append((time.perf_counter() - begun, text))
        )
    measured = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "connections": len(connections),
        "calls": found.calls,
        "counted": found.scattered + found.without_text + sum(one.traffic.calls for one in found.profiles),
        "profiles": len(found.profiles),
        "rungs": sum(bool(one.rungs) for one in found.profiles),
        "first_profile_s": next(at for at, text in steps if text.startswith("profile ")),
    }
    print(json.dumps(measured))


def main() -> None:
    options = parser(__doc__).parse_args()
    count = 10_000 if options.quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insource.db"
        write_log(path, count, 0)
        done = subprocess.run(
            [sys.executable, __file__, "--profile", str(path)], capture_output=True, text=True, check=True
        )
    measured: dict[str, Any] = json.loads(done.stdout)
    claims = Claims()
    claims.add(f"profiles of {count:,} calls, wall time", measured["seconds"], "s", at_most=TARGET_S)
    claims.add("the same, CPU time", measured["cpu"], "s")
    claims.add("of it until every call was read and compared", measured["first_profile_s"], "s")
    claims.add("tasks with a profile", measured["profiles"], "")
    claims.add("of them with rungs cross-validated", measured["rungs"], "")
    claims.add(
        "calls that are in no profile and not counted beside them", count - measured["counted"], "", at_most=0
    )
    claims.add("connections opened", measured["connections"], "", at_most=0)
    claims.add("memory at its peak", measured["peak_mb"], "MB")
    claims.write(options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--profile"]:
        profile_alone(sys.argv[2])
    else:
        main()

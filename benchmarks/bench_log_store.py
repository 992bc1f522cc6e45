"""The call log at size: from the spool into the store, and questions to a million calls.

Calls of 3.6 kB (a 2.6 kB request, a 1 kB answer) over 30 days, 12 tasks with 3 features and 3 models each,
written as the spool's own frames and drained in one process: every commit on the disk, totals kept, three
indexes. `--quick` takes 100,000 calls instead of 1,000,000, which need 5 GB of disk.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from claims import Claims, parser

from insource.foundation.clock import to_microseconds
from insource.foundation.ids import uuid7
from insource.foundation.rng import generator
from insource.logs.query import Log
from insource.store.database import open_database
from insource.store.spool.drain import drain
from insource.store.spool.frames import encode

START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
SEGMENT_CALLS = 10_000
REPEATS = 3
DOCUMENT = "The pump AX-100 is rated for 230 V at 50 Hz and draws 1.5 A under full load. " * 30
ANSWER = json.dumps({f"field {n}": "230 V, 50 Hz" for n in range(12)})


def records(calls: int) -> Iterator[bytes]:
    """Begin and end of so many calls, in the order they started."""
    random = generator(0, "bench-log-store")
    latency = random.lognormal(-0.5, 0.8, calls)
    kind = random.integers(0, 36, calls)
    user = random.integers(0, 2000, calls)
    step = timedelta(days=DAYS) / calls
    for n in range(calls):
        at = START + n * step
        call_id = uuid7(int(at.timestamp() * 1e9))
        task, feature = kind[n] // 3, kind[n] % 3
        model = f"model-{(task + n) % 3}"
        yield encode(
            {
                "kind": "begin",
                "call_id": call_id,
                "source": "gateway",
                "task": f"task-{task}",
                "feature": f"feature-{feature}",
                "prompt_version": "3",
                "user": f"user-{user[n]}",
                "provider": "openai",
                "endpoint": "chat",
                "model_asked": model,
                "request": {"model": model, "messages": [{"role": "user", "content": f"{n} {DOCUMENT}"}]},
                "streamed": False,
                "simulated": False,
                "tags": {},
                "started_at": to_microseconds(at),
            }
        )
        message = {"role": "assistant", "content": ANSWER}
        yield encode(
            {
                "kind": "end",
                "call_id": call_id,
                "response_text": ANSWER,
                "response": {"id": call_id, "model": model, "choices": [{"index": 0, "message": message}]},
                "outcome": "ok" if n % 50 else "error",
                "finish_reason": "stop",
                "model_answered": model,
                "usage": {"input_tokens": 600, "cached_tokens": 0, "output_tokens": 150},
                "cost_usd": None if n % 97 == 0 else "0.000180",
                "priced_by": "genai-prices",
                "status": 200,
                "error": "",
                "latency_s": round(float(latency[n]), 6),
                "first_token_s": None,
                "simulated": False,
            }
        )


def fill(root: Path, calls: int) -> tuple[float, float, int]:
    """Drain so many calls into a new store; (wall seconds, CPU seconds, bytes spooled) of the draining."""
    spool = root / "spool"
    spool.mkdir(parents=True)
    waiting = records(calls)
    wall = cpu = 0.0
    spooled = 0
    with open_database(root / "insource.db") as database:
        for first in range(0, calls, SEGMENT_CALLS):
            segment = spool / f"{first:09}-bench.seg"
            with segment.open("wb") as file:
                for _ in range(2 * min(SEGMENT_CALLS, calls - first)):
                    spooled += file.write(next(waiting))
            begun, begun_cpu = time.perf_counter(), time.process_time()
            report = drain(database, spool)
            wall, cpu = wall + time.perf_counter() - begun, cpu + time.process_time() - begun_cpu
            assert (report.corrupt, report.orphaned, report.interrupted) == (0, 0, 0)
    return wall, cpu, spooled


def seconds(ask: Callable[[], Any]) -> float:
    """The best of some: what the question costs when little else runs."""
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        ask()
        found.append(time.perf_counter() - begun)
    return min(found)


def cpu_of_children() -> float:
    """Seconds that all finished children have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(root: Path, *arguments: str) -> None:
    """``insource logs …`` as a person starts it."""
    program = [sys.executable, "-m", "insource.cli.main", "logs", *arguments]
    subprocess.run(program, cwd=root.parent, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    arguments = parser(__doc__).parse_args()
    calls = 100_000 if arguments.quick else 1_000_000
    claims = Claims()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / ".insource"
        wall, cpu, spooled = fill(root, calls)
        claims.add("calls in the store", calls, "calls")
        claims.add("spooled bytes a call", spooled / calls, "B")
        claims.add("ingestion from the spool, a second of CPU", calls / cpu, "calls/s")
        claims.add(
            "ingestion from the spool, a second of this machine", calls / wall, "calls/s", at_least=10_000
        )
        stored = sum(path.stat().st_size for path in root.glob("insource.db*"))
        claims.add("store bytes a call", stored / calls, "B")
        for by in ("day", "task", "feature", "model"):
            before = cpu_of_children()
            took = seconds(lambda by=by: command(root, "stats", "--by", by))
            claims.add(f"insource logs stats --by {by}, the whole command", took, "s", at_most=1)
            claims.add("   of it CPU", (cpu_of_children() - before) / REPEATS, "s")
        last = START + timedelta(days=DAYS)
        with Log(root) as log:
            assert sum(line.calls for line in log.stats()) == calls
            claims.add(
                "stats by task and model, in Python", seconds(lambda: log.stats(["task", "model"])), "s"
            )
            part = {"since": last - timedelta(hours=30), "until": last - timedelta(hours=6)}
            claims.add("stats of 24 hours across midnight", seconds(lambda: log.stats("task", **part)), "s")
            claims.add("stats of one user (from the calls)", seconds(lambda: log.stats(user="user-7")), "s")
            one_page = {"newest_first": True, "limit": 20}
            claims.add(
                "the latest 20 calls", 1e3 * seconds(lambda: list(log.calls(**one_page))), "ms", at_most=50
            )
            of_user = {"user": "user-7", **one_page}
            claims.add("the latest 20 of one user", 1e3 * seconds(lambda: list(log.calls(**of_user))), "ms")
    claims.write(arguments.json)


if __name__ == "__main__":
    main()

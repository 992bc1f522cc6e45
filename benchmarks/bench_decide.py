"""The first verdict: a log in a file, imported, and `insource decide` on it, as two commands of a user.

The log is that of `bench_discovery.py`: 100,000 calls of 22 tasks and noise, --quick 10,000, written as a
file of exchanges. Each command runs in a process of its own, which counts the connections that it opens and
says its memory; the time is the wall time of the commands, imports and all. Then `insource decide` once more,
which reads the profiles back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from claims import Claims, parser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

TARGET_S = 120
CHILD = """
import json, resource, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args)) if event == "socket.connect" else None)
from insource.cli.main import main
code = 0
try:
    main(sys.argv[2:])
except SystemExit as stop:
    code = stop.code or 0
used = resource.getrusage(resource.RUSAGE_SELF)
facts = {"code": code, "connections": len(opened), "peak_mb": used.ru_maxrss / 1024,
         "cpu": used.ru_utime + used.ru_stime}
open(sys.argv[1], "w").write(json.dumps(facts))
"""


class Ran(NamedTuple):
    """One command: wall seconds, what it printed, and what it said of itself."""

    seconds: float
    output: str
    facts: dict[str, Any]


def write_file(path: Path, count: int) -> None:
    """Write the calls as a team would have them in a file: request, response, time, latency and cost."""
    from support.prompt_log import calls

    with path.open("w", encoding="utf-8") as file:
        for _, call in calls(count, 0):
            record = {
                "id": call.call_id,
                "timestamp": call.started_at.isoformat(),
                "latency_ms": 1000 * (call.latency_s or 0.0),
                "cost_usd": None if call.cost_usd is None else float(call.cost_usd),
                "request": call.request,
                "response": _response(call),
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _response(call: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": call.usage.input_tokens, "completion_tokens": call.usage.output_tokens}
    message = {"role": "assistant", "content": call.response_text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": call.call_id, "model": call.model_answered, "choices": [choice], "usage": usage}


def command(folder: Path, *arguments: str) -> Ran:
    """Run one command in the folder."""
    facts = folder / "facts.json"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(facts), *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if not facts.exists():
        raise RuntimeError(done.stderr[-2000:])
    found = Ran(seconds, done.stdout, json.loads(facts.read_text()))
    facts.unlink()
    return found


def main() -> None:
    options = parser(__doc__).parse_args()
    count = 10_000 if options.quick else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_file(folder / "calls.jsonl", count)
        imported = command(folder, "logs", "import", "auto", "calls.jsonl", "-q")
        first = command(folder, "decide", "--depth", "log", "--json", "-q")
        again = command(folder, "decide", "--depth", "log", "--json", "-q")
    decisions = json.loads(first.output)["decisions"]
    own = [one["profile"] for one in decisions]
    connections = sum(one.facts["connections"] for one in (imported, first, again))
    claims = Claims()
    claims.add(f"import of {count:,} calls from a file", imported.seconds, "s")
    claims.add("insource decide --depth log, wall time", first.seconds, "s", at_most=TARGET_S)
    claims.add("the same, CPU time", first.facts["cpu"], "s")
    claims.add("the same once more, profiles read back", again.seconds, "s")
    claims.add("tasks with a verdict", len(decisions), "")
    claims.add("of them with rungs cross-validated", sum(bool(one["rungs"]) for one in own), "")
    claims.add("of them with a next experiment or none left to try", sum(_next(one) for one in decisions), "")
    claims.add("connections opened", connections, "", at_most=0)
    claims.add("memory at its peak", first.facts["peak_mb"], "MB")
    claims.write(options.json)


def _next(decision: dict[str, Any]) -> bool:
    return decision["next"] is not None or decision["verdict"]["outcome"] == "no-go"


if __name__ == "__main__":
    main()

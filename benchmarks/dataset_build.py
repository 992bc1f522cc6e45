"""A dataset of a million generated rows: how fast it is built, and how much memory that takes.

The build runs in a process of its own, so that its peak resident memory is the build's alone. Rows have
60 words and the numbers of 12 parts, each of which stands in about six rows; one row in twenty is broken in
one of several ways.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from claims import Claims, parser

from insource.foundation import rng

ROWS, QUICK_ROWS = 1_000_000, 50_000
MAX_MB = 2_000
WORDS = ("pump", "valve", "seal", "motor", "flange", "filter", "sensor", "rotor", "bearing", "gasket")
LINES = 12
BROKEN = ('{"input": "half', '{"input": "", "output": {}}', '{"input": "no answer"}', "[1, 2]")

_BUILD = """
import json, resource, sys, time
from pathlib import Path
from insource.dataset.build import build_folder
from insource.dataset.settings import BuildSettings
started = time.monotonic()
folder = build_folder(
    Path(sys.argv[1]), Path(sys.argv[2]), BuildSettings(name="scale", on_bad_rows="drop")
)
seconds = time.monotonic() - started
manifest = json.loads((folder / "manifest.json").read_text())
kept, dropped = sum(manifest["counts"].values()), sum(manifest["dropped"].values())
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([manifest["read"], kept, dropped, seconds, peak_mb]))
"""


def claims_for_build(claims: Claims, quick: bool) -> None:
    """Rows a second and peak memory of a build; every row is kept or dropped with a reason."""
    rows = QUICK_ROWS if quick else ROWS
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(generated(rows))
        command = [sys.executable, "-c", _BUILD, str(source), str(Path(folder) / "datasets")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    read, kept, dropped, seconds, peak_mb = json.loads(done.stdout)
    name = f"build of {rows:,} rows"
    claims.add(f"{name} · rows neither kept nor dropped", rows - kept - dropped, "rows", at_most=0)
    claims.add(f"{name} · dropped", dropped, "rows")
    claims.add(f"{name} · speed", read / seconds, "rows/s")
    claims.add(f"{name} · peak resident memory", peak_mb, "MB", at_most=MAX_MB)


def generated(count: int) -> Iterator[str]:
    """Lines of a table of orders; every input is different, and a twentieth of them is broken."""
    random = rng.generator(0, "benchmark.dataset-build")
    for number in range(count):
        if number % 20 == 19:
            yield BROKEN[number // 20 % len(BROKEN)] + "\n"
            continue
        parts = random.integers(2 * count, size=LINES).tolist()
        named = [(WORDS[part % len(WORDS)], f"P-{part:07}", 1 + part % 40) for part in parts]
        lines = "; ".join(f"{pieces} of {name} {code}" for name, code, pieces in named)
        first, code, pieces = named[0]
        row = {
            "id": f"o-{number}",
            "input": f"Order {number}, as agreed by phone: {lines}. To be sent to site {parts[0] % 5000}.",
            "output": {"part": first, "code": code, "quantity": pieces, "lines": LINES},
            "group": f"customer-{parts[0] % 5000}",
        }
        yield json.dumps(row) + "\n"


def main() -> None:
    options = parser(__doc__).parse_args()
    claims = Claims()
    claims_for_build(claims, options.quick)
    claims.write(options.json)


if __name__ == "__main__":
    main()

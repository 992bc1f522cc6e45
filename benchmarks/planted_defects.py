"""The checks of a dataset on rows with planted defects, on real data, and against the clock.

  --real DATA.jsonl …   further files of `id`, `input`, `output`; what each check finds in them is stated.
                        A `schemas.json` beside a file gives the schemas that its rows name.

Defects are planted in one of twenty generated specifications. Deterministic checks are to find 95 % of what
was planted; statistical ones state what they find while at most 1 % of clean rows are pointed at.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from claims import Claims, parser

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "data"))

from planted_rows import KINDS, PLANTABLE, RATE, STATISTICAL, Rows, clean, context, look, plant

from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import run_checks
from insource.dataset.infer import infer_output
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.staging import staged

FOUND, FALSE = 0.95, 0.01
SUITE_S = 180.0


def claims_for_defects(claims: Claims, quick: bool) -> None:
    """What each check finds of what was planted, its false alarms, and the suite's time."""
    count = 1_000 if quick else 4_000
    rows = clean(count)
    for name in PLANTABLE:
        planted = plant(name, count)
        _, found = look(KINDS[name], planted.rows)
        _, alarms = look(KINDS[name], rows)
        recall = len(found & planted.ids) / len(planted.ids)
        kind = "recall at 1 % false alarms" if name in STATISTICAL else "found of planted"
        claims.add(f"{name}: {kind}", recall, "of 1", at_least=None if name in STATISTICAL else FOUND)
        claims.add(f"{name}: clean rows pointed at", len(alarms) / count, "of 1", at_most=FALSE)
    claims_for_speed(claims, quick)


def claims_for_speed(claims: Claims, quick: bool) -> None:
    """The whole suite over 100,000 rows (stated for 10,000 with ``quick``), tokens not counted."""
    count = 10_000 if quick else 100_000
    rows = clean(count)
    with tempfile.TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        about = context(work)
        started = time.monotonic()
        run_checks(Context(rows=work, output=about.output))
        seconds = time.monotonic() - started
    claims.add(f"all checks over {count:,} rows", seconds, "s", at_most=SUITE_S * count / 100_000)


def claims_for_real(claims: Claims, path: Path) -> None:
    """What is found in real rows; stated, not judged."""
    beside = path.parent / "schemas.json"
    schemas = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    with tempfile.TemporaryDirectory() as folder, staged(JsonLines(path, schemas), Path(folder)) as work:
        output = infer_output([row.output for row in work])
        for finding in run_checks(Context(rows=work, output=output)):
            if finding.count:
                name = f"{path.parent.name}/{path.name}: {finding.check}"
                claims.add(name, finding.count, f"of {finding.of:,} {finding.unit}")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--real", type=Path, nargs="*", default=[], metavar="DATA", help="real rows to read")
    chosen = options.parse_args()
    claims = Claims()
    print(f"defects planted at {100 * RATE:.0f} %, in memory, one process")
    claims_for_defects(claims, chosen.quick)
    for path in chosen.real:
        claims_for_real(claims, path)
    claims.write(chosen.json)


if __name__ == "__main__":
    main()

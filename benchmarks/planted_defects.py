"""The checks of a dataset on rows with planted defects, on real data, and against the clock.

  --real DATA.jsonl …   further files of `id`, `input`, `output`; what each check finds in them is stated.
                        A `schemas.json` beside a file gives the schemas that its rows name.

Defects are planted in 2, 5 and 20 % of generated specifications, and of tickets with labels and with replies,
whose contracts are inferred. Deterministic checks are to find 95 % of what was planted. Statistical ones, and
all checks on what was written apart from their patterns, state what they find beside their false alarms.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from claims import Claims, parser

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.held_out_phrases import REFUSALS, SECRETS, SENTENCES
from support.planted_rows import (
    CONTRACT,
    KINDS,
    OF_ANY_TASK,
    PLANTABLE,
    RATE,
    STATISTICAL,
    Rows,
    clean,
    context,
    look,
    plant,
)
from support.planted_tasks import TASKS

from insource.contract.infer import infer_output
from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import run_checks
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.foundation.rng import generator
from insource.types import OutputSpec, Row, Text

FOUND, FALSE = 0.95, 0.01
RATES = (0.02, RATE, 0.2)
SHORTEST = 120
"""Characters of a paragraph that is cut."""

SUITE_S = 180.0


def claims_for_defects(claims: Claims, quick: bool) -> None:
    """What each check finds of what was planted, its false alarms, and the suite's time."""
    count = 1_000 if quick else 4_000
    for task, make in TASKS.items():
        rows = make(count, 0)
        for name in PLANTABLE if task == "json" else OF_ANY_TASK:
            _, alarms = look(KINDS[name], rows, _contract(task, rows))
            claims.add(f"{task}, {name}: clean rows pointed at", len(alarms) / count, "of 1", at_most=FALSE)
            for rate in (RATE,) if name == "format-drift" else RATES:
                planted = plant(name, count, rate=rate, make=make)
                _, found = look(KINDS[name], planted.rows, _contract(task, planted.rows))
                recall = len(found & planted.ids) / len(planted.ids)
                what = f"{task}, {name}: found of {100 * len(planted.ids) / len(planted.rows):.0f} % planted"
                claims.add(what, recall, "of 1", at_least=None if name in STATISTICAL else FOUND)


def _contract(task: str, rows: list[Row]) -> OutputSpec:
    return CONTRACT if task == "json" else infer_output(row.output for row in rows)


def claims_for_held_out(claims: Claims) -> None:
    """What is found of phrases and prose that the patterns were not written after; stated, not judged."""
    refused = _instead("output", REFUSALS)
    leaked = _instead("input", [f"note: {text}" for text in SECRETS])
    whole, cut = _instead("output", SENTENCES), _instead("output", list(_cut_prose()))
    for name, what, rows in (
        ("refusals", "found of phrases written apart", refused),
        ("secrets", "found of formats written apart", leaked),
        ("truncation", "whole sentences pointed at", whole),
        ("truncation", "found of prose cut at random", cut),
    ):
        finding, _ = look(KINDS[name], rows, Text())
        claims.add(f"{name}: {what}, of {len(rows)}", finding.count / len(rows), "of 1")


def _instead(part: str, texts: Sequence[str]) -> list[Row]:
    rows = TASKS["text"](len(texts), 0)
    return [row.model_copy(update={part: text}) for row, text in zip(rows, texts, strict=True)]


def _cut_prose() -> Iterator[str]:
    """The paragraphs of this project's own pages, each cut at ten places drawn by lot."""
    rng = generator(0, "planted.prose")
    for page in sorted((Path(__file__).parent.parent / "docs").glob("*/*.md")):
        for text in page.read_text(encoding="utf-8").split("\n"):
            if len(text) > SHORTEST and text[0].isalpha():
                yield from (text[:end] for end in rng.integers(SHORTEST // 2, len(text) - 5, 10))


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
    print("defects planted at " + ", ".join(f"{100 * rate:.0f} %" for rate in RATES) + ", one process")
    claims_for_defects(claims, chosen.quick)
    claims_for_held_out(claims)
    claims_for_speed(claims, chosen.quick)
    for path in chosen.real:
        claims_for_real(claims, path)
    claims.write(chosen.json)


if __name__ == "__main__":
    main()

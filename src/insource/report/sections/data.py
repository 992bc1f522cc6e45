"""The section on the data: rows read, rows per split, and rows dropped with their reasons."""

from __future__ import annotations

from insource.report.page import Bullets, Row, Section, Table
from insource.types import SPLITS, RunResult

USES = {
    "train": "to train the model",
    "validation": "to choose the checkpoint",
    "calibration": "to set the routing threshold",
    "test": "sealed; every figure above is measured on it",
}

LABELS = {"checked": "people, as the source claims", "teacher": "a teacher model"}


def data(result: RunResult) -> Section:
    """Return the section with the funnel, whose counts add up, and the notes of the build."""
    manifest = result.dataset
    rows: list[Row] = [("read", f"{manifest.read:,}", manifest.source)]
    rows += [
        (f"dropped: {reason}", f"{count:,}", "left out") for reason, count in sorted(manifest.dropped.items())
    ]
    rows += [(split, f"{manifest.counts.get(split, 0):,}", USES[split]) for split in SPLITS]
    kept, dropped = sum(manifest.counts.values()), sum(manifest.dropped.values())
    lead = f"{manifest.read:,} rows read, {kept:,} kept, {dropped:,} dropped. {manifest.split_reason}"
    blocks: tuple[Table | Bullets, ...] = (
        Table("From rows to splits", ("Stage", "Rows", "Use"), rows, (1,)),
    )
    if manifest.funnel:
        steps: list[Row] = [
            (step.step, f"{step.rows_in:,}", f"{step.dropped:,}", f"{step.changed:,}", f"{step.rows_out:,}")
            for step in manifest.funnel
        ]
        blocks += (Table("Step by step", ("Step", "In", "Dropped", "Changed", "Out"), steps, (1, 2, 3, 4)),)
    if manifest.labels:
        vouched: list[Row] = [
            (LABELS[label], f"{count:,}") for label, count in sorted(manifest.labels.items())
        ]
        blocks += (Table("Origin of the labels", ("Source", "Rows"), vouched, (1,)),)
    notes = manifest.notes
    if manifest.template_overlap:
        notes += (f"{manifest.template_overlap:,} groups have documents in both train and test.",)
    if notes:
        blocks += (Bullets("Notes", notes),)
    return Section("data", "What data is this based on?", (lead,), blocks)

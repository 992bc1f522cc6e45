"""The figures that the peer published for the same documents, beside those of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from insource.demo.invoices.bound import kept_or_withheld
from insource.demo.invoices.wheel import CREDIT
from insource.report.words import interval, percent, value
from insource.types import Estimate, RunResult

UNSEEN_SLICE = "unseen groups"
METRICS = {"field_accuracy", "exact_match"}


class Published(NamedTuple):
    """What the peer measured on 600 documents in the six layouts without training rows, as ratios."""

    system: str
    field_f1: float
    fields: float
    exact: float


# Source: the README of taskdistill 0.1.1, "Invoices (8-field JSON extraction)", 2026-09-27.
PUBLISHED = (
    Published("cloud", 0.995, 0.995, 0.960),
    Published("student (Qwen2.5 1.5B)", 0.941, 0.940, 0.675),
    Published("cascade", 0.946, 0.949, 0.692),
)
PROMISED, REALISED = 0.97, 0.941


def beside(result: RunResult) -> list[str]:
    """Return what the bound promises and what happened, then the peer's figures beside those of this run.

    Arms that were stopped early and the floor are left out.
    """
    ours = [
        (evaluation.arm.name, found)
        for evaluation in result.evaluations
        if evaluation.arm.role != "baseline" and not evaluation.stopped
        if (found := evaluation.slices.get(UNSEEN_SLICE, {})).keys() >= METRICS
    ]
    promised, realised = percent(PROMISED), percent(REALISED)
    return [
        *kept_or_withheld(result),
        "In the six new layouts, as this run measured it:",
        *(f"  {name}: {_measured(found)}" for name, found in ours),
        f"In the same layouts, as published by {CREDIT}:",
        *(
            f"  {one.system}: {percent(one.fields)} of the fields right ({percent(one.field_f1)} field F1), "
            f"{percent(one.exact)} of 600 documents"
            for one in PUBLISHED
        ),
        f"  Its cascade promised to agree with the cloud on {promised}, and reached {realised}.",
        "Its student learned from the cloud's answers, ours from the exact labels. Models, machines and "
        "numbers of documents differ, too.",
    ]


def _measured(found: Mapping[str, Estimate]) -> str:
    fields, exact = found["field_accuracy"], found["exact_match"]
    shown = [f"{value(one)} {interval(one)}".strip() for one in (fields, exact)]
    return f"{shown[0]} of the fields right, {shown[1]} of {exact.n:,} documents"

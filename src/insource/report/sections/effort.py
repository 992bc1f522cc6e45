"""The section on effort: how hard each arm was tried before the test split was read."""

from __future__ import annotations

from insource.foundation.money import show_usd
from insource.report import words
from insource.report.page import Block, Cell, Row, Section, Table, Terms
from insource.report.sections.estimates import estimate_cell
from insource.types import Estimate, RunResult
from insource.types.choice import Trial
from insource.types.evaluation import Effort


def effort(result: RunResult) -> Section | None:
    """Return the section with the validation figures, tries and kept settings of each arm."""
    efforts = _efforts(result)
    expected = {e.arm.name: e.expected for e in result.evaluations if e.expected is not None}
    if result.choice is None and not efforts and not expected:
        return None
    blocks: list[Block] = []
    if result.choice is not None:
        blocks.append(_trials(result, result.choice.trials, expected))
    elif expected:
        rows: list[Row] = [(name, estimate_cell(one), one.method) for name, one in expected.items()]
        blocks.append(Table("Expected before the test", ("Arm", "Expected", "Method"), rows, (1,)))
    settings: list[Row] = [
        (name, setting, value) for name, found in efforts.items() for setting, value in found.settings.items()
    ]
    if settings:
        blocks.append(
            Table("The settings that were kept", ("Arm", "Setting", "Value"), settings, folded=True)
        )
    hybrid = result.choice.hybrid if result.choice else None
    if hybrid is not None:
        sources = sorted(hybrid.source.items())
        blocks.append(
            Terms("The hybrid: which arm answers which field", (("others", hybrid.default), *sources))
        )
    return Section("effort", "Was every arm given the same chance?", _lead(efforts), tuple(blocks))


def _efforts(result: RunResult) -> dict[str, Effort]:
    found = {e.arm.name: e.effort for e in result.evaluations if e.effort is not None}
    tried = {t.arm: t.effort for t in result.choice.trials if t.effort is not None} if result.choice else {}
    return tried | found


def _lead(efforts: dict[str, Effort]) -> tuple[str, ...]:
    counts = sorted({found.validation_evaluations for found in efforts.values()})
    if not counts:
        return ("No arm states how many settings it tried.",)
    if len(counts) == 1:
        return (f"Every arm that states it had {counts[0]:,} evaluations on rows held out from its fit.",)
    return (
        f"The arms had from {counts[0]:,} to {counts[-1]:,} evaluations on rows held out from their fit: an "
        "arm that was tried harder had the better chance.",
    )


def _trials(result: RunResult, trials: tuple[Trial, ...], expected: dict[str, Estimate]) -> Table:
    metric = words.metric(words.primary_metric(result), result.gold)
    efforts = _efforts(result)
    chosen = result.choice.candidate if result.choice else ""
    rows: list[Row] = []
    for trial in trials:
        found = efforts.get(trial.arm)
        tries = (
            Cell(f"{found.validation_evaluations:,}", detail=found.note) if found else Cell("–", muted=True)
        )
        badge = "chosen" if trial.arm == chosen else ""
        rows.append(
            (
                Cell(trial.arm, detail=f"{trial.kind}, {trial.role}", badge=badge),
                estimate_cell(trial.value, ratio=metric.ratio),
                *([estimate_cell(expected.get(trial.arm), ratio=metric.ratio)] if expected else []),
                tries,
                show_usd(trial.cost_per_1000_usd),
            )
        )
    crossed = ("By cross-validation",) if expected else ()
    columns = ("Arm", f"{metric.label}, validation", *crossed, "Evaluations", "Cost per 1,000")
    return Table("What the choice was made from", columns, rows, tuple(range(1, len(columns))))

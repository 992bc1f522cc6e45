"""Output of the command line: progress on standard error, results on standard output."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.printable import printable
from insource.foundation.errors import InsourceError

if TYPE_CHECKING:
    from insource.training.recipe import Recipe
    from insource.types import Arm, Comparison, DatasetManifest, Estimate, Evaluation, RunResult

EXIT_INTERRUPTED = 130
PACKAGE = Path(__file__).parents[1]
PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
REFRESH_S = 0.2
LINE_S = 2.0  # replayed answers are there at once: their progress is one line


def styled(text: str, **style: bool | str) -> str:
    """Return styled text on a terminal, plain text elsewhere or with ``NO_COLOR`` (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return text
    return click.style(text, **style)  # type: ignore[arg-type] # click's keywords are not typed as a dict


def fail(error: InsourceError) -> int:
    """Print what happened, why, and what to type next. Return the exit code."""
    say(f"{styled('error:', fg='red', bold=True)} {printable(error.message)}")
    for line in error.details:
        say(f"  {printable(line)}")
    if error.hint:
        say(f"\n{styled('hint:', fg='cyan')} {printable(with_pages(error.hint))}")
    say(f"      See {with_pages('docs/reference/errors.md')}#{error.code}")
    return error.exit_code


def with_pages(text: str) -> str:
    """Return the text with each page it names, ``docs/….md``, as the path of that page on this machine.

    The pages are in the wheel beside the modules, and in a checkout at its root.
    """

    def path(name: re.Match[str]) -> str:
        places = (PACKAGE / name[0], PACKAGE.parents[1] / name[0])
        return next((near(place) for place in places if place.is_file()), name[0])

    return PAGE.sub(path, text)


def interrupted() -> int:
    """Print that Ctrl-C stopped the command. Return the exit code."""
    say(f"\n{styled('interrupted', fg='yellow')}: finished stages are kept; partial output is not used")
    say(f"{styled('hint:', fg='cyan')} Run the same command again to continue")
    return EXIT_INTERRUPTED


def say(text: str = "") -> None:
    """Print a line to standard error."""
    click.echo(text, err=True)


def show(estimate: Estimate | None, *, digits: int = 1) -> str:
    """Format an estimate as ``94.2 % [91.0, 96.5]``, or as ``not measured``."""
    if estimate is None or estimate.value is None:
        return "not measured"
    text = f"{100 * estimate.value:.{digits}f} %"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{100 * estimate.low:.{digits}f}, {100 * estimate.high:.{digits}f}]"
    return text


class Terminal:
    """The ``Display`` of the command line.

    On a terminal, one line shows the progress. Elsewhere, a line is printed per tenth, at most one in
    ``LINE_S`` seconds, and one at the end.
    """

    def __init__(self, *, yes: bool = False, quiet: bool = False) -> None:
        self._yes = yes
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not os.environ.get("INSOURCE_NO_PROGRESS")
        self._first: tuple[float, float] | None = None  # time and amount of this stage's first progress
        self._printed = (-1, 0.0)
        self._open_line = False

    def stage(self, name: str, about: str) -> None:
        self._close_line()
        self._first = None
        self._printed = (-1, 0.0)
        if not self._quiet:
            say(f"\n{styled(name, bold=True)}  {about}")

    def note(self, text: str) -> None:
        self._close_line()
        if not self._quiet:
            say(f"  {text}")

    def progress(self, text: str, done: float, total: float) -> None:
        if self._quiet or not total:
            return
        now = time.monotonic()
        self._first = self._first or (now, done)
        since, begun = self._first
        ended = done >= total
        left = ""
        if begun < done < total:
            left = f", {duration((now - since) / (done - begun) * (total - done))} left"
        tenth = int(10 * done / total)
        line = f"  {done:,.0f}/{total:,.0f}  {text}{left}"
        if self._live:
            if now - self._printed[1] >= REFRESH_S or ended:
                click.echo(f"\r\033[K{line}", err=True, nl=False)
                self._printed, self._open_line = (tenth, now), True
        elif tenth > self._printed[0] and (now - max(since, self._printed[1]) >= LINE_S or ended):
            say(line)
            self._printed = (tenth, now)

    def planned(self, recipe: Recipe) -> None:
        self._close_line()
        if self._quiet:
            return
        for choice in recipe.choices:
            say(f"  {choice.name:<14} {choice.value:<24} {choice.reason}")

    def dataset(self, manifest: DatasetManifest, folder: Path) -> None:
        from insource.dataset.saved.sufficiency import sentence

        counts = " · ".join(f"{count:,} {split}" for split, count in manifest.counts.items())
        dropped = sum(manifest.dropped.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in manifest.dropped.items())
        self.note(f"{manifest.read:,} rows: {counts} · {dropped} dropped{f' ({reasons})' if reasons else ''}")
        self.note(manifest.split_reason)
        for overlap in manifest.overlaps:
            if overlap.count:
                self.note(f"{overlap.summary}.")
        for shortfall in manifest.shortfalls:
            self.note(sentence(shortfall))
        for note in manifest.notes:
            self.note(note)
        self.note(f"Folder: {near(folder)}")

    def evaluated(self, evaluation: Evaluation, metric: str) -> None:
        failed = f", {evaluation.failed} failed" if evaluation.failed else ""
        simulated = " (simulated)" if evaluation.arm.simulated else ""
        self.note(
            f"{evaluation.arm.name}{simulated}: {metric.replace('_', ' ')} "
            f"{show(evaluation.metrics.get(metric))}, n = {evaluation.n}{failed}"
        )

    def expected(self, arm: Arm, figure: Estimate | None, metric: str) -> None:
        """Show a rung of the ladder before a language model is loaded."""
        self.note(f"{arm.name}: {metric.replace('_', ' ')} {show(figure)}, by cross-validation")

    def confirm(self, question: str) -> bool:
        """Ask before money is spent. Without a terminal, only ``--yes`` confirms."""
        self._close_line()
        if self._yes:
            say(f"  {question} yes (--yes)")
            return True
        if not sys.stdin.isatty():
            say(f"  {question} no (there is no terminal to ask on)")
            return False
        return click.confirm(f"  {question}", err=True)

    def _close_line(self) -> None:
        if self._open_line:
            click.echo(err=True)
            self._open_line = False


def duration(seconds: float) -> str:
    """Format a duration as ``45 s``, ``3 min`` or ``1 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def near(path: Path) -> str:
    """Return the path relative to the working directory when it lies below it, else as it is."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def minor_gaps(comparison: Comparison) -> None:
    """Print the labels that a cloud never gave, where too few for its sentence to begin with them."""
    from insource.evaluation.never_answered import described, notable

    for found in comparison.never_answered:
        if not notable(found):
            say(described(found))


def summary(result: RunResult) -> None:
    """Print the table of the arms, the comparisons, break-even and the verdict."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    labels = result.dataset.output.kind == "labels"
    names = [
        "accuracy" if labels else "field_accuracy",
        "format_consistency",
        "hallucination_rate",
        "exact_match",
    ]
    if labels:
        names.remove("hallucination_rate")
    for heading in ("arm", "n", *(name.replace("_", " ") for name in names), "p50", "per 1,000"):
        table.add_column(heading, overflow="fold")
    for evaluation in result.evaluations:
        arm = evaluation.arm
        simulated = arm.simulated
        latency = evaluation.latency_s.get("p50")
        seconds = f"{latency.value:.2f} s" if latency and latency.value is not None else "not measured"
        cost = f"${arm.cost_per_1000_usd:.2f}" if arm.cost_per_1000_usd is not None else "not measured"
        table.add_row(
            f"{arm.name} (simulated)" if simulated else arm.name,
            str(evaluation.n),
            *(show(evaluation.metrics.get(name)) for name in names),
            f"{seconds} assumed" if simulated and latency else seconds,
            f"{cost} assumed" if simulated else cost,
        )
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    console.print()
    console.print(table)
    for arm_name, reason in result.skipped_arms.items():
        say(f"{arm_name}: {reason}")
    for comparison in result.comparisons:
        say(comparison.sentence)
        minor_gaps(comparison)
    say(result.break_even.sentence)
    say(f"\n{styled('Verdict', bold=True)}: {result.verdict.outcome}. {result.verdict.sentence}")

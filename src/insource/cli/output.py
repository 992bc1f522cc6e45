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
    from rich.table import Table as RichTable

    from insource.training.recipe import Recipe
    from insource.types import Arm, Comparison, DatasetManifest, Estimate, Evaluation, Fairness, RunResult

EXIT_INTERRUPTED = 130
WIDTH = 80
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
        self._reached = 0.0
        self._open_line = False

    def stage(self, name: str, about: str) -> None:
        self._close_line()
        self._first = None
        self._printed = (-1, 0.0)
        if not self._quiet:
            say(f"\n{styled(name, bold=True)}  {printable(about)}")

    def note(self, text: str) -> None:
        self._close_line()
        if not self._quiet:
            say(f"  {printable(text)}")  # names of a log may hold anything

    def progress(self, text: str, done: float, total: float) -> None:
        if self._quiet or not total:
            return
        now = time.monotonic()
        if done < self._reached:  # another part of the stage, such as the next trial of a sweep
            self._first, self._printed = None, (-1, 0.0)
        self._reached = done
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
    """Print the ladder, what it was compared with, what makes that unfair, break-even and the verdict."""
    from rich.console import Console

    width = max(WIDTH, Console(stderr=True).width) if sys.stderr.isatty() else WIDTH
    console = Console(stderr=True, width=width)
    console.print()
    console.print(_ladder(result))
    for arm_name, reason in result.skipped_arms.items():
        say(f"{arm_name}: {reason}")
    say()
    for line in findings(result):
        say(printable(line))
    for comparison in result.comparisons:
        minor_gaps(comparison)
    if result.decision is not None:
        from insource.cli.decision_text import output, show_decision

        say()
        show_decision(result.decision, output(err=True))
        return
    say(result.break_even.sentence)
    say(f"\n{styled('Verdict', bold=True)}: {result.verdict.outcome}. {result.verdict.sentence}")


def _ladder(result: RunResult) -> RichTable:
    """Return the table of the arms, the chosen one marked."""
    from rich.table import Table

    from insource.foundation.money import show_usd
    from insource.report import words
    from insource.report.sections.ladder import correct_rate

    primary, chosen = words.primary_metric(result), words.candidate(result)
    exact = correct_rate(result) if correct_rate(result) != primary else None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("arm", overflow="fold")
    table.add_column("kind", overflow="fold")
    table.add_column(words.inside(words.metric(primary, result.gold).label), no_wrap=True)
    if exact:
        table.add_column("exact", no_wrap=True, justify="right")
    table.add_column("per 1,000", no_wrap=True, justify="right")
    table.add_column("n", no_wrap=True, justify="right")
    for evaluation in result.evaluations:
        arm = evaluation.arm
        mark = "→" if chosen is not None and arm.name == chosen.arm.name else ""
        right = evaluation.metrics.get(exact) if exact else None
        rate = "–" if right is None or right.value is None else f"{100 * right.value:.1f} %"
        cost = f"~{show_usd(arm.cost_per_1000_usd)}" if arm.simulated else show_usd(arm.cost_per_1000_usd)
        kind = arm.kind if arm.kind != arm.name else ""
        figures = (show(evaluation.metrics.get(primary)), *([rate] if exact else []), cost)
        names = (printable(arm.name), printable("simulated" if arm.simulated else kind))
        table.add_row(mark, *names, *figures, f"{evaluation.n:,}")
    return table


def findings(result: RunResult) -> list[str]:
    """Return what the comparisons found, what is unfair to a cloud, and why the arm is wrong, a line each.

    The primary comparison and those with real clouds are said in full, the others in one line.
    """
    from insource.report import words
    from insource.report.sections.comparing.others import summarised

    role = {e.arm.name: e.arm.role for e in result.evaluations if not e.arm.simulated}
    first = result.comparisons[:1]
    full = [*first, *(c for c in result.comparisons[1:] if role.get(c.baseline) == "reference")]
    rest = [c for c in result.comparisons if c not in full]
    lines = [c.sentence for c in full]
    lines += [c.other_question.sentence for c in first if c.other_question is not None]
    lines += [summarised(rest, words.arm_labels(result))] if rest else []
    lines += [_unfair(cloud, found) for cloud, found in result.fairness.items() if found.handicaps]
    lines += [f"Errors: {mix.sentence}" for mix in result.error_mixes[:1] if mix.causes]
    return [line for line in lines if line]


def _unfair(cloud: str, found: Fairness) -> str:
    from insource.report.sections.comparing.fairness import NAMES

    kinds = ", ".join(NAMES[one.kind].lower() for one in found.handicaps)
    rests = "the outcome rests on it" if found.reason else "the outcome is the same without"
    return f"Fairness: {cloud} has a handicap ({kinds}); {rests}."

"""Print decisions on a terminal: one in at most 60 lines of 80 columns, several as a table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from insource.cli.printable import WIDTH, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from insource.types.decided import Decision, NextExperiment, RankedOption

OPTIONS, KILLS, FLIPS, GATES = 6, 3, 2, 3  # shown; the page has all
LABEL = 10  # letters before a line of text
NAME = 14  # letters of a name in the table of several tasks, at least
BESIDE = 66  # letters beside the name of the task there


def show_decision(decision: Decision, console: Console | None = None) -> None:
    """Print the verdict, the three numbers, what rules it out, options, questions and the next experiment."""
    console = console or output()
    width = console.width
    for text in _top(decision, width):
        console.print(text, style="bold" if text.startswith(one_line(decision.task, 40)) else None)
    if decision.options:
        console.print()
        console.print(_options(decision, width))
        console.print()
    for text in _below(decision, width):
        console.print(text)


def show_decisions(decisions: Sequence[Decision], console: Console | None = None) -> None:
    """Print a table of decisions, a task a row, in the order given."""
    from insource.report import units

    console = console or output()
    named = max(NAME, console.width - BESIDE)
    table = _table()
    for head in ("task", "a month", "verdict", "first option", "saves", "next"):
        money = head in ("a month", "saves")
        table.add_column(head, no_wrap=True, overflow="ellipsis", justify="right" if money else "left")
    for one in decisions:
        first = one.first
        table.add_row(
            one_line(one.task, named),
            units.usd(one.profile.spending.per_month_usd.value if one.profile else None),
            one.verdict.outcome,
            one_line(first.name, NAME) if first else "none",
            units.usd(first.saves.value if first else None),
            f"{one.next.depth}, {_price(one.next)}" if one.next else "none",
        )
    console.print(table)


def _top(decision: Decision, width: int) -> Iterator[str]:
    """Yield the verdict, the three numbers, and what rules a model of one's own out."""
    from insource.report.sections.deciding.headline import DEPTHS, WORDS, headline_numbers

    word = WORDS[decision.verdict.outcome]
    yield f"{one_line(decision.task, 40)}: {word}, {DEPTHS[decision.depth]}"
    yield from _wrapped(decision.verdict.sentence, width, lines=5)
    if decision.simulated:
        yield from _wrapped("The cloud is simulated: nothing here is evidence about a provider.", width)
    yield ""
    for name, number in headline_numbers(decision):
        below = number.detail.replace("\n", "; ")
        yield from _wrapped(f"{name}: {number.text}{f' ({below})' if below else ''}", width, hanging=2)
    yield from _kills(decision, width)


def _kills(decision: Decision, width: int) -> Iterator[str]:
    from insource.report.words import listed

    if not decision.kills:
        return
    met = [kill for kill in decision.kills if kill.met]
    unknown = [kill.name for kill in decision.kills if kill.met is None]
    yield ""
    for kill in met[:KILLS]:
        said = kill.name if kill.sentence in decision.verdict.sentence else kill.sentence
        yield from _labelled("against", said, width)
    if len(met) > KILLS:
        yield from _labelled("", f"and {len(met) - KILLS} more criteria, in the page", width)
    if not met:
        yield from _labelled("against", "nothing that is known", width)
    if unknown:
        yield from _labelled("", f"not known: {listed(unknown)}", width)


def _options(decision: Decision, width: int) -> Table:
    from insource.report import units
    from insource.report.sections.deciding.options import difference, quality

    table = _table()
    table.add_column("option", overflow="ellipsis", no_wrap=True, max_width=max(24, width - WIDTH + 24))
    for name in ("quality", "difference", "1,000 correct", "saves"):
        table.add_column(name, justify="right", no_wrap=True, overflow="ellipsis")
    table.add_column("as today", no_wrap=True)
    for rank, one in _shown(decision):
        table.add_row(
            f"{rank} {one_line(one.name, 60)}",
            quality(one).text,
            difference(one).text,
            units.usd(one.cost_per_1000_correct_usd.value),
            units.usd(one.saves.value),
            one.standing,
        )
    return table


def _shown(decision: Decision) -> list[tuple[int, RankedOption]]:
    """Return the best options of which there is a figure, with their ranks."""
    from insource.report.sections.deciding.options import has_figures

    known = [(rank, one) for rank, one in enumerate(decision.options, 1) if has_figures(one)]
    return known[:OPTIONS]


def _below(decision: Decision, width: int) -> Iterator[str]:
    """Yield what would flip it, the four questions, what leaves, the gates, and the next experiment."""
    first, own = decision.first, decision.own
    shown = {one.name for _, one in _shown(decision)}
    left = [one.name for one in decision.options if one.name not in shown]
    yield from _labelled("also", ", ".join(left), width)
    if first is not None:
        yield from _labelled("first", first.why, width)
        yield from _labelled("leaves", first.leaves, width)
    flips = [flip.sentence for flip in own.flips] if own else []
    yield from _listed("flips", (flips or [*decision.verdict.flips_if])[:FLIPS], width)
    if decision.questions:
        yield ""
        for question in decision.questions:
            yield from _labelled(question.key, f"{question.answer}: {question.sentence}", width)
    if decision.gates:
        met = sum(gate.met is True for gate in decision.gates)
        states = {False: "not met", None: "unknown"}
        missed = [f"{gate.expression}: {states[gate.met]}" for gate in decision.gates if not gate.met]
        yield ""
        yield from _listed("gates", [f"{met} of {len(decision.gates)} met", *missed][: GATES + 1], width)
    yield ""
    yield from _next(decision, width)
    if decision.unknown:
        yield from _labelled("unknown", f"{len(decision.unknown)}: {', '.join(decision.unknown)}", width)


def _next(decision: Decision, width: int) -> Iterator[str]:
    one = decision.next
    if one is None:
        yield from _labelled("next", "no experiment could change the verdict", width)
    else:
        yield from _labelled("next", one.command, width)
        yield from _labelled("", f"{_price(one)}; settles {one.settles}", width)
    deeper = [other for other in decision.deeper if other != one]
    priced = "; ".join(f"{other.depth}: {_price(other)}" for other in deeper)
    yield from _labelled("deeper", priced, width)


def _price(one: NextExperiment) -> str:
    from insource.report import units

    minutes, usd = one.minutes.value, one.usd.value
    time = "unknown time" if minutes is None else units.shown(minutes, "minutes")
    return f"{time}, {'unknown price' if usd is None else units.usd(usd)}"


def _listed(label: str, items: Iterable[str], width: int) -> Iterator[str]:
    for place, item in enumerate(items):
        yield from _labelled("" if place else label, item, width)


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    """Yield a text behind its label; nothing without a text."""
    for place, part in enumerate(_wrapped(text, max(width - LABEL, 10))):
        yield f"{'' if place else label:<{LABEL}}{part}"


def _wrapped(text: str, width: int, *, lines: int = 2, hanging: int = 0) -> list[str]:
    """Return the text in lines, cut after some of them."""
    return wrap(
        one_line(text, lines * width + 1),
        width,
        subsequent_indent=" " * hanging,
        break_on_hyphens=False,
        max_lines=lines,
        placeholder=" …",
    )


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))


def output(*, err: bool = False) -> Console:
    """Return standard output, or standard error, 80 columns wide where it is no terminal."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else WIDTH
    return Console(stderr=err, width=width, markup=False, highlight=False, emoji=False)

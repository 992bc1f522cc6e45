"""Format calls and their figures for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from insource.cli.printable import one_line
from insource.foundation.clock import iso
from insource.foundation.money import show_usd

if TYPE_CHECKING:
    from rich.table import Table

    from insource.store.calls.usage import Consumption
    from insource.types import Call

WIDE = 200
LEGEND = "~ estimated from the length of the texts, because the provider reported no token counts"


def print_table(table: Table) -> bool:
    """Print the table to standard output, or return False when the terminal is too narrow for it."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDE
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    wanted = console.measure(table, options=console.options.update(max_width=10 * WIDE)).maximum
    fits = width is not None or wanted <= console.width
    if fits:
        console.print(table)
    return fits


def counted(number: int, what: str) -> str:
    """Format a count as ``1 call uncounted`` or ``31 calls uncounted``."""
    return f"{number:,} {'call' if number == 1 else 'calls'} {what}"


def notes(line: Consumption) -> list[str]:
    """Return the notes on calls that the sums leave out."""
    found = []
    if line.unpriced:
        found.append(counted(line.unpriced, "of unknown price"))
    if line.uncounted:
        found.append(counted(line.uncounted, "uncounted"))
    return found


def cost(line: Consumption) -> str:
    """Format a cost as ``$12.40 + 31 calls of unknown price``; ``-`` when there was nothing to charge for."""
    unknown = [counted(line.unpriced, "of unknown price")] if line.unpriced else []
    return " + ".join(([] if line.cost_usd is None else [sum_of(line)]) + unknown) or "-"


def sum_of(line: Consumption) -> str:
    """Format the sum of the known costs, ``-`` without one."""
    return "-" if line.cost_usd is None else marked(show_usd(line.cost_usd), line.estimated)


def marked(figure: str, estimated: int | bool) -> str:
    """Return ``~$0.002`` for a figure that rests on estimated token counts."""
    return f"~{figure}" if estimated else figure


def call_cost(call: Call) -> str:
    """Format the cost of a call; ``-`` for one that failed, because providers do not charge for it."""
    if call.cost_usd is None:
        return "-" if call.outcome == "error" else "unknown"
    return marked(show_usd(call.cost_usd), call.usage_estimated)


def seconds(value: float | None) -> str:
    """Format seconds as ``0.42 s`` or ``4.7 ms``; None as an empty string."""
    if value is None:
        return ""
    if value < 0.1:
        return f"{1000 * value:.0f} ms" if value >= 0.01 else f"{1000 * value:.2g} ms"
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def call_line(call: Call) -> str:
    """Format a call on one line: time, id, task, model, outcome, cost, latency, start of the answer."""
    model = call.model_answered or call.model_asked or "-"
    about = "/".join(part for part in (call.task, call.feature) if part)
    parts: Sequence[str] = (
        iso(call.started_at),
        one_line(call.call_id, 40),
        one_line(about or "-", 30),
        one_line(model, 40),
        call.outcome + (f" {call.status}" if call.status is not None and call.outcome != "ok" else ""),
        ("simulated " if call.simulated else "") + call_cost(call),
        seconds(call.latency_s) or "-",
        one_line(call.response_text or call.error, 60) or _wordless(call),
    )
    return "  ".join(parts).rstrip()


def _wordless(call: Call) -> str:
    """Return why an answer has no text, such as ``(tool_calls)`` or ``(content_filter)``; may be empty."""
    return "" if call.finish_reason in ("stop", "unknown", "error") else f"({call.finish_reason})"

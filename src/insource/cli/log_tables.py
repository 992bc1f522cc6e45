"""How calls and their figures look in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from insource.cli.neutral import one_line
from insource.clock import iso
from insource.money import show_usd

if TYPE_CHECKING:
    from rich.table import Table

    from insource.store.usage import Consumption
    from insource.types import Call

WIDE = 200


def print_table(table: Table) -> None:
    """On standard output; wide where there is no terminal to fit."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDE
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)


def cost(line: Consumption) -> str:
    """``$12.40 + 31 calls of unknown price``."""
    if line.cost_usd is None:
        return "unknown"
    text = show_usd(line.cost_usd)
    if line.unpriced:
        text += f" + {line.unpriced:,} {'call' if line.unpriced == 1 else 'calls'} of unknown price"
    return text


def seconds(value: float | None) -> str:
    """``0.42 s``; nothing when it was not measured."""
    return "" if value is None else f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def call_line(call: Call) -> str:
    """A call on one line: when, who, what, how it ended, what it cost, how the answer begins."""
    model = call.model_answered or call.model_asked
    about = "/".join(part for part in (call.task, call.feature) if part)
    parts: Sequence[str] = (
        iso(call.started_at),
        one_line(call.call_id, 40),
        one_line(about or "-", 30),
        one_line(model, 40),
        call.outcome + (f" {call.status}" if call.status is not None and call.outcome != "ok" else ""),
        ("simulated " if call.simulated else "") + show_usd(call.cost_usd),
        seconds(call.latency_s) or "-",
        one_line(call.response_text or call.error, 60),
    )
    return "  ".join(parts).rstrip()

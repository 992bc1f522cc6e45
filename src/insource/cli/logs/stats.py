"""``insource logs stats``: show calls, tokens, cost, errors and latency by group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.logs.options import config_option, filter_options, open_log
from insource.cli.options import json_option

if TYPE_CHECKING:
    from insource.store.calls.usage import Consumption

FIGURES = ("calls", "errors", "tokens in", "out", "cost", "p50", "p95", "p99")
DIMENSIONS = ("day", "task", "feature", "model", "provider", "user")


@click.command("stats", short_help="Show calls, tokens, cost, errors and latency by group")
@config_option
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(DIMENSIONS),
    help="Group by this; repeatable. Default: task and model.",
)
@filter_options
@json_option
def command(config_path: Path, by: Sequence[Any], where: dict[str, Any], as_json: bool) -> None:
    """Show calls, errors, tokens, cost and latency by day, task, feature, model, provider or user.

    Groups are sorted by cost, days by date. Calls of unknown price are counted separately, and a failed call
    counts for the model that answers to its name. Simulated calls have lines of their own. Figures with
    estimated token counts are marked with ~. Percentiles are accurate to 1 %.
    """
    by = list(dict.fromkeys(by)) or ["task", "model"]
    with open_log(config_path) as log:
        lines, total = log.stats_and_total(by, **where)
    if as_json:
        click.echo(json.dumps({"groups": _documents(lines), "total": _documents(total)}))
    elif not lines:
        click.echo("No calls.")
    else:
        _table(by, lines, total)


def _documents(lines: Sequence[Consumption]) -> list[dict[str, Any]]:
    return [{**line.model_dump(mode="json"), "error_rate": line.error_rate} for line in lines]


def _table(by: Sequence[str], lines: Sequence[Consumption], total: Sequence[Consumption]) -> None:
    from rich.table import Table

    from insource.cli.logs.tables import LEGEND, counted, print_table

    rows = [(_group(line, by), line) for line in lines]
    totals = [("total (simulated)" if line.simulated else "total", line) for line in total]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in by:
        table.add_column(heading, overflow="fold")
    for heading in FIGURES:
        table.add_column(heading, justify="right", overflow="fold")
    for cells, line in rows:
        table.add_row(*cells, *_figures(line))
    if len(lines) > len(total):
        table.add_section()
        for label, line in totals:
            table.add_row(label, *[""] * (len(by) - 1), *_figures(line))
        rows += [([label], line) for label, line in totals]
    if not print_table(table):
        _narrow(rows)
    if estimated := sum(line.estimated for line in total):
        click.echo(f"\n{LEGEND}: {counted(estimated, 'in all')}")


def _narrow(rows: Sequence[tuple[list[str], Consumption]]) -> None:
    """Print each group on its own line above its figures, for a terminal too narrow for the table."""
    from insource.cli.logs.tables import marked, notes, sum_of

    figures = []
    for _, line in rows:
        cells = list(_figures(line))
        cells[3:5] = marked(f"{line.output_tokens:,}", line.estimated), sum_of(line)
        figures.append(cells)
    widths = [max(map(len, column)) for column in zip(FIGURES, *figures, strict=True)]

    def aligned(cells: Sequence[str]) -> str:
        return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    click.echo(aligned(FIGURES))
    for (labels, line), cells in zip(rows, figures, strict=True):
        click.echo("; ".join([" / ".join(labels), *notes(line)]))
        click.echo(aligned(cells))


def _group(line: Consumption, by: Sequence[str]) -> list[str]:
    from insource.cli.printable import one_line

    cells = [one_line(line.group[name], 60) or "(none)" for name in by]
    return [*cells[:-1], f"{cells[-1]} (simulated)"] if line.simulated else cells


def _figures(line: Consumption) -> tuple[str, ...]:
    from insource.cli.logs.tables import cost, counted, marked, seconds

    return (
        f"{line.calls:,}",
        f"{100 * line.error_rate:.1f} %" if line.errors or line.interrupted else "0",
        marked(f"{line.input_tokens:,}", line.estimated),
        marked(f"{line.output_tokens:,}", line.estimated)
        + (f" + {counted(line.uncounted, 'uncounted')}" if line.uncounted else ""),
        cost(line),
        *(seconds(value) for value in (line.p50_s, line.p95_s, line.p99_s)),
    )

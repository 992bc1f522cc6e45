"""Print how many rows each step dropped between the source and the splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from insource.cli.printable import one_line

if TYPE_CHECKING:
    from insource.types import FunnelStep


def print_funnel(funnel: Iterable[FunnelStep], dropped: Mapping[str, int]) -> None:
    """Print one line per step, then the dropped rows by reason. The counts add up."""
    click.echo(f"{'step':<24} {'rows in':>12} {'dropped':>12} {'changed':>12} {'rows out':>12}")
    for step in funnel:
        click.echo(
            f"{one_line(step.step, 24):<24} {step.rows_in:>12,} {step.dropped:>12,} {step.changed:>12,}"
            f" {step.rows_out:>12,}"
        )
    for reason, count in sorted(dropped.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"  dropped, {one_line(reason, 40):<42} {count:>12,}")

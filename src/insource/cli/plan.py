"""``insource plan``: what training and serving a model take, on this machine or on a card."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.options import TRAINING, TRAINING_KEYS, config_option, json_option
from insource.cli.train import plan_lines, table_line
from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.config.sections import Config
    from insource.decision.hardware.plan import HardwarePlan
    from insource.decision.hardware.question import Question
    from insource.types import Estimate

GIB = 2**30
PLANNED = ("model", "method", "epochs", "batch_size", "rank", "processes")
COUNT = click.IntRange(min=1)


class Finite(click.FloatRange):
    """A number in a range that is neither infinite nor NaN, which click's own range lets through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Finite(0, min_open=True)


def overrides(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add options for the keys of ``[training]`` that a plan depends on most."""
    for name in reversed(PLANNED):
        function = click.option(
            f"--{name.replace('_', '-')}",
            f"{TRAINING}{name}",
            type=TRAINING_KEYS[name],
            help=f"Overrides training.{name}.",
        )(function)
    return function


@click.command("plan", short_help="Plan the hardware: memory, time, money, people")
@overrides
@click.option("--card", default="", help="A card such as rtx-4090, or auto; default: this machine.")
@click.option("--length", type=COUNT, help="Longest row, prompt and answer; default: training.max_tokens.")
@click.option("--mean-length", type=COUNT, help="Mean row in tokens; default: the longest.")
@click.option("--answer", type=COUNT, help="Mean answer in tokens; default: a sixteenth of --length.")
@click.option("--examples", type=COUNT, default=1000, show_default=True, help="Training rows.")
@click.option("--label", type=click.IntRange(min=0), help="Rows that people label; default: --examples.")
@click.option("--label-minutes", type=POSITIVE, default=2.0, show_default=True, help="Minutes a label.")
@click.option("--people", type=COUNT, default=1, show_default=True, help="People who label.")
@click.option("--concurrency", type=COUNT, default=1, show_default=True, help="Documents to answer at once.")
@click.option("--rent-usd", type=Finite(0), help="Your price of one card, US dollars per hour.")
@config_option
@json_option
def command(config_path: Path, as_json: bool, **given: Any) -> None:
    """Plan what training and serving a model take; nothing is fetched or trained.

    --model is any name of `insource models list`, on this machine or not. Without --card, the plan is for
    this machine. --card auto takes the cheapest run of the known cards on which the training fits.

    The exit code is 1 when the training cannot run there.
    """
    from insource.cli.options import open_session
    from insource.cli.output import say
    from insource.workflow.plan import plan_hardware

    flags = {f"training.{name}": given.pop(f"{TRAINING}{name}") for name in PLANNED}
    session = open_session(config_path, flags, or_defaults=config_path == Path(FILE_NAME))
    plan = plan_hardware(session, _question(session.config, given))
    if as_json:
        click.echo(json.dumps(plan.model_dump(mode="json"), ensure_ascii=False))
    else:
        _show(plan)
    for stop in plan.training.stops:
        say(f"stops: {stop.code}: {stop.message}")
    for remedy in plan.remedies:
        say(f"would fit: {remedy.option}: {remedy.change}, at least {remedy.least_bytes / GIB:.1f} GiB")
    if plan.training.stops:
        if not plan.remedies:
            say("would fit: no single change that Insource knows; try a smaller model and shorter rows")
        raise SystemExit(1)


def _question(config: Config, given: dict[str, Any]) -> Question:
    from insource.decision.hardware.question import People, Prices, Question, Workload

    section = config.training
    length = given["length"] or section.max_tokens
    for name in ("mean_length", "answer"):
        if (given[name] or 0) > length:
            flag = f"--{name.replace('_', '-')}"
            raise click.BadParameter(
                f"{given[name]} is more than the longest row, {length}.", param_hint=flag
            )
    work = {
        "length": length,
        "mean_length": given["mean_length"] or length,
        "answer": given["answer"] or max(1, length // 16),
        "examples": given["examples"],
        "concurrency": given["concurrency"],
    }
    rows = given["examples"] if given["label"] is None else given["label"]
    minutes = given["label_minutes"]
    return Question(
        model=section.model,
        section=section.model_copy(update={"max_tokens": length}),
        workload=Workload(**work),
        people=People(
            rows=rows,
            minutes=minutes,
            minutes_low=minutes / 2,
            minutes_high=2 * minutes,
            people=given["people"],
        ),
        prices=Prices(
            kwh_usd=config.decision.kwh_usd,
            machine_watts=config.decision.power_watts,
            rent_usd=given["rent_usd"],
        ),
        card=given["card"],
        given=frozenset(filter(_typed, given)),
    )


def _typed(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _show(plan: HardwarePlan) -> None:
    for line in [*plan_rows(plan), "", *serving_rows(plan), *option_rows(plan), *assumed_rows(plan)]:
        click.echo(line)


def plan_rows(plan: HardwarePlan) -> list[str]:
    """Return the plan as lines of a table: name, value, reason."""
    where = f"the {plan.card.name}" if plan.card else "this machine"
    return [
        table_line("on", plan.card.key if plan.card else "this machine", plan.reason),
        *plan_lines(plan.training, where),
        *(table_line(*row) for row in _beside(plan)),
    ]


def _beside(plan: HardwarePlan) -> list[tuple[str, str, str]]:
    from insource.foundation.money import show_usd

    rows = [
        (
            "least memory",
            f"{plan.least_bytes / GIB:.1f} GiB",
            "one row at a time, with all that saves memory",
        ),
        ("longest rows", f"{plan.longest_rows:,} tokens", "longer ones do not fit, all else equal"),
        ("energy", _range(plan.kwh, "kWh"), plan.kwh.method or plan.kwh.note),
        ("electricity", show_usd(plan.electricity_usd.value), "a rent includes it"),
        ("labelling", _range(plan.labelling_hours, "h"), plan.labelling_hours.method),
        ("calendar", _range(plan.calendar_days, "days"), plan.calendar_days.method),
    ]
    if plan.card:
        card = plan.card
        buy = f"{show_usd(card.buy_usd)} to buy ({card.buy_source})" if card.buy_usd else "not sold alone"
        rent = f"{show_usd(card.rent_usd)} an hour ({card.rent_source})" if card.rent_usd else "not rented"
        rows.append(("prices", f"of {plan.cards_date}", f"{buy}; {rent}"))
    for peak in plan.measured[:1]:
        taken, planned = peak.peak_bytes / GIB, peak.planned_bytes / GIB
        rows.append(("earlier run", f"{taken:.1f} GiB", f"taken by the whole process; {planned:.1f} planned"))
    return rows


def _range(estimate: Estimate, unit: str) -> str:
    if estimate.value is None:
        return "unknown"
    return f"{estimate.value:,.3g} {unit} ({estimate.low:,.3g} to {estimate.high:,.3g})"


def serving_rows(plan: HardwarePlan) -> list[str]:
    """Return what each engine needs, a line each."""
    first = plan.serving[0]
    asked = f"for {plan.concurrency:,}"
    lines = [
        f"Answering, {first.context_tokens:,} tokens a document, "
        f"{first.cache_per_token / 1024:.0f} KiB of keys and values a token"
        + (f" (an upper bound: {first.note})" if first.note else ""),
        f"{'engine':<10} {'weights':<11} {'GiB':>6} {asked:>9} {'fits':>5} {'at once':>8} {'tokens/s':>9}",
    ]
    for one in plan.serving:
        speed = "unknown" if one.tokens_per_s.value is None else f"{one.tokens_per_s.value:,.0f}"
        lines.append(
            f"{one.engine:<10} {one.weights_type:<11} {one.weights / GIB:>6.1f} {one.needed / GIB:>9.1f} "
            f"{'yes' if one.fits else 'no':>5} {one.at_once:>8,} {speed:>9}"
        )
    return lines


def assumed_rows(plan: HardwarePlan) -> list[str]:
    """Return every input that nobody measured, with its source, a line each."""
    return [
        *("", "Assumed"),
        *(table_line(one.name, f"{one.value:,g} {one.unit}", one.source) for one in plan.assumptions),
    ]


def option_rows(plan: HardwarePlan) -> list[str]:
    """Return the cards that ``auto`` chose from, a line each."""
    from insource.cli.output import duration
    from insource.foundation.money import show_usd

    if not plan.options:
        return []
    lines = ["", f"{'card':<20} {'least GiB':>9} {'time':>12} {'money':>10} {'kWh':>8}"]
    for one in plan.options:
        lines.append(
            f"{one.key:<20} {one.least_bytes / GIB:>9.1f} {duration(one.seconds.value or 0):>12} "
            f"{show_usd(one.usd.value):>10} {one.kwh.value or 0:>8.2f}"
        )
    return lines

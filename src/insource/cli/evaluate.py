"""``insource evaluate``: measure every candidate on the sealed test split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.types import Frozen, RunResult
    from insource.workflow.session import Session


@click.command("evaluate", short_help="Measure every candidate")
@click.option(
    "--ladder", is_flag=True, help="Measure what each smaller form of the tuned model costs instead."
)
@click.option(
    "--methods", help="With --ladder: further ways to train, with commas: full, qlora … Each one trains."
)
@click.option(
    "--seeds", type=click.IntRange(1, 10), default=1, help="With --ladder: trainings with other seeds."
)
@click.option(
    "--retention", is_flag=True, help="Measure what the tuned model memorised and forgot instead; minutes."
)
@click.option(
    "--documents",
    type=click.IntRange(2),
    help="With --ladder: validation documents. With --retention: training documents.",
)
@training_options
@json_option
def command(
    session: Session,
    ladder: bool,
    methods: str | None,
    seeds: int,
    retention: bool,
    documents: int | None,
    as_json: bool,
) -> None:
    """Measure every arm on the same test documents; the candidate is chosen on validation first.

    With --ladder, measure the tuned model as it is served, then merged in F16, Q8_0, Q6_K, Q5_K_M and Q4_K_M,
    on validation documents: quality against the step above, size, memory and speed. The report shows it.

    With --retention, ask the tuned model about as many training documents as test documents and about edited
    ones, and the base and the tuned model about skills beside the task. The report shows it.
    """
    if ladder and retention:
        raise click.UsageError("Choose one of --ladder and --retention.")
    if retention:
        _retention(session, documents, as_json=as_json)
        return
    if ladder:
        _ladder(session, methods, seeds, documents, as_json=as_json)
        return
    from insource.cli.output import say
    from insource.workflow.build import build_dataset
    from insource.workflow.choose import choose, fit_early
    from insource.workflow.evaluate import evaluate_arms
    from insource.workflow.export import make_model
    from insource.workflow.looks import looks_at_test
    from insource.workflow.register import register_choice

    dataset, task = build_dataset(session)
    best = fit_early(session, dataset, task)
    made = make_model(session, dataset, task)
    choice = choose(session, dataset, task, made, best=best)
    register_choice(session, dataset, task, choice)
    evaluated = evaluate_arms(session, dataset, task, made, choice=choice, best=best)
    if as_json:
        found = [one.evaluation.model_dump(mode="json") for one in evaluated]
        click.echo(json.dumps(found, ensure_ascii=False))
    say(f"\n{looks_at_test(session, dataset.splits['test']).summary}")
    if choice is not None and choice.baseline:
        say(f"Next: insource compare {choice.candidate!r} {choice.baseline!r}")


def _ladder(
    session: Session, methods: str | None, seeds: int, documents: int | None, *, as_json: bool
) -> None:
    from insource.cli.output import say
    from insource.report import words
    from insource.workflow.build import build_dataset
    from insource.workflow.export import make_model
    from insource.workflow.step_ladder import METHODS, measure_steps

    named = tuple(part.strip() for part in (methods or "").split(",") if part.strip())
    if unknown := [name for name in named if name not in METHODS]:
        raise click.BadParameter(
            f"there is no {unknown[0]}; choose of {', '.join(METHODS)}", param_hint="--methods"
        )
    chosen = [method for method in METHODS if method in named]
    dataset, task = build_dataset(session)
    made = make_model(session, dataset, task)
    found = measure_steps(session, dataset, task, made, methods=chosen, seeds=seeds, documents=documents)
    if as_json:
        click.echo(found.model_dump_json())
    say(f"\n{words.metric(found.metric).label} on {found.documents} {found.split} documents:")
    ratio = words.metric(found.metric).ratio
    for step in found.steps:
        against = f", {words.gap(step.difference, ratio=ratio)} against {step.above}" if step.above else ""
        speed = f"{words.number(step.tokens_per_s.value)} tokens/s, p95 {words.seconds(step.p95_s.value)}"
        sizes = f"{step.bytes / 1e6:,.0f} MB, {step.memory_bytes / 1e6:,.0f} MB of memory"
        say(f"  {step.name}: {words.described(step.quality, ratio=ratio)}{against}; {sizes}; {speed}")
    for name, reason in found.absent.items():
        say(f"  {name}: not measured: {reason}")
    for one in found.seeds:
        say(f"  seed {one.seed}: {words.described(one.quality, ratio=ratio)}")
    _report(session, made.trained.digest, step_ladder=found)


def _retention(session: Session, documents: int | None, *, as_json: bool) -> None:
    from insource.cli.output import say
    from insource.report.sections.retention import answers
    from insource.workflow.build import build_dataset
    from insource.workflow.export import make_model
    from insource.workflow.retention import measure_retention

    dataset, task = build_dataset(session)
    made = make_model(session, dataset, task)
    found = measure_retention(session, dataset, task, made, documents=documents)
    if as_json:
        click.echo(found.model_dump_json())
    say("")
    for answer in answers(found):
        say(f"  {answer}")
    _report(session, made.trained.digest, retention=found)


def _report(session: Session, training: str, **measured: Frozen) -> None:
    """Write the newest report of a training again, with what was measured since."""
    from insource.cli.output import near, say
    from insource.runs.result import load
    from insource.workflow.conclude import keep, with_measured

    result = _newest_of(session, training)
    if result is None:
        say("Next: insource run, whose report shows this")
        return
    kept = keep(session, with_measured(session, result, **measured))
    say(f"Report: {near(load(session.project.runs, kept.run_id)[1])}")


def _newest_of(session: Session, training: str) -> RunResult | None:
    """Return the newest result whose tuned model is this training's."""
    from insource.runs.result import STAGE, load

    for run in session.project.runs.complete(STAGE):
        result, _ = load(session.project.runs, run.run_id)
        if result.digests.get("training") == training:
            return result
    return None

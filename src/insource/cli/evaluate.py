"""``insource evaluate``: measure every candidate on the sealed test split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("evaluate", short_help="Measure every candidate")
@training_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Measure every arm on the same test documents; the candidate is chosen on validation first."""
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

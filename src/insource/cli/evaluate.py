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
    """Measure the logged clouds, the floor, the base model and the tuned model on the same test documents."""
    from insource.cli.output import say
    from insource.workflow.build import build_dataset
    from insource.workflow.evaluate import evaluate_arms
    from insource.workflow.export import make_model
    from insource.workflow.looks import looks_at_test

    dataset, task = build_dataset(session)
    evaluated = evaluate_arms(session, dataset, task, make_model(session, dataset, task))
    if as_json:
        found = [one.evaluation.model_dump(mode="json") for one in evaluated]
        click.echo(json.dumps(found, ensure_ascii=False))
    say(f"\n{looks_at_test(session, dataset.splits['test']).summary}")
    arms = [one.evaluation.arm for one in evaluated]
    pair = [next((arm.name for arm in arms if arm.role == "candidate"), "")]
    pair += [arm.name for arm in arms if arm.role == "baseline"][-1:]
    say(f"Next: insource compare {' '.join(map(repr, pair))}")

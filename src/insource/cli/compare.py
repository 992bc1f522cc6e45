"""``insource compare``: compare two candidates, paired by document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.evaluation.stage import Evaluated
    from insource.workflow.session import Session

EXIT_GATE_NOT_MET = 3
EXIT_UNDECIDED = 4


@click.command("compare", short_help="Compare two candidates, paired by document")
@click.argument("candidate")
@click.argument("baseline")
@click.option("--metric", help="Overrides task.primary_metric.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True), help="Overrides task.margin.")
@click.option("--gate", is_flag=True, help="Exit with 3 when worse, with 4 when inconclusive.")
@project_options
@json_option
def command(
    session: Session,
    candidate: str,
    baseline: str,
    metric: str | None,
    margin: float | None,
    gate: bool,
    as_json: bool,
) -> None:
    """Compare CANDIDATE with BASELINE on the test split.

    Both are arm names: "tuned", "base + schema" or the name of a cloud model.
    """
    from insource.cli.output import minor_gaps, say, show
    from insource.evaluation.compare import compare
    from insource.evaluation.stage import load

    evaluated: dict[str, Evaluated] = {}
    test_split = None
    for run in session.project.runs.complete("evaluate"):  # newest first
        found_split = run.manifest["spec"]["inputs"]["split"]
        test_split = test_split or (found_split if run.result["split"] == "test" else None)
        if run.result["split"] == "test" and found_split == test_split:
            evaluated.setdefault(run.result["arm"]["name"], load(run))
    first, second = _pick(evaluated, candidate), _pick(evaluated, baseline)
    labels = "accuracy" in first.evaluation.metrics
    chosen = metric or session.config.task.primary_metric or ("accuracy" if labels else "field_accuracy")
    found = compare(
        (first.evaluation.arm, first.records),
        (second.evaluation.arm, second.records),
        metric=chosen,
        margin=margin or session.config.task.margin,
        label_fields=_label_fields(first),
    )
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False))
    say(f"Paired on {found.n} test documents, {chosen.replace('_', ' ')}, margin {found.margin:g}\n")
    say(f"  {candidate:<20} {show(found.candidate_value)}")
    say(f"  {baseline:<20} {show(found.baseline_value)}")
    say(f"  {'difference':<20} {show(found.difference)}")
    p = f" · two-sided p = {found.p_value:.2g} ({found.test})" if found.p_value is not None else ""
    say(f"\n  {found.better} better · {found.worse} worse · {found.same} same{p}")
    say(f"\n{found.sentence}")
    for more in (found.other_question, found.mix):
        if more is not None and more.sentence:
            say(more.sentence)
    minor_gaps(found)
    if gate and found.outcome not in ("better", "not worse"):
        raise SystemExit(EXIT_GATE_NOT_MET if found.outcome == "worse" else EXIT_UNDECIDED)


def _label_fields(one: Evaluated) -> frozenset[str]:
    """Return the fields with a closed list in the task that was evaluated."""
    from insource.evaluation.never_answered import fields_of_labels
    from insource.types import Task

    return fields_of_labels(Task.model_validate(one.run.manifest["spec"]["config"]["task"]).output)


def _pick(evaluated: dict[str, Evaluated], name: str) -> Evaluated:
    from insource.foundation.errors import UserError

    if name not in evaluated:
        raise UserError(
            "no-such-arm",
            f"There is no evaluation of `{name}` on the test split.",
            details=(f"Evaluated arms: {', '.join(evaluated) or 'none'}.",),
            hint="Measure it first: insource evaluate",
        )
    return evaluated[name]

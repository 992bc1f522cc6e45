"""``insource compare``: compare two candidates, paired by document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import config_option, json_option, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from insource.types import Comparison

EXIT_GATE_NOT_MET = 3
EXIT_UNDECIDED = 4
BY_OUTCOME = "outcome"
_RELATIONS = ("<", ">", "=", " in ")


class _Gate(click.Command):
    """Lets ``--gate`` stand without an expression, also before the names of the arms."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give a ``--gate`` that no expression follows the value ``BY_OUTCOME``."""
        given = []
        for place, argument in enumerate(args):
            after = args[place + 1] if place + 1 < len(args) else ""
            alone = argument == "--gate" and not any(relation in after for relation in _RELATIONS)
            given.append(f"--gate={BY_OUTCOME}" if alone else argument)
        return super().parse_args(ctx, given)


@click.command("compare", cls=_Gate, short_help="Compare two candidates, paired by document")
@click.argument("candidate")
@click.argument("baseline")
@click.option("--metric", help="Overrides task.primary_metric.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True), help="Overrides task.margin.")
@click.option(
    "--gate",
    metavar="[EXPRESSION]",
    help="Exit with 3 when worse, with 4 when inconclusive; or when this is false, or not measured: "
    '"difference.low > -0.02".',
)
@click.option(
    "--predictions",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Answers from elsewhere: JSONL or CSV with id, model, output; inspect, promptfoo, lm-eval.",
)
@click.option(
    "--gold", type=click.Path(path_type=Path), help="Right answers: JSONL or CSV with id and output."
)
@click.option(
    "--to-label",
    type=click.Path(path_type=Path),
    help="Write the documents on which the predictions differ, to be labelled from the top.",
)
@click.option("--labels", type=click.Path(path_type=Path), help="Read that file back with its labels.")
@config_option
@json_option
def command(
    candidate: str,
    baseline: str,
    metric: str | None,
    margin: float | None,
    gate: str | None,
    predictions: Sequence[str],
    gold: Path | None,
    to_label: Path | None,
    labels: Path | None,
    config_path: Path,
    as_json: bool,
) -> None:
    """Compare CANDIDATE with BASELINE on the same documents.

    Both are arm names: "tuned", "base + schema" or the name of a cloud model, as evaluated on the test split.
    With --predictions they are the models of these files, and no project is needed.
    """
    from insource.cli.output import say
    from insource.evaluation.compare import Terms, compared
    from insource.workflow.compare import evaluated_pair, predicted_pair

    session = open_session(config_path, {}, or_defaults=bool(predictions))
    if to_label or labels:
        _label(predictions, (candidate, baseline), margin, to_label, labels, as_json)
        return
    pair = (
        predicted_pair(session, predictions, gold, candidate, baseline)
        if predictions
        else evaluated_pair(session, candidate, baseline)
    )
    terms = Terms(
        metric or pair.metric,
        session.config.task.margin if margin is None else margin,
        label_fields=pair.label_fields,
        question=session.config.evaluation.question,
        group_test=session.config.evaluation.group_test,
    )
    found = compared(pair.candidate, pair.baseline, terms, pair.why_not(terms)).comparison
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), ensure_ascii=False))
    for note in pair.notes:
        say(note)
    _say(found)
    _exit_by(gate, found)


def _say(found: Comparison) -> None:
    from insource.cli.output import minor_gaps, say, show

    say(f"Paired on {found.n} documents, {found.metric.replace('_', ' ')}, margin {found.margin:g}\n")
    say(f"  {found.candidate:<20} {show(found.candidate_value)}")
    say(f"  {found.baseline:<20} {show(found.baseline_value)}")
    say(f"  {'difference':<20} {show(found.difference)}")
    p = f" · two-sided p = {found.p_value:.2g} ({found.test})" if found.p_value is not None else ""
    say(f"\n  {found.better} better · {found.worse} worse · {found.same} same{p}")
    say(f"\n{found.sentence}")
    for more in (found.other_question, found.mix):
        if more is not None and more.sentence:
            say(more.sentence)
    minor_gaps(found)


def _label(
    predictions: Sequence[str],
    names: tuple[str, str],
    margin: float | None,
    write: Path | None,
    read: Path | None,
    as_json: bool,
) -> None:
    """Write the queue of differing documents, or print the difference that its labels give."""
    from insource.cli.output import near, say, show
    from insource.workflow.compare import from_labels, to_label, write_queue

    found = to_label(predictions, *names, margin)
    if write is not None:
        write_queue(write, found.queue)
        say(f"The two differ on {len(found.queue.differing):,} of {found.queue.documents:,} documents.")
        say(f"Wrote {near(write)}. Fill in `output` from the top, then read it back with --labels.")
    if read is None:
        return
    result = from_labels(read, found)
    if as_json:
        values = result._asdict() | {"difference": result.difference.model_dump(mode="json")}
        click.echo(json.dumps(values, ensure_ascii=False))
    say(f"{result.labels:,} of {result.differing:,} differing documents are labelled.")
    metric = found.task.primary_metric.replace("_", " ")
    say(f"  difference of {metric}: {show(result.difference)}, {names[0]} minus {names[1]}")
    if result.left is None:
        say("Not settled: it takes two labels at least, or more documents when all are labelled.")
    elif result.left:
        say(f"About {result.left:,} more labels would settle it if the difference stays as it is.")


def _exit_by(gate: str | None, found: Comparison) -> None:
    from insource.cli.output import say
    from insource.evaluation.gate import met

    if gate is None:
        return
    if gate == BY_OUTCOME:
        if found.outcome not in ("better", "not worse"):
            raise SystemExit(EXIT_GATE_NOT_MET if found.outcome == "worse" else EXIT_UNDECIDED)
        return
    is_met = met(gate, found.model_dump())
    said = {True: "is met", False: "is not met", None: "cannot be decided: a value was not measured"}[is_met]
    say(f"\nThe gate {gate} {said}.")
    if not is_met:
        raise SystemExit(EXIT_UNDECIDED if is_met is None else EXIT_GATE_NOT_MET)

"""``insource dataset policy``: whose answers may be trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("policy")
@project_options
@click.option(
    "--allow", "allowed", multiple=True, metavar="MODEL", help="Teachers like openai/* may be used."
)
@click.option("--refuse", "refused", multiple=True, metavar="MODEL", help="Teachers that may not.")
@click.option(
    "--terms", default="", help="Which version of the provider's terms you read; kept with every row."
)
@click.option("--note", default="", help="Why, in your words.")
@json_option
def command(
    session: Session,
    allowed: Sequence[str],
    refused: Sequence[str],
    terms: str,
    note: str,
    as_json: bool,
) -> None:
    """State which models' answers may be trained on. Training refuses all others, and names the rows.

    Answers that people checked or corrected are never refused. Without options, the rules are shown; the
    first that matches holds, so what you add goes to the top. Other terms add a rule from today on beside
    the one before; an answer has to be allowed by the one in force when it was given and by the newest.
    """
    from insource.cli.output import say
    from insource.dataset.rows.teacher_policy import TeacherRule, read_policy, write_policy

    path = session.project.policy_path
    policy = read_policy(path)
    date = session.clock.now().date().isoformat()
    for train, models in (("allow", allowed), ("refuse", refused)):
        for model in models:
            new = TeacherRule(model=model, train=train, terms=terms, date=date, note=note)
            policy = policy.with_rule(new)
    rules = policy.teacher
    if allowed or refused:
        write_policy(path, rules)
    if as_json:
        click.echo(json.dumps([rule.model_dump() for rule in rules], ensure_ascii=False))
        return
    for rule in rules:
        click.echo(f"{rule.train:7} {rule.model}" + (f"  ({rule.terms}, {rule.date})" if rule.terms else ""))
    say(f"Rules are in {path.name}" if rules else "No rules: a model's answers may not be trained on")

"""``insource dataset policy``: set which models' answers may be used for training."""

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
    "--allow",
    "allowed",
    multiple=True,
    metavar="MODEL",
    help="Allow this teacher; patterns such as openai/* match several.",
)
@click.option("--refuse", "refused", multiple=True, metavar="MODEL", help="Refuse this teacher.")
@click.option(
    "--terms", default="", help="Version of the provider's terms that you read; stored with every row."
)
@click.option("--note", default="", help="Reason for the rule.")
@json_option
def command(
    session: Session,
    allowed: Sequence[str],
    refused: Sequence[str],
    terms: str,
    note: str,
    as_json: bool,
) -> None:
    """Set which models' answers may be used for training. Training refuses all others and lists their rows.

    Answers that a person checked or corrected are always allowed. The first matching rule applies; new rules
    go to the top. A rule with other terms takes effect today and keeps the earlier rule: an answer must be
    allowed by the rule in force when it was given and by the newest rule. Without options, show the rules.
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
    say(f"Rules are in {path.name}" if rules else "No rules: no model's answers may be used for training")

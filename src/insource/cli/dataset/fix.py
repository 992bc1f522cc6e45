"""``insource dataset fix``: a person accepts or declines what a check proposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("fix")
@project_options
@click.option("--apply", "applied", multiple=True, metavar="CHECK", help="Accept this check's fix.")
@click.option("--decline", "declined", multiple=True, metavar="CHECK", help="Leave its rows as they are.")
@click.option("--forget", "forgotten", multiple=True, metavar="CHECK", help="Take a decision back.")
@click.option("--who", default="", help="Who decides; kept with the decision.")
def command(
    session: Session, applied: Sequence[str], declined: Sequence[str], forgotten: Sequence[str], who: str
) -> None:
    """Write your decisions to the fixes file, which belongs under version control.

    An accepted fix keeps the parameters that the last `insource dataset check` proposed, an alias table
    for instance. Edit the file to change them. Without options, the decisions so far are shown.
    """
    from insource.cli.output import say
    from insource.cli.printable import paragraph
    from insource.workflow.check import decide_fixes, effects

    decisions = decide_fixes(session, applied, declined, forgotten, who=who)
    for one in decisions:
        click.echo(f"{one.decision:<8} {one.check}")
        for line in effects(session, one):
            click.echo(paragraph(line, indent=9))
    say("Next: insource dataset build" if decisions else "No decisions. Next: insource dataset check")

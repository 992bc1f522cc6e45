"""``insource dataset fix``: accept or decline the fixes that the checks propose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("fix")
@project_options
@click.option("--apply", "applied", multiple=True, metavar="CHECK", help="Accept the fix of this check.")
@click.option("--decline", "declined", multiple=True, metavar="CHECK", help="Decline the fix of this check.")
@click.option("--forget", "forgotten", multiple=True, metavar="CHECK", help="Delete the decision.")
@click.option("--who", default="", help="Who decides; stored with the decision.")
def command(
    session: Session, applied: Sequence[str], declined: Sequence[str], forgotten: Sequence[str], who: str
) -> None:
    """Write your decisions to the fixes file. Keep that file under version control.

    An accepted fix stores the parameters that the last `insource dataset check` proposed, such as an alias
    table. Edit the file to change them. Without options, show the decisions.
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

"""``insource dataset schema``: infer the output contract and show the evidence for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options
from insource.foundation.files import replace_text

if TYPE_CHECKING:
    from insource.workflow.infer_schema import ContractReport
    from insource.workflow.session import Session

FILE = "schema.json"


@click.command("schema")
@project_options
@click.option("--write", is_flag=True, help=f"Write the schema to {FILE} beside insource.toml.")
@json_option
def command(session: Session, write: bool, as_json: bool) -> None:
    """Infer the output contract from all rows, and show the evidence for each field.

    --write writes an inferred JSON Schema to schema.json, for `schema` under [task]. Inferred labels are
    printed as a line for [task]. Edit either as needed. A contract in the configuration no longer changes
    with the rows.

    For fields that would be compared as plain text, it proposes a comparator (quantity, date, number, id)
    with the reason. --write appends them to insource.toml as comments; they count once you remove the marks.
    """
    from insource.cli.output import say
    from insource.cli.printable import printable
    from insource.matching.proposals import as_toml
    from insource.types import JsonSchema, Labels
    from insource.workflow.infer_schema import infer_contract

    report = infer_contract(session)
    if as_json:
        click.echo(report.model_dump_json())
    else:
        _show(report)
    for note in report.notes:
        say(note)
    if report.comparators and not as_json:
        click.echo("\n" + printable(as_toml(report.comparators, examples=True)), nl=False)
    if report.comparators and write:
        _append(session.project.folder / "insource.toml", as_toml(report.comparators))
    task = session.config.task
    if task.schema_path or task.labels:
        say("insource.toml already sets a contract under [task]; that contract applies.")
    if isinstance(report.output, JsonSchema):
        if write:
            say(f"Wrote {_written(session.project.folder / FILE, report.output.definition)}")
        say(
            f'Next: put schema = "{FILE}" under [task] in insource.toml'
            if write
            else "Next: insource dataset schema --write"
        )
    elif isinstance(report.output, Labels):
        names = json.dumps(report.output.names, ensure_ascii=False)
        say(f"Next: put this under [task] in insource.toml: labels = {names}")
        if "JSON" in task.instruction:
            say(
                "The instruction of [task] asks for JSON, but the answers are labels: "
                "describe the labels there instead."
            )


def _show(report: ContractReport) -> None:
    from insource.cli.printable import one_line, paragraph
    from insource.types import Labels

    if isinstance(report.output, Labels):
        click.echo(f"{'label':<68} {'rows':>11}")
        for name, count in report.labels.items():
            click.echo(f"{one_line(name, 68):<68} {count:>11,}")
    elif not report.fields:
        click.echo("Free text.")
    else:
        click.echo(f"{'field':<36} {'type':<17} {'seen':>6} {'null':>6} {'different':>11}")
        for field in report.fields:
            seen = f"{100 * field.seen / max(field.of, 1):.0f} %"
            null = f"{100 * field.null / max(field.seen, 1):.0f} %"
            different = _distinct(field.distinct, "string" in field.types)
            kinds = one_line("/".join(field.types), 17)
            click.echo(f"{one_line(field.path, 36):<36} {kinds:<17} {seen:>6} {null:>6} {different:>11}")
            click.echo(paragraph(field.why, indent=4, lines=2))
            if field.examples:
                click.echo(paragraph(f"such as {', '.join(field.examples)}", indent=4, lines=1))


def _append(path: Path, block: str) -> None:
    """Append the proposed comparators to insource.toml unless it has some."""
    from insource.cli.output import say

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if "[task.comparators]" in text:
        say(f"{path.name} has [task.comparators] already; nothing was added to it.")
        return
    replace_text(path, f"{text.rstrip()}\n\n{block}".lstrip())
    say(f"Added the proposed comparators to {path.name} as comments.")


def _distinct(count: int | None, texts: bool) -> str:
    if not texts:
        return ""
    return "> 50" if count is None else str(count)


def _written(path: Path, definition: dict[str, object]) -> Path:
    from insource.foundation.errors import UserError

    text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(
            "already-there",
            f"{path} already exists with other content.",
            hint="Compare it with the output of --json, then move it away and run this again.",
        )
    path.write_text(text, encoding="utf-8")
    return path

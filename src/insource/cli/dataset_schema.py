"""``insource dataset schema``: the inferred output contract with its evidence, to look at and to fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.inspection import ContractReport
    from insource.session import Session

FILE = "schema.json"


@click.command("schema")
@project_options
@click.option("--write", is_flag=True, help=f"Write the schema to {FILE} beside insource.toml.")
@json_option
def command(session: Session, write: bool, as_json: bool) -> None:
    """Infer from all rows what an answer looks like, and show what speaks for it, field by field.

    Look at it, then fix it: --write puts a JSON Schema into schema.json, which `[task] schema` names;
    labels are printed as the line for `[task]`. Edit either as you like. A schema that is written down
    does not change with the rows.
    """
    from insource.cli.output import say
    from insource.inspection import infer_contract
    from insource.types import JsonSchema, Labels

    report = infer_contract(session)
    if as_json:
        click.echo(report.model_dump_json())
    else:
        _show(report)
    for note in report.notes:
        say(note)
    task = session.config.task
    if task.schema_path or task.labels:
        say("insource.toml states another contract already, under [task]; that one is in force.")
    if isinstance(report.output, JsonSchema):
        if write:
            say(f"Wrote {_written(session.project.folder / FILE, report.output.definition)}")
        say(
            f'Next: put schema = "{FILE}" under [task] in insource.toml'
            if write
            else "Next: the same with --write"
        )
    elif isinstance(report.output, Labels):
        names = json.dumps(report.output.names, ensure_ascii=False)
        say(f"Next: put this under [task] in insource.toml: labels = {names}")


def _show(report: ContractReport) -> None:
    from rich.table import Table

    from insource.cli.log_tables import print_table
    from insource.cli.neutral import one_line
    from insource.types import Labels

    table = Table(box=None, pad_edge=False, header_style="bold")
    if isinstance(report.output, Labels):
        table.add_column("label")
        table.add_column("rows", justify="right")
        for name, count in report.labels.items():
            table.add_row(one_line(name, 80), f"{count:,}")
        print_table(table)
        return
    for heading in ("field", "type", "seen", "null", "different", "examples", "why"):
        table.add_column(heading, justify="right" if heading in ("seen", "null", "different") else "left")
    for field in report.fields:
        table.add_row(
            one_line(field.path, 60),
            "/".join(field.types),
            f"{100 * field.seen / max(field.of, 1):.0f} %",
            f"{100 * field.null / max(field.seen, 1):.0f} %",
            _distinct(field.distinct, "string" in field.types),
            one_line(", ".join(field.examples), 60),
            one_line(field.why, 90),
        )
    if report.fields:
        print_table(table)
    else:
        click.echo("Free text.")


def _distinct(count: int | None, texts: bool) -> str:
    if not texts:
        return ""
    return "> 50" if count is None else str(count)


def _written(path: Path, definition: dict[str, object]) -> Path:
    from insource.errors import UserError

    text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(
            "already-there",
            f"{path} exists, says something else, and is left as it is.",
            hint="Compare it with --json, then move it away and run this again.",
        )
    path.write_text(text, encoding="utf-8")
    return path

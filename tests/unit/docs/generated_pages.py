"""The generated parts of docs/reference, from the code itself.

``python tests/unit/docs/generated_pages.py`` writes them; the test beside this file fails when they
are out of date.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click

import insource
from insource.cli.main import VERBS, cli
from insource.config.loading import keys
from insource.config.sections import Config
from insource.types import Frozen, RunResult
from insource.types.decided import Decision

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"
BEGIN, END = "<!-- generated -->", "<!-- /generated -->"


def configuration() -> str:
    """A table a section: key, type, default, what it is."""
    parts = []
    for section in Config.model_fields:
        parts.append(f"## [{section}]\n\n| key | type | default | meaning |\n|---|---|---|---|")
        for key, field in keys().items():
            if key.startswith(f"{section}."):
                default = json.dumps(field.get_default(call_default_factory=True), ensure_ascii=False)
                default = "empty" if default in ("null", '""', "[]", "{}") else f"`{default}`"
                kind = type_name(field.annotation) + "".join(limits(field.metadata))
                parts.append(f"| `{key}` | {kind} | {default} | {field.description} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def type_name(annotation: Any) -> str:
    """``float or empty``, ``"error" or "drop"``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, UnionType):
        named = [type_name(one) for one in arguments if one is not type(None)]
        return " or ".join([*named, "empty"] if type(None) in arguments else named)
    if origin is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return "table"
    if origin is tuple:
        inner = type_name(arguments[0])
        return f"list of {inner}s" if inner == "table" else f"list of {inner}"
    if origin is dict:
        return "table a name"
    names = {str: "text", int: "integer", float: "number", bool: "true or false", datetime: "date or time"}
    return names[annotation]


def limits(metadata: list[Any]) -> Iterator[str]:
    """``, > 0``: the bounds of a number, the pattern of a text."""
    for bound in metadata:
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
            if (value := getattr(bound, name, None)) is not None:
                yield f", {sign} {value}"
        if pattern := getattr(bound, "pattern", None):
            yield f", `{pattern}`"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that can be run, with its full name, in the order of the help."""
    context = click.Context(cli, info_name="insource")
    for verb in (verb for verbs in VERBS.values() for verb in verbs):
        command = cli.get_command(context, verb)
        assert command is not None
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield f"{verb} {name}", inner
        else:
            yield verb, command


def command_line() -> str:
    """A section a command: how it is called, what it does, its options."""
    parts = []
    for name, command in commands():
        parameters = command.params
        arguments = [
            p.make_metavar(click.Context(command)) for p in parameters if p.param_type_name == "argument"
        ]
        usage = " ".join(["insource", name, *arguments, "[OPTIONS]"])
        paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
        about = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        parts.append(f"## insource {name}\n\n`{usage}`\n\n{about}\n")
        options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
        parts.append("| option | value | default | meaning |\n|---|---|---|---|")
        parts.extend(option_row(option) for option in options)
        parts.append("")
    return "\n".join(parts).rstrip()


def option_row(option: click.Option) -> str:
    """One line of a command's table."""
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
    value = "" if option.is_flag else option.type.name
    if isinstance(option.type, click.Choice):
        value = " or ".join(f"`{choice}`" for choice in option.type.choices)
    elif isinstance(option.type, click.IntRange | click.FloatRange):
        low, high = (">" if option.type.min_open else "≥"), ("<" if option.type.max_open else "≤")
        value = value.removesuffix(" range")
        value += f", {low} {option.type.min}" if option.type.min is not None else ""
        value += f", {high} {option.type.max}" if option.type.max is not None else ""
    context = click.Context(click.Command("any"))
    default = option.get_default(context)
    shown = "" if option.is_flag or not isinstance(default, str | int | Path) else f"`{default}`"
    return f"| {names} | {value} | {shown} | {option.help or ''} |"


def public_api() -> str:
    """One line a public name: the first of its docstring."""
    rows = ["| name | what it is |", "|---|---|"]
    for name in insource.__all__:
        if name != "__version__":
            about = (inspect.getdoc(getattr(insource, name)) or "").partition("\n\n")[0]
            rows.append(f"| `{name}` | {' '.join(about.split()).replace('``', '`')} |")
    return "\n".join(rows)


def run_result_schema() -> str:
    """The JSON Schema of what ``insource run --json`` prints."""
    return schema_of(RunResult)


def decision_schema() -> str:
    """The JSON Schema of each decision that ``insource decide --json`` prints."""
    return schema_of(Decision)


def schema_of(kind: type[Frozen]) -> str:
    """The JSON Schema of a document."""
    schema = without_examples(kind.model_json_schema(mode="serialization"))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def without_examples(schema: Any) -> Any:
    """The schema whose descriptions end before the Python examples of the docstrings."""
    if isinstance(schema, list):
        return [without_examples(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.partition("\n\nExamples:\n")[0]
        if key == "description" and isinstance(value, str)
        else without_examples(value)
        for key, value in schema.items()
    }


def with_block(page: str, block: str) -> str:
    """The page with its generated block replaced."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{block}\n\n{END}{tail}"


BLOCKS: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "cli.md": command_line,
    "python.md": public_api,
}
SCHEMA = REFERENCE / "run-result.schema.json"
DECISION_SCHEMA = REFERENCE / "decision.schema.json"


def main() -> None:
    for name, block in BLOCKS.items():
        page = REFERENCE / name
        page.write_text(with_block(page.read_text(encoding="utf-8"), block()), encoding="utf-8")
    SCHEMA.write_text(run_result_schema(), encoding="utf-8")
    DECISION_SCHEMA.write_text(decision_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()

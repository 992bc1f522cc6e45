"""Review in the terminal: the reviewer types one line per field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from insource.cli.output import say
from insource.cli.printable import printable
from insource.dataset.review.fields import AnswerField
from insource.dataset.review.queues import QueueName, scalars
from insource.dataset.review.workbench import FieldVerdict, NotSaved, ReviewItem, Workbench
from insource.foundation.value_names import value_name
from insource.matching.spans import find_spans

SHOWN = 4_000
HELP = "a accept · A accept the rest · 1-9 choose · e VALUE edit · x reject · u undo · n next · q quit"


class _Left(Exception):
    """The reviewer left the row without saving it: ``next``, ``undo`` or ``quit``."""


def review_in_terminal(workbench: Workbench, queue: QueueName, who: str) -> None:
    """Review row by row until the queue is empty, the reviewer quits, or the input ends."""
    index = workbench.following(queue, who)
    seen: set[int] = set()
    while index is not None and index not in seen:
        item = workbench.item(queue, who, index)
        progress = workbench.progress(queue, who)
        _show(item, f"{progress.done} of {progress.done + progress.waiting} decided by {who}")
        try:
            verdicts = _verdicts(item)
            workbench.save(who, index, verdicts)
        except NotSaved as refused:
            say(str(refused))
            continue
        except _Left as left:
            if str(left) == "quit":
                return
            if str(left) == "undo":
                back = workbench.undo(who)
                say("Undone" if back is not None else "There is nothing to undo")
                seen.discard(index if back is None else back)
                index = index if back is None else back
                continue
            seen.add(index)
        index = workbench.following(queue, who, index)
    say(nothing_waits(workbench, queue, who))


def nothing_waits(workbench: Workbench, queue: QueueName, who: str) -> str:
    """Say that a queue is done or was empty, and which other one is not."""
    found = "has no more rows" if len(workbench.order(queue)) else "is empty"
    other = workbench.elsewhere(queue, who)
    if other is None:
        return f"The queue {queue} {found}, and no other queue has a row for {who}"
    name, waiting = other
    rows = "1 row waits" if waiting == 1 else f"{waiting:,} rows wait"
    return f"The queue {queue} {found}. In {name}, {rows}: insource dataset review --queue {name}"


def _show(item: ReviewItem, progress: str) -> None:
    text = item.row.input[:SHOWN]
    places = {
        (span.start, span.end)
        for field in item.fields
        for value in scalars(field.value)
        for span in find_spans(value, text, field.comparator)
    }
    end = 0
    pieces = []
    for start, stop in sorted(places):
        if start >= end:
            pieces.append(f"{text[end:start]}[[{text[start:stop]}]]")
            end = stop
    more = len(item.row.input) - len(text)
    click.echo(f"\n=== {printable(item.row.row_id)} ({progress})")
    for reason in item.reasons:
        click.echo(printable(reason))
    click.echo(printable("".join([*pieces, text[end:]])))
    if more > 0:
        click.echo(f"[shortened: {more:,} more characters]")
    for model, output in item.outputs.items():
        click.echo(printable(f"{model} said: {output[:SHOWN]}"))


def _verdicts(item: ReviewItem) -> list[FieldVerdict]:
    """Ask for one verdict per field.

    Raises:
        _Left: The reviewer left the row, so it is not saved.
    """
    given: list[FieldVerdict] = []
    while len(given) < len(item.fields):
        field = item.fields[len(given)]
        answer = _asked(field)
        command, _, rest = answer.partition(" ")
        if command in ("n", "q") or (command == "u" and not given):
            raise _Left({"n": "next", "q": "quit", "u": "undo"}[command])
        if command == "u":
            given.pop()
        elif command == "A":
            given += [FieldVerdict(one.pointer, "accepted") for one in item.fields[len(given) :]]
        elif (verdict := _verdict(field, command, rest)) is not None:
            given.append(verdict)
        else:
            click.echo(HELP)
    return given


def _verdict(field: AnswerField, command: str, rest: str) -> FieldVerdict | None:
    if command in ("a", "x"):
        return FieldVerdict(field.pointer, "accepted" if command == "a" else "rejected")
    if command == "e" and (rest or field.nullable):
        return FieldVerdict(field.pointer, "edited", rest)
    if command.isascii() and command.isdigit() and 1 <= int(command) <= len(field.choices):
        return FieldVerdict(field.pointer, "edited", choice=int(command) - 1)
    return None


def _asked(field: AnswerField) -> str:
    click.echo(printable(f"\n{field.name}: {_text(field.value)}"))
    if field.choices:
        click.echo(printable("  " + _numbered(field.choices)))
    try:
        return str(click.prompt("[a/A/1-9/e/x/u/n/q]", prompt_suffix=" ", default="", show_default=False))
    except click.Abort:
        return "q"


def _numbered(choices: Sequence[Any]) -> str:
    texts = [_text(choice) for choice in choices]
    if len(set(texts)) < len(texts):  # the number 1 and the text "1"
        texts = [value_name(choice) for choice in choices]
    return "  ".join(f"{number} {text}" for number, text in enumerate(texts[:9], 1))


def _text(value: Any) -> str:
    if value is None:
        return "(nothing)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""What changed between the contract that a model was made for and the one that is wanted now, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from insource.types import JsonSchema, Labels, OutputSpec

MOST = 5
"""Names that a sentence lists."""


def contract_changes(
    before: OutputSpec, now: OutputSpec | None, instruction_before: str, instruction_now: str
) -> tuple[str, ...]:
    """Return the changes of the output contract and of the instruction; none where both are the same.

    ``now`` is None where the contract is inferred from the rows: new rows then change it, which nobody asked
    for.
    """
    changes = [] if now is None else list(_output_changes(before, now))
    if instruction_before.strip() != instruction_now.strip():
        changes.append("the instruction is another one")
    return tuple(changes)


def same_answers(before: OutputSpec, now: OutputSpec) -> bool:
    """Return whether an answer to one contract can be scored by the other: labels or fields are equal."""
    if isinstance(before, JsonSchema) and isinstance(now, JsonSchema):
        return _fields(before).keys() == _fields(now).keys()
    if isinstance(before, Labels) and isinstance(now, Labels):
        return set(before.names) == set(now.names)
    return before.kind == now.kind


def _output_changes(before: OutputSpec, now: OutputSpec) -> Iterable[str]:
    if before.kind != now.kind:
        yield f"answers are {now.kind}, and were {before.kind}"
    elif isinstance(before, JsonSchema) and isinstance(now, JsonSchema):
        old, new = _fields(before), _fields(now)
        yield from _named("field", old.keys(), new.keys())
        changed = [name for name in old if name in new and old[name] != new[name]]
        if changed:
            yield f"other definitions of {_listed(changed)}"
        elif old == new and before.definition != now.definition:
            yield "the output contract is another one"
    elif isinstance(before, Labels) and isinstance(now, Labels):
        yield from _named("label", before.names, now.names)


def _fields(output: JsonSchema) -> Mapping[str, Any]:
    found = output.definition.get("properties", {})
    return found if isinstance(found, Mapping) else {}


def _named(what: str, old: Iterable[str], new: Iterable[str]) -> Iterable[str]:
    old, new = list(old), list(new)
    if added := [name for name in new if name not in old]:
        yield f"new {what}s {_listed(added)}"
    if gone := [name for name in old if name not in new]:
        yield f"no {what}s {_listed(gone)} any more"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"

"""Read the comparators that a person confirmed in insource.toml, and put them into a schema.

``[task.comparators]`` maps the path of a field to how its values compare: ``"power.voltage" = "quantity:V"``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from insource.contract.places import Place, place_of
from insource.foundation.errors import ConfigError
from insource.matching.comparators import KEYWORD, ListKind
from insource.matching.declared import check_declared

_FLAGS: Mapping[str, tuple[str, bool]] = {
    "day-first": ("day_first", True),
    "month-first": ("day_first", False),
    "derived": ("derived", True),
    "automation": ("automation", True),
}
_NUMBERS = frozenset({"abs_tol", "rel_tol", "cost"})


def declaration(said: str) -> dict[str, Any]:
    """Return what a confirmed comparator declares, as the content of ``x-insource``.

    ``kind:option:option``, such as ``quantity:V``, ``quantity:V:abs_tol=5``, ``date:day-first``,
    ``number:decimal=,``, ``id:automation:cost=3``, or a kind of list: ``set``, ``multiset``, ``sequence``.

    Raises:
        ConfigError: ``unknown-comparator``.
    """
    kind, *options = (part.strip() for part in said.split(":"))
    found: dict[str, Any] = {"list" if kind in get_args(ListKind) else "compare": kind}
    for option in options:
        name, given, value = option.partition("=")
        if not given and option in _FLAGS:
            key, flag = _FLAGS[option]
            found[key] = flag
        elif not given:
            found["unit"] = option
        else:
            found[name] = _number(value) if name in _NUMBERS else value
    check_declared({KEYWORD: found})
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # refused with its name by ``check_declared``


def with_comparators(
    schema: Mapping[str, Any], comparators: Mapping[str, str], *, partly: bool = False
) -> Mapping[str, Any]:
    """Return the schema with the comparators declared at their paths; the schema itself where there are none.

    With ``partly``, paths that the schema does not have are left out: a document's own schema has its own
    fields.

    Raises:
        ConfigError: ``unknown-comparator`` for a path that the schema does not have, or a wrong declaration.
    """
    if not comparators:
        return schema
    known = frozenset(paths_of(schema))
    found: Mapping[str, Any] = schema
    for path, said in comparators.items():
        if path in known:
            found = _declare(found, _steps(path), declaration(said))
        elif not partly:
            raise _unknown_path(path, known)
    return found


def paths_of(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of a schema's fields: ``lines`` is a list, ``lines[]`` are its items."""
    yield from _paths("", place_of(schema), frozenset())


def _paths(path: str, place: Place, above: frozenset[int]) -> Iterator[str]:
    if id(place) in above:
        return
    above |= {id(place)}
    for option in (place, *place.branches):
        for key, inner in option.properties.items():
            field = f"{path}.{key}" if path else key
            yield field
            yield from _paths(field, inner, above)
        if option.items is not None:
            yield f"{path}[]"
            yield from _paths(f"{path}[]", option.items, above)


def _steps(path: str) -> list[str]:
    """Return the keys to walk; ``[]`` stands for the items of a list."""
    return [step for key in path.split(".") for step in (*key.replace("[]", "\0[]").split("\0"),) if step]


def _declare(node: Any, steps: list[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    # Older drafts ignore what stands beside a reference.
    inner: dict[str, Any] = (
        {"allOf": [node]} if isinstance(node, Mapping) and "$ref" in node else dict(node or {})
    )
    if not steps:
        return {**inner, KEYWORD: {**inner.get(KEYWORD, {}), **declared}}
    step, *rest = steps
    if step == "[]":
        return {**inner, "items": _declare(inner.get("items", {}), rest, declared)}
    properties = inner.get("properties", {})
    return {**inner, "properties": {**properties, step: _declare(properties.get(step, {}), rest, declared)}}


def _unknown_path(path: str, known: frozenset[str]) -> ConfigError:
    near = get_close_matches(path, sorted(known), n=1)
    hint = f'Is "{near[0]}" meant?' if near else "Name a field of the schema: insource dataset schema"
    return ConfigError(
        "unknown-comparator", f'The schema has no field "{path}", named under [task.comparators].', hint=hint
    )

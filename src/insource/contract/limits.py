"""Name what a part of Insource cannot honour in a contract, by keyword and path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import jsonschema_rs

from insource.contract.grammar import compile_grammar
from insource.contract.resolved import KEYWORDS, subschemas, unresolved
from insource.foundation.errors import DataError

Part = Literal["grammar", "scoring", "validation", "schema"]

SHOWN = 3
_NO_VALUE = ("not", "if", "contains", "propertyNames", "contentSchema")
"""Schemas under these keywords judge a value; no value is compared by what stands in them."""


NO_GRAMMAR = "(the whole schema)"


class Limit(NamedTuple):
    """A keyword that one part does not honour, and where it stands: a pointer into the schema."""

    part: Part
    keyword: str
    path: str


def limits(schema: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Return what is not honoured in a valid schema.

    The grammar leaves out keywords that the engine does not have; a finished answer is validated against
    them. Alignment does not follow a dynamic reference with more than one target. The validator knows no
    ``format`` but those of the standard, and nobody knows a misspelt keyword.

    Raises:
        InvalidSchema: the schema is not valid.
    """
    found = [Limit(part, *place) for place in unresolved(schema) for part in _BOTH]
    found += _of_grammar(schema)
    for path, node in subschemas(schema):
        if isinstance(known := node.get("format"), str) and not _checked_format(known):
            found.append(Limit("validation", f"format: {known}", path))
        for keyword in _NO_VALUE:
            inside = subschemas(node.get(keyword), f"{path}/{keyword}")
            found += [
                Limit("scoring", "x-insource", place) for place, inner in inside if "x-insource" in inner
            ]
        found += [Limit("schema", keyword, path) for keyword in node if _nearest(keyword)]
    return tuple(dict.fromkeys(found))


_BOTH: tuple[Part, Part] = ("scoring", "grammar")


def limit_notes(found: Iterable[Limit]) -> tuple[str, ...]:
    """Return limits as sentences, one for each part and keyword."""
    paths: dict[tuple[Part, str], list[str]] = {}
    for limit in found:
        paths.setdefault((limit.part, limit.keyword), []).append(limit.path)
    return tuple(_sentence(part, keyword, places) for (part, keyword), places in paths.items())


def _sentence(part: Part, keyword: str, paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    where = f"`{keyword}` ({', '.join(paths[:SHOWN])}{more})"
    if part == "grammar":
        return (
            f"The grammar does not enforce {where}: an answer is checked for it when it is finished."
            if keyword != NO_GRAMMAR
            else f"No grammar can be made of the schema, so no answer can be constrained: {paths[0]}"
        )
    if part == "validation":
        return f"Nothing checks {where}: it is no format of JSON Schema."
    if part == "schema":
        return f"{where} is no keyword of JSON Schema and has no effect; is `{_nearest(keyword)}` meant?"
    if keyword == "x-insource":
        return f"Scoring does not use {where}: no value is compared by a schema under {', '.join(_NO_VALUE)}."
    return f"Scoring does not follow {where}: values there are compared by their own type."


def _of_grammar(schema: Mapping[str, Any]) -> Iterator[Limit]:
    try:
        for dropped in compile_grammar(schema).dropped:
            yield Limit("grammar", *dropped)
    except DataError as error:
        yield Limit("grammar", NO_GRAMMAR, "; ".join(error.details))


@lru_cache(maxsize=256)
def _checked_format(name: str) -> bool:
    try:
        jsonschema_rs.validator_for({"format": name}, validate_formats=True, ignore_unknown_formats=False)
    except jsonschema_rs.ValidationError:
        return False
    return True


@lru_cache(maxsize=1024)
def _nearest(keyword: str) -> str:
    """Return the keyword that an unknown one looks like, empty for known and for quite different ones."""
    if keyword in KEYWORDS or keyword.startswith(("x-", "$")):
        return ""
    close: Iterable[str] = get_close_matches(keyword, KEYWORDS, n=1, cutoff=0.8)
    return next(iter(close), "")

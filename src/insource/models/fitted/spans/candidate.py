"""A candidate value of a field."""

from __future__ import annotations

from typing import Any, NamedTuple

from insource.matching.normal_forms import fold_id, fold_text
from insource.models.fitted.spans.fields import Field


class Candidate(NamedTuple):
    """``value`` read from the text between ``start`` and ``end``; ``tag`` says in which way.

    ``base`` is the place of the date that a sum begins with, -1 for no sum.
    """

    start: int
    end: int
    value: Any
    tag: str
    base: int = -1


def value_key(field: Field, value: Any) -> Any:
    """Return what equal values of a field have in common."""
    if isinstance(value, bool) or not isinstance(value, str):
        return (isinstance(value, bool), value)
    return fold_id(value) if field.kind == "id" else fold_text(value)

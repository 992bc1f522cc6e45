"""Learn what the values of a field look like, and how targets spell them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from insource.arms.classical.spans.samples import Equality
from insource.matching.dates import parse_date
from insource.matching.normal_forms import fold_text
from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.fields import Field, Taught

MOST_CHOICES = 60
"""A text field with more different values than this is not one of a few choices."""

MIN_REPEATS = 4
"""A choice occurs so many times on average."""

MAX_MANY = 0.05
"""With at most this share of lists with several values, a field that may be a list is read as one value."""

MIN_SUMS = 0.05
_SHOWN = 3
_TOKEN = re.compile(r"[^\W_]+(?:[-./'’&_,:][^\W_]+)*|[^\w\s]+|_+")
_SUFFIX = re.compile(r"[0-9](\s?[^\s0-9].*)$")
_DATE_FORMATS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y",
    "%b %d, %Y", "%Y%m%d",
)  # fmt: skip

Gold = Sequence[Any]


def settled(field: Field, scopes: Sequence[Scope], golds: Sequence[Gold]) -> Field:
    """Return the field as the training values show it: dates and choices among texts, single values."""
    filled = [gold for gold in golds if gold]
    flat = [value for gold in filled for value in gold]
    if field.many and field.single and sum(len(gold) > 1 for gold in filled) <= MAX_MANY * len(filled):
        field = replace(field, many=False)
    if field.kind not in ("text", "id") or not flat:
        return field
    texts = [str(value) for value in flat]
    if all(
        (moment := parse_date(text, field.comparator.day_first)) and len(moment.day) == 3 for text in texts
    ):
        return replace(field, kind="date")
    inside = sum(
        fold_text(str(value)) in fold_text(scope.document.text[scope.start : scope.end])
        for scope, gold in zip(scopes, golds, strict=True)
        for value in gold
    )
    values = sorted(set(texts))
    few = len(values) <= MOST_CHOICES and len(texts) >= MIN_REPEATS * len(values)
    if inside < len(flat) / 2 and few and all(isinstance(value, str) for value in flat):
        return replace(field, kind="choice", choices=tuple(values))
    return field


def taught_forms(field: Field, golds: Sequence[Gold], equal: Equality, scopes: Sequence[Scope]) -> Taught:
    """Return what all training values say about the form of values; not which spelling stands for which."""
    flat = [value for gold in golds for value in gold]
    taught = Taught(usual=tuple(value for value, _ in _common(flat)))
    if field.kind in ("text", "id") and flat:
        tokens = [[match[0] for match in _TOKEN.finditer(str(value))] or ["x"] for value in flat]
        return replace(
            taught,
            longest=max(map(len, tokens)),
            shortest=min(len(str(value)) for value in flat),
            inner=tuple(sorted({token for found in tokens for token in found if not token[0].isalnum()})),
            digits=sum(any(c.isdigit() for c in str(value)) for value in flat) > 0.97 * len(flat),
            spellings=_spellings(flat),
        )
    if field.kind == "quantity":
        suffixes = Counter(match[1] for value in flat if (match := _SUFFIX.search(str(value))))
        return replace(
            taught, suffix=min(suffixes, key=lambda one: (-suffixes[one], one)) if suffixes else ""
        )
    if field.kind == "date":
        return _taught_dates(
            field,
            replace(taught, date_format=_date_format(flat, field.comparator.day_first)),
            golds,
            equal,
            scopes,
        )
    return taught


def _common(flat: Sequence[Any]) -> list[tuple[Any, int]]:
    counts = Counter((type(value).__name__, value) for value in flat)
    best = sorted(counts, key=lambda one: (-counts[one], str(one)))[:_SHOWN]
    return [(value, counts[name, value]) for name, value in best]


def _spellings(flat: Sequence[Any]) -> dict[str, str]:
    """Return the one spelling of each value whose targets agree on it but differ from its folded form."""
    spelled: dict[str, set[str]] = {}
    for value in flat:
        if isinstance(value, str):
            spelled.setdefault(fold_text(value), set()).add(value)
    counts = Counter(fold_text(value) for value in flat if isinstance(value, str))
    return {
        folded: next(iter(forms))
        for folded, forms in spelled.items()
        if len(forms) == 1 and counts[folded] > 1
    }


def _date_format(flat: Sequence[Any], day_first: bool | None) -> str:
    """Return the format that writes all training dates as they are, empty for ISO 8601."""
    moments = [(str(value), moment) for value in flat if (moment := parse_date(value, day_first))]
    for form in _DATE_FORMATS:
        written_so = sum(
            len(moment.day) == 3 and date(*moment.day).strftime(form) == text for text, moment in moments
        )
        if written_so > len(moments) / 2:
            return form
    return ""


def _taught_dates(
    field: Field, taught: Taught, golds: Sequence[Gold], equal: Equality, scopes: Sequence[Scope]
) -> Taught:
    """Say whether dates have to be computed: a date of the document and a number of days."""
    needed = filled = 0
    both = replace(taught, sums=True)
    for scope, gold in zip(scopes, golds, strict=True):
        if gold:
            filled += 1
            found = candidates(scope, field, both)
            plain = any(equal(gold[0], one.value) for one in found if one.base < 0)
            needed += not plain and any(equal(gold[0], one.value) for one in found if one.base >= 0)
    return both if needed > MIN_SUMS * filled else taught

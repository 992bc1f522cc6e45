"""What the page on metrics promises about equal values holds, row by row."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from unit.docs.generated_pages import REFERENCE

from insource.matching.comparators import comparator_for
from insource.matching.numbers import parse_number
from insource.matching.units import read_unit

PAGE = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def rows(heading: str) -> list[list[list[str]]]:
    """The code in each cell of the table that begins with this heading."""
    _, _, table = PAGE.partition(heading)
    lines = table.splitlines()[2:]
    body = lines[: next(n for n, line in enumerate(lines) if not line.startswith("|"))]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")] for line in body]


def forms(text: str, kind: str) -> list[object]:
    """A number in the table holds as JSON, too; so does a truth value, as nothing else."""
    if kind == "boolean":
        return [json.loads(text)]
    as_json = kind in ("number", "integer", "quantity") and NUMBER.fullmatch(text)
    return [text, json.loads(text)] if as_json else [text]


EXAMPLES = [
    (declared, label[0], other, same)
    for (declared,), label, alike, unlike in rows("| `x-insource` | label |")
    for other, same in [(one, True) for one in alike] + [(one, False) for one in unlike]
]


@pytest.mark.parametrize(("declared", "label", "other", "same"), EXAMPLES)
def test_every_example_of_the_page_holds(declared, label, other, same):
    declared = json.loads(declared)
    comparator = comparator_for({"x-insource": declared})
    for gold in forms(label, declared["compare"]):
        for answer in forms(other, declared["compare"]):
            assert comparator.equal(gold, answer) is same, (gold, answer)
            assert comparator.equal(answer, gold) is same, (answer, gold)


def test_the_examples_show_every_kind_both_ways():
    shown = {(json.loads(declared)["compare"], same) for declared, _, _, same in EXAMPLES}
    kinds = {"text", "exact", "id", "enum", "integer", "number", "boolean", "date", "quantity"}
    assert shown == {(kind, same) for kind in kinds for same in (True, False)}


def ambiguous() -> list[list[str]]:
    _, _, table = PAGE.partition("| spelling | default,")
    return [line.strip("| ").split(" | ") for line in table.split("\n\n")[0].splitlines()[2:]]


@pytest.mark.parametrize(("spelling", "default", "comma"), ambiguous())
def test_every_reading_of_an_ambiguous_number_is_the_documented_one(spelling, default, comma):
    text = spelling.strip("`")
    assert parse_number(text) == parse_number(text, ".") == Decimal(default)
    assert parse_number(text, ",") == Decimal(comma)
    assert parse_number("-" + text + " €", ",") == -Decimal(comma)


def families() -> list[list[str]]:
    """The units of each row of the table of kinds; a semicolon parts what differs in dimension, too."""
    _, _, table = PAGE.partition("| not the same, though of one dimension")
    cells = [line.strip("| ").split(" | ")[1] for line in table.split("\n\n")[0].splitlines()[2:]]
    return [re.split(r", ", part) for cell in cells for part in cell.split("; ")]


@pytest.mark.parametrize("units", families(), ids="-".join)
def test_units_of_one_dimension_and_another_kind_are_never_equal(units):
    kinds = [read_unit(unit).kind for unit in units]
    assert len(set(kinds)) == len(units)
    for one in units:
        for other in units:
            same = comparator_for({"x-insource": {"compare": "quantity"}}).equal(f"5 {one}", f"5 {other}")
            assert same is (one == other), (one, other)

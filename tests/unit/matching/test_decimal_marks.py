"""The decimal mark of a field: declared or settled by its labels, and used where its values are compared."""

from __future__ import annotations

import json

import pytest

from insource.evaluation.scorers import build_scorer
from insource.foundation.errors import ConfigError
from insource.matching.align import align
from insource.matching.comparators import comparator_for
from insource.matching.declared import check_declared
from insource.matching.surface import SurfaceForms
from insource.types import Completion, Example, JsonSchema, Provenance, Task

AMOUNT = {"type": ["string", "null"], "x-insource": {"compare": "number"}}
POWER = {"type": "string", "x-insource": {"compare": "quantity", "unit": "W"}}
MONEY = {"type": "object", "properties": {"net": {"$ref": "#/$defs/amount"}, "name": {"type": "string"}}}
SCHEMA = {
    "$defs": {"amount": AMOUNT},
    "type": "object",
    "properties": {
        "total": AMOUNT,
        "power": POWER,
        "parts": {"type": "array", "items": AMOUNT},
        "lines": {"type": "array", "items": MONEY},
        "note": {"type": "string"},
        "declared": {"type": "string", "x-insource": {"compare": "number", "decimal": "."}},
    },
}


def label(total="12,5", power="1,5 kW", part="0,5", net="1.234.567", note="1,5", declared="1,5"):
    return {
        "total": total,
        "power": power,
        "parts": [part],
        "lines": [{"net": net, "name": "x"}],
        "note": note,
        "declared": declared,
    }


def decimals(*labels):
    return dict(SurfaceForms.fit(labels, SCHEMA).decimals)


def test_one_label_with_a_decimal_comma_settles_its_field():
    shown = {"total": ",", "power": ",", "parts[]": ",", "lines[].net": ",", "declared": ","}
    assert decimals(label()) == shown
    plain = label("1.234", "1.234 kW", "1,234", "5", "5", "5")
    assert decimals(plain) == {}
    assert decimals(plain, label(), plain) == shown


def test_labels_with_both_marks_settle_nothing():
    assert "total" not in decimals(label("12,5"), label("12.5"))
    assert decimals(label("1,234.50"))["total"] == "."


def test_what_is_no_number_settles_nothing():
    assert "total" not in decimals(label("1,5 or 2,5"))
    assert "power" not in decimals(label(power="n/a 1,5"))


def bucket(answer, *labels, gold=None):
    task = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA))
    target = json.dumps(gold or labels[0])
    example = Example(row_id="1", digest="0", input="", target=target, provenance=Provenance(source="test"))
    score = build_scorer(task, SurfaceForms.fit(labels, SCHEMA))(example, Completion(text=json.dumps(answer)))
    return {slot.path: slot.bucket for slot in score.slots}


AMBIGUOUS = label("1.234", "1.234 W", "1.234", "1.234", "1.234", "1.234")
THOUSANDS = label("1234", "1234 W", "1 234", "1234", "1234", "1234")


def test_scoring_reads_a_settled_field_so_at_every_depth():
    found = bucket(THOUSANDS, AMBIGUOUS, label())
    assert found == {
        "total": "correct",
        "power": "correct",
        "parts[]": "correct",
        "lines[].net": "correct",
        "lines[].name": "correct",
        "note": "wrong",
        "declared": "wrong",
    }


def test_without_evidence_the_point_is_decimal():
    found = bucket(THOUSANDS, AMBIGUOUS)
    assert {found[path] for path in ("total", "power", "lines[].net")} == {"wrong"}
    assert found["parts[]"] in ("missed", "invented")


def test_rows_are_paired_by_the_mark_of_their_fields():
    gold = {"lines": [{"net": "1.234"}, {"net": "5.678"}]}
    answer = {"lines": [{"net": "5678"}, {"net": "1234"}]}
    slots = align(gold, answer, SCHEMA, absent="unscored", decimals={"lines[].net": ","})
    assert [slot.bucket for slot in slots] == ["correct", "correct"]


@pytest.mark.parametrize("mark", ["comma", "", ";", 1, "de"])
def test_a_decimal_mark_is_a_point_or_a_comma(mark):
    with pytest.raises(ConfigError, match="decimal") as caught:
        comparator_for({"x-insource": {"compare": "number", "decimal": mark}})
    assert caught.value.code == "unknown-comparator"
    with pytest.raises(ConfigError, match="decimal"):
        check_declared({"properties": {"a": {"x-insource": {"compare": "number", "decimal": mark}}}})

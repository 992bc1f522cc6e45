"""The data card says which measures are compared as text, and which numbers could be read in two ways."""

import json

import pytest

from insource.dataset.build import build
from insource.dataset.saved.card import data_card
from insource.types import JsonSchema

MEASURE = {"type": "string", "x-insource": {"compare": "quantity"}}
AMOUNT = {"type": "string", "x-insource": {"compare": "number"}}


def notes(tmp_path, schema, values):
    """The notes of a dataset whose only field has these values."""
    path = tmp_path / "rows.jsonl"
    rows = ({"input": f"document {n}", "output": {"size": value}} for n, value in enumerate(values))
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    definition = {"type": "object", "properties": {"size": schema}}
    manifest = build(path, name="sizes", output=JsonSchema(definition=definition)).manifest
    assert all(note in data_card(manifest) for note in manifest.notes if '"' not in note)
    return [note for note in manifest.notes if "of size" in note]


def test_unknown_units_are_counted_and_named(tmp_path):
    values = ["5 V"] * 20 + ["5 flurb"] * 8 + ["6 blorp", "7 Blorp", "n/a"]
    assert notes(tmp_path, MEASURE, values) == [
        "10 of the 31 values of size that are text have a unit that is not known. It is compared as text: "
        "flurb (8), blorp (2).",
        "1 of the 31 values of size that are text cannot be read as measures. They are compared as text.",
    ]


def test_many_unknown_units_are_summed_up(tmp_path):
    (note,) = notes(tmp_path, MEASURE, [f"5 flurb{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"])
    assert note.startswith("26 of the 26 values")
    assert note.endswith("and 21 more.")


@pytest.mark.parametrize(
    ("values", "ending"),
    [
        (
            ["1.234"] * 20 + ["12,5"] * 20,
            '"1.234" is read with a decimal comma, because other training labels show it.',
        ),
        (["1.234"] * 40, "because no training label shows which is meant"),
        (["1.234"] * 20 + ["12,5", "12.5"] * 20, "because the training labels show both marks"),
    ],
)
def test_ambiguous_numbers_are_counted_with_the_way_they_are_read(tmp_path, values, ending):
    (note,) = notes(tmp_path, AMOUNT, values)
    assert "could be read in two ways" in note
    assert ending in note


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (MEASURE, ["5 V", "10' 4\"", "10–20 kVA", "1/2 in", "5 Nm³/h"] * 8),
        (AMOUNT, ["1,234", "12.5"] * 20),
        (AMOUNT, ["1234", "1 234", "1234,5"] * 20),
        ({**AMOUNT, "x-insource": {"compare": "number", "decimal": ","}}, ["1.234"] * 40),
        ({"type": "string"}, ["5 flurb", "1.234"] * 20),
    ],
)
def test_nothing_is_said_where_nothing_is_in_doubt(tmp_path, schema, values):
    assert notes(tmp_path, schema, values) == []

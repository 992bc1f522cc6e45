"""Nested records as a table: what each cell says."""

import csv
import io

import pytest

from insource.formats.flat_csv import write_csv


def table(*records, first=()):
    file = io.StringIO()
    write_csv(lambda: iter(records), file, first)
    return list(csv.reader(io.StringIO(file.getvalue())))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("480 V", "480 V"),
        (None, ""),
        (True, "true"),
        (0.1, "0.1"),
        (-3, "-3"),
        ("-3 °C", "-3 °C"),
        ("=1+1", "'=1+1"),
        ("-x", "'-x"),
        ("@here", "'@here"),
        ([1, {"a": "ä"}], '[1, {"a": "ä"}]'),
        ({}, "{}"),
        ('two\nlines, and "quotes"', 'two\nlines, and "quotes"'),
    ],
)
def test_a_value_is_one_cell(value, cell):
    assert table({"v": value, "w": 1}) == [["v", "w"], [cell, "1"]]


def test_objects_become_columns_and_every_record_has_all_of_them():
    records = ({"id": "a", "error": "e"}, {"id": "b", "output": {"x": {"y": 1}, "z": 2}}, {"output": None})
    assert table(*records, first=("id", "output")) == [
        ["id", "output.x.y", "output.z", "output", "error"],
        ["a", "", "", "", "e"],
        ["b", "1", "2", "", ""],
        ["", "", "", "", ""],
    ]

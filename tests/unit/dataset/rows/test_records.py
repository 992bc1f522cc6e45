"""Reading rows: what is kept, what is dropped, with which line and reason."""

import json

import pytest

from insource.dataset.rows.records import row_of
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.formats.strict_json import as_object, strict_json
from insource.foundation.errors import DataError


def write(tmp_path, *lines):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


class Read:
    def __init__(self, work):
        self.rows, self.dropped, self.notes = tuple(work), tuple(work.dropped), work.notes
        self.read = work.read


def read_rows(path, schemas=None):
    with staged(JsonLines(path, schemas), path.parent) as work:
        return Read(work)


def test_an_empty_group_is_none(tmp_path):
    (read,) = read_rows(write(tmp_path, {**GOOD, "group": ""})).rows
    assert read.group is None


def test_every_key_is_read(tmp_path):
    schema = {"type": "object"}
    row = {
        "id": 7, "input": "a", "output": {"x": 1}, "split": "dev", "group": 3, "time": "2026-01-01",
        "attributes": ["x"], "schema": "spec", "cloud_outputs": {"b": "{}", "a": "{ }"}, "latency_s": 1.5,
    }  # fmt: skip
    (read,) = read_rows(write(tmp_path, row), {"spec": schema}).rows
    assert read.row_id == "7"
    assert read.split == "validation"
    assert (read.group, read.time, read.attributes) == ("3", "2026-01-01", ("x",))
    assert read.contract == schema
    assert list(read.cloud_outputs.items()) == [("a", "{ }"), ("b", "{}")]
    assert read.cloud_latency_s == {"a": 1.5, "b": 1.5}


def test_a_row_without_id_is_named_after_its_line(tmp_path):
    rows = read_rows(write(tmp_path, b"\xef\xbb\xbf", {"input": "a", "output": "b"}, b"  ")).rows
    assert [row.row_id for row in rows] == ["row-2"]


def test_latency_by_model(tmp_path):
    row = {"input": "a", "output": "b", "cloud_outputs": {"m": "b"}, "latency_s": {"m": 2}}
    assert read_rows(write(tmp_path, row)).rows[0].cloud_latency_s == {"m": 2.0}


def test_unknown_keys_are_counted_in_one_note(tmp_path):
    row = {"input": "a", "output": "b", "category": "Shoes"}
    assert read_rows(write(tmp_path, row, {**row, "input": "c"})).notes == (
        "Keys that Insource does not use were left out: category (2 rows).",
    )


GOOD = {"input": "a", "output": "b"}


@pytest.mark.parametrize(
    ("line", "reason", "words"),
    [
        (b'{"input": "a", "output": "b"', "invalid-json", "delimiter at column 29"),
        (b'{"input": NaN, "output": "b"}', "invalid-json", "NaN is not JSON"),
        (b'{"input": "a", "input": "b", "output": "c"}', "invalid-json", "'input' occurs twice"),
        (b'{"input": "\\ud800", "output": "c"}', "invalid-json", "surrogate"),
        (b"[" * 5000 + b"]" * 5000, "invalid-json", "nested deeper than 64"),
        (b"[" * 80 + b"]" * 80, "invalid-json", "nested deeper than 64"),
        (b'{"input": "\xff", "output": "b"}', "bad-utf8", "byte 12"),
        (b"[1]", "not-an-object", "a list"),
        ({"output": "b"}, "missing-input", "absent"),
        ({"input": "  ", "output": "b"}, "missing-input", "empty"),
        ({"input": 3, "output": "b"}, "wrong-type", "`input` is a number"),
        ({"input": "a"}, "missing-output", "absent"),
        ({"input": "a", "output": None}, "missing-output", "absent"),
        ({"input": "a", "output": [1]}, "not-an-object", "`output` is a list"),
        ({**GOOD, "split": "hold-out"}, "unknown-split", "'hold-out'"),
        ({**GOOD, "split": ["train"]}, "unknown-split", "['train']"),
        ({**GOOD, "id": True}, "wrong-type", "`id` is a boolean"),
        ({**GOOD, "group": {}}, "wrong-type", "`group` is an object"),
        ({**GOOD, "attributes": "x"}, "wrong-type", "`attributes`"),
        ({**GOOD, "schema": 1}, "wrong-type", "`schema`"),
        ({**GOOD, "schema": "nope"}, "unknown-schema", "'nope'"),
        ({**GOOD, "cloud_outputs": {"m": {}}}, "wrong-type", "`cloud_outputs`"),
        ({**GOOD, "latency_s": -1}, "wrong-type", "`latency_s`"),
        ({**GOOD, "latency_s": {"m": "fast"}}, "wrong-type", "`latency_s`"),
    ],
)
def test_a_bad_line_is_dropped_with_its_reason(tmp_path, line, reason, words):
    rows = read_rows(write(tmp_path, {"input": "x", "output": "y"}, line))
    (drop,) = rows.dropped
    assert (drop.line, drop.reason) == (2, reason)
    assert words in drop.detail
    assert rows.read == 2


def test_an_id_may_stand_once(tmp_path):
    rows = read_rows(write(tmp_path, {**GOOD, "id": "1"}, {**GOOD, "id": 1}))
    assert [(drop.reason, drop.detail) for drop in rows.dropped] == [
        ("duplicate-id", "the id '1' is already taken on line 1")
    ]


def test_no_rows_and_no_file_are_errors(tmp_path):
    with pytest.raises(DataError) as none:
        read_rows(write(tmp_path, b"", b" "))
    with pytest.raises(DataError) as absent:
        read_rows(tmp_path / "absent.jsonl")
    assert (none.value.code, absent.value.code) == ("no-rows", "rows-unreadable")


def test_an_object_may_be_spelled_as_text():
    assert as_object('{"a": 1}') == {"a": 1}
    assert as_object({"a": 1}) == {"a": 1}
    assert as_object('{"a": 1') is None
    assert as_object("12") is None


def test_strict_json_keeps_astral_characters():
    assert strict_json('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"model": "gpt"}, "teacher"),
        ({"provider": "openai"}, "teacher"),
        ({"model": "gpt", "label": "checked"}, "checked"),
        ({"model": "gpt", "human_edited": True}, "checked"),
        ({"date": "2026-01-01"}, "checked"),
        ({"model": "gpt", "synthetic": "label"}, "teacher"),
        ({"model": "gpt", "synthetic": "paraphrase", "label": "checked"}, "checked"),
    ],
)
def test_who_names_a_model_and_no_person_names_a_teacher(given, label):
    row = row_of({"input": "a", "output": "b", "provenance": given}, line=1, source="rows.jsonl")
    assert row.provenance.label == label

"""A user's broken file: which lines, how many, what next, and nothing half-written."""

import errno
import json
import os

import pytest

from insource.dataset.build import build
from insource.dataset.saved.folder import load, save
from insource.foundation.errors import DataError
from insource.types import JsonSchema, Labels

SCHEMA = JsonSchema(
    definition={
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
)


def write(tmp_path, records):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records),
        encoding="utf-8",
    )
    return path


def rows(count):
    return [{"input": f"d{n}", "output": {"n": n}} for n in range(count)]


def test_malformed_lines_are_named_and_counted(tmp_path):
    path = write(tmp_path, [*rows(10), '{"input": "a"', '{"input": "b"}', '{"input": "c"'])
    with pytest.raises(DataError) as error:
        build(path, name="s")
    assert error.value.code == "bad-rows"
    assert error.value.message == "3 of 13 rows cannot be used: invalid-json 2, missing-output 1."
    assert error.value.details == (
        "rows.jsonl:11: invalid-json: Expecting ',' delimiter at column 14",
        "rows.jsonl:12: missing-output: `output` is absent or empty",
        "rows.jsonl:13: invalid-json: Expecting ',' delimiter at column 14",
    )
    assert 'on_bad_rows = "drop"' in error.value.hint


def test_bad_rows_are_left_out_on_request_and_kept_in_the_books(tmp_path):
    dataset = build(write(tmp_path, [*rows(10), "nonsense"]), name="s", on_bad_rows="drop")
    assert dataset.manifest.dropped == {"invalid-json": 1}
    assert dataset.dropped[0].line == 11


def test_labels_that_do_not_fit_the_schema_are_named_with_their_path(tmp_path):
    path = write(
        tmp_path,
        [*rows(10), {"input": "x", "output": {"n": "two"}}, {"input": "y", "output": '{"n":1,"m":2}'}],
    )
    with pytest.raises(DataError) as error:
        build(path, name="s", output=SCHEMA)
    assert error.value.code == "labels-do-not-fit"
    assert error.value.message == "2 of 12 rows do not fit the output contract: schema-violation 2."
    assert error.value.details[0] == 'rows.jsonl:11: schema-violation: n: "two" is not of type "integer"'
    assert error.value.details[1].startswith("rows.jsonl:12: schema-violation: (the whole answer): ")


def test_unknown_labels_are_named(tmp_path):
    path = write(tmp_path, [{"input": f"d{n}", "output": "spam" if n else "Spam"} for n in range(10)])
    with pytest.raises(DataError) as error:
        build(path, name="s", output=Labels(names=("spam", "ham")))
    assert error.value.code == "labels-do-not-fit"
    assert error.value.details == ("rows.jsonl:1: unknown-label: 'Spam' is not one of the 2 labels",)


def test_a_truncated_label_is_told_from_a_wrong_one(tmp_path):
    path = write(tmp_path, [*rows(10), {"input": "x", "output": '{"n": '}])
    with pytest.raises(DataError) as error:
        build(path, name="s")
    assert (
        "not-an-object: `output` is not the JSON text of an object: Expecting value" in error.value.details[0]
    )


def test_a_rows_own_broken_schema_is_that_rows_fault(tmp_path):
    path = write(
        tmp_path, [*rows(10), {"input": "x", "output": {}, "schema": {"$ref": "https://example.com/s.json"}}]
    )
    with pytest.raises(DataError) as error:
        build(path, name="s")
    assert "invalid-schema: the row's own schema is not valid" in error.value.details[0]


def test_a_file_of_nothing_but_bad_rows(tmp_path):
    with pytest.raises(DataError) as error:
        build(write(tmp_path, ["x"] * 30), name="s", on_bad_rows="drop")
    assert error.value.code == "bad-rows"
    assert error.value.details[-1] == "… and 22 more"
    assert error.value.hint == "Correct these lines."


def test_an_empty_split_says_what_is_needed(tmp_path):
    with pytest.raises(DataError) as few:
        build(write(tmp_path, rows(3)), name="s")
    assert few.value.code == "empty-split"
    assert "At least 4 rows" in few.value.hint
    with pytest.raises(DataError) as no_train:
        build(write(tmp_path, [{**row, "split": "test"} for row in rows(10)]), name="s")
    assert "train" in no_train.value.message
    with pytest.raises(DataError) as no_share:
        build(write(tmp_path, rows(50)), name="s", fractions={"train": 0.8, "validation": 0.1, "test": 0.1})
    assert "Give calibration a fraction above 0" in no_share.value.hint
    assert build(write(tmp_path, rows(4)), name="s").manifest.counts == dict.fromkeys(
        ("train", "validation", "calibration", "test"), 1
    )


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    dataset = build(write(tmp_path, rows(10)), name="s")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError) as error:
        save(dataset, tmp_path / "datasets")
    monkeypatch.undo()
    assert error.value.code == "dataset-not-written"
    assert "No space left" in error.value.message
    assert list((tmp_path / "datasets").iterdir()) == []
    assert load(save(dataset, tmp_path / "datasets")) == dataset

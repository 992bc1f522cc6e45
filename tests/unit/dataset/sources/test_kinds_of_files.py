"""JSON and tables under other names and in other forms: read, or refused with the likely cause."""

import gzip
import json
import shlex

import pytest

from insource.config.dataset import DatasetSection
from insource.dataset.sources.choose import choose_source
from insource.dataset.sources.documents import Documents
from insource.dataset.sources.files import source_digest
from insource.foundation.errors import DataError
from insource.types import Dropped, Row

RECORDS = [{"input": f"document {n}, and {{more}}", "output": "xy"[n % 2]} for n in range(5)]
LINES = [json.dumps(record) for record in RECORDS]


def read(path, **section):
    source = choose_source(DatasetSection(**section), path, workspace=path.parent, task="t").source
    items = list(source)
    rows = [item for item in items if isinstance(item, Row)]
    return rows, [item for item in items if isinstance(item, Dropped)], source.notes


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.ndjson", "D.JSONL", "d.JSON", "d.txt", "d"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param("\n".join(LINES), id="JSON Lines"),
        pytest.param("\n\n".join(LINES) + "\n", id="blank lines"),
        pytest.param(json.dumps(RECORDS), id="a list on one line"),
        pytest.param(json.dumps(RECORDS, indent=2), id="a list over several lines"),
        pytest.param("[\n" + ",\n".join(LINES) + "\n]\n", id="a list, a record a line"),
        pytest.param(
            "\n".join(json.dumps(one, indent=4) for one in RECORDS), id="objects over several lines"
        ),
        pytest.param("\n".join(json.dumps(one, indent="\t") + "," for one in RECORDS), id="… with commas"),
        pytest.param(",\n".join(LINES) + "\n", id="lines that end in a comma"),
        pytest.param("\r\n".join(f"{line}," for line in LINES), id="the last one, too"),
        pytest.param("\ufeff" + "\n".join(LINES), id="a mark before them"),
    ],
)
def test_json_of_any_form_under_any_name(tmp_path, name, content):
    if name in ("d.txt", "d") and content.startswith("\ufeff"):
        content = content[1:]  # without a suffix, the first sign says what the file is
    path = tmp_path / name
    path.write_bytes(content.encode())
    rows, drops, _ = read(path, format="rows")
    assert drops == []
    assert [(row.input, row.output) for row in rows] == [(one["input"], one["output"]) for one in RECORDS]


def test_a_page_of_records(tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"data": RECORDS}), encoding="utf-8")
    assert len(read(path)[0]) == 5


def test_commas_that_are_left_out_are_counted(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text(",\n".join(LINES), encoding="utf-8")
    assert read(path)[2] == ("Lines read without the comma that they end in: 4.",)


def test_one_torn_line_does_not_make_a_document_of_the_file(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join([LINES[0].partition('"output"')[0].strip(), *LINES[1:]]), encoding="utf-8")
    rows, drops, _ = read(path)
    assert len(rows) == 4
    assert [(drop.line, drop.reason) for drop in drops] == [(1, "invalid-json")]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "{'input': 'x', 'output': 'y'}",
            "it looks like a Python dict: write each line with json.dumps(record)",
        ),
        ('{"input": "x", "output": NaN}', "write null instead"),
        ('{"input": "x", "output": [1, -Infinity]}', "write null instead"),
        (
            '{"input": "x"} {"input": "y"}',
            "there are two objects on the line: write one a line with jq -c . FILE",
        ),
        ("]", "it looks like JSON over several lines: write one object a line with jq -c '.[]' FILE"),
    ],
)
def test_what_is_no_json_is_refused_with_its_likely_cause(tmp_path, line, cause):
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join([*LINES, line]), encoding="utf-8")
    (drop,) = read(path)[1]
    assert drop.reason == "invalid-json"
    assert drop.detail.endswith(f"; {cause}")


@pytest.mark.parametrize("line", ['{"input": "a} {b', '{"input": "{\'x\': NaN", }', "text"])
def test_a_cause_is_not_guessed_from_what_a_document_says(tmp_path, line):
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join([*LINES, line]), encoding="utf-8")
    (drop,) = read(path)[1]
    assert ";" not in drop.detail


@pytest.mark.parametrize("name", ["d.xlsx", "d.csv", "d.jsonl"])
@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_no_table(tmp_path, name, begin):
    path = tmp_path / name
    path.write_bytes(begin + b"rest,\n")
    (drop,) = read(path, format="rows")[1]
    assert "save it as CSV" in drop.detail


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"rows": RECORDS}, "jq -c '.\"rows\"[]' d.json > rows.jsonl"),
        ({"version": 1, "my examples": RECORDS}, "jq -c '.\"my examples\"[]' d.json > rows.jsonl"),
        (
            {"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}},
            'df.to_json("rows.jsonl", orient="records", lines=True)',
        ),
        ({"input": {"0": "a"}, "output": {"0": "x"}}, 'orient="records"'),
    ],
)
def test_records_inside_one_object_are_refused_with_the_line_to_type(tmp_path, document, hint):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.code == "unknown-columns"
    assert hint in error.value.hint


@pytest.mark.parametrize("name", ["d.csv", "D.TSV", "d.csv.gz"])
def test_a_table_with_an_unknown_delimiter_names_the_setting(tmp_path, name):
    path = tmp_path / name
    content = b"input~output\na~x\nb~y\n"
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(DataError) as error:
        read(path)
    assert error.value.message == f"{name} has one column, 'input~output'."
    assert "delimiter" in error.value.hint
    assert [row.output for row in read(path, delimiter="~")[0]] == ["x", "y"]


def test_a_delimiter_says_that_a_file_without_a_suffix_is_a_table(tmp_path):
    path = tmp_path / "export"
    path.write_bytes(b"input~output\na~x\n")
    assert [row.output for row in read(path, delimiter="~")[0]] == ["x"]


def test_suffixes_in_capitals_are_the_same_suffixes(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "TRAIN.CSV").write_text("input,output\na,x\n", encoding="utf-8")
    (folder / "Valid.JSONL").write_text(LINES[0], encoding="utf-8")
    (folder / "test.Json").write_text(json.dumps(RECORDS[:1]), encoding="utf-8")
    rows, drops, _ = read(folder)
    assert drops == []
    assert {row.split for row in rows} == {"train", "validation", "test"}
    before = source_digest(DatasetSection(), folder)
    (folder / "TRAIN.CSV").write_text("input,output\na,y\n", encoding="utf-8")
    assert source_digest(DatasetSection(), folder) != before


def test_documents_and_labels_with_suffixes_in_capitals(tmp_path):
    for name, content in {"A.TXT": "one", "A.JSON": '"x"', "B.MD": "two", "B.LABEL": "y", "c.txt": "three",
                          "c.LABEL.TXT": "z"}.items():  # fmt: skip
        (tmp_path / name).write_text(content, encoding="utf-8")
    rows = {item.row_id: item for item in Documents(tmp_path)}
    assert {name: row.output for name, row in rows.items()} == {"A.TXT": "x", "B.MD": "y", "c.txt": "z"}
    (tmp_path / "c.LABEL.TXT").unlink()
    (tmp_path / "LABELS.CSV").write_text("file,output\nc.txt,w\nA.TXT,v\nB.MD,u\n", encoding="utf-8")
    rows, drops, _ = read(tmp_path)
    assert {row.row_id: row.output for row in rows} == {"c.txt": "w", "A.TXT": "v", "B.MD": "u"}
    assert drops == []


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Validation", "VALID", "Dev"])
def test_validation_by_any_of_its_names(tmp_path, name):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({**RECORDS[0], "split": name}), encoding="utf-8")
    assert read(path)[0][0].split == "validation"
    folder = tmp_path / "folder"
    (folder / name).mkdir(parents=True)
    (folder / name / "a.csv").write_text("input,output\na,x\n", encoding="utf-8")
    assert read(folder)[0][0].split == "validation"


BROKEN = '{"input": "torn'


@pytest.mark.parametrize(
    ("begin", "lost"),
    [
        pytest.param(["[1, 2]"], 1, id="a list"),
        pytest.param(["[]", BROKEN], 2, id="an empty list"),
        pytest.param(['{"input": "torn",'] * 3, 3, id="torn lines that end in a comma"),
        pytest.param(['{"input": "torn",', BROKEN, "[]"], 3, id="torn lines"),
        pytest.param(
            [json.dumps({"input": "a" * 65_525 + ",{" * 9, "output": "x"}), BROKEN], 1, id="a long line"
        ),
        pytest.param(
            [json.dumps({"input": "a" * 65_524 + ",{" * 9, "output": "x"}), BROKEN], 1, id="cut elsewhere"
        ),
    ],
)
def test_a_bad_line_costs_no_other_line(tmp_path, begin, lost):
    """The beginning of the file decides how it is read, but the name says that each line is a record."""
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join([*begin, *LINES]) + "\n", encoding="utf-8")
    rows, drops, _ = read(path, format="rows")
    assert len(drops) == lost
    assert [row.input for row in rows][-5:] == [one["input"] for one in RECORDS]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_behind_a_mark(tmp_path, indent):
    path = tmp_path / "d.jsonl"
    path.write_text("\ufeff" + json.dumps(RECORDS, indent=indent), encoding="utf-8")
    rows, drops, _ = read(path)
    assert drops == []
    assert len(rows) == 5


def test_the_command_for_records_in_an_object_can_be_typed(tmp_path):
    path = tmp_path / "my data.json"
    path.write_text(json.dumps({"it's": RECORDS}), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read(path)
    command = refused.value.hint.partition("path`: ")[2]
    assert shlex.split(command) == ["jq", "-c", '."it\'s"[]', "my data.json", ">", "rows.jsonl"]


def test_a_single_record_with_a_list_of_objects_is_a_record(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({**RECORDS[0], "turns": [{"a": 1}, {"a": 2}]}), encoding="utf-8")
    rows, drops, _ = read(path)
    assert (len(rows), drops) == (1, [])

"""Tables of any container and shape: what is read, what is left out and why, how `auto` decides."""

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from insource.config.dataset import DatasetSection
from insource.dataset.rows.staged import staged
from insource.dataset.sources.choose import choose_source
from insource.formats.csv_records import likely_delimiter
from insource.foundation.errors import DataError, UserError
from insource.types import Dropped, Row


def source(path, **section):
    return choose_source(DatasetSection(**section), path, workspace=path.parent, task="t")


def read(path, **section):
    items = list(source(path, **section).source)
    drops = [
        (item.row_id, item.line, item.reason, item.detail) for item in items if isinstance(item, Dropped)
    ]
    return [item for item in items if isinstance(item, Row)], drops


def write(path, content):
    if not isinstance(content, bytes | str):
        content = "".join(json.dumps(record) + "\n" for record in content)
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(rows):
    return [(row.input, row.output) for row in rows]


CSV = "input,output,group,split,other\none,x,g,test,1\ntwo,y,,,2\n"


def test_csv_of_our_own_columns(tmp_path):
    path = write(tmp_path / "d.csv", CSV)
    rows, drops = read(path)
    assert drops == []
    assert pairs(rows) == [("one", "x"), ("two", "y")]
    assert [(row.group, row.split, row.line) for row in rows] == [("g", "test", 2), (None, None, 3)]
    chosen = source(path)
    list(chosen.source)
    assert chosen.reason == "rows: 2 of the first 2 records have `input` and `output`"
    assert chosen.source.notes == ("Keys that Insource does not use were left out: other (2 rows).",)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_table_of_another_encoding(tmp_path, encoding):
    path = write(tmp_path / "d.csv", "input,output\nGröße,x\n".encode(encoding))
    marked = encoding == "utf-16"
    rows, _ = read(path, encoding="" if marked else encoding)
    assert pairs(rows) == [("Größe", "x")]
    lines = write(tmp_path / "d.jsonl", '{"input": "Größe", "output": "x"}\n'.encode(encoding))
    assert pairs(read(lines, encoding="" if marked else encoding)[0]) == [("Größe", "x")]


def test_a_wrong_encoding_is_named_with_the_lines(tmp_path):
    path = write(tmp_path / "d.csv", b"input,output\ngood,x\n" + "Größe,y\n".encode("cp1252") + b"fine,z\n")
    rows, drops = read(path)
    assert pairs(rows) == [("good", "x"), ("fine", "z")]
    assert drops == [("line-3", 3, "bad-utf8", "not UTF-8; name the file's encoding in `[dataset] encoding`")]
    for encoding in ("klingon", "base64", "undefined", "utf\0"):
        with pytest.raises(UserError) as error:
            read(path, encoding=encoding)
        assert error.value.code == "unknown-encoding"


@pytest.mark.parametrize(
    "settings",
    [{"quote": "\n"}, {"quote": "\r"}, {"delimiter": "\n"}, {"delimiter": '"'}, {"delimiter": ",,"}],
)
def test_characters_that_cannot_stand_between_or_around_cells_are_refused(settings):
    with pytest.raises(ValidationError):
        DatasetSection(**settings)


def test_a_quote_is_no_delimiter():
    assert likely_delimiter("one column\ntwo words\n", quote=",") != ","
    assert likely_delimiter("|a|;|b,c;d|\n|e|;|f|\n", quote="|") == ";"


def test_a_header_that_cannot_be_used_is_named_for_the_file(tmp_path):
    rows = [f"text {n};x;1\n".encode() for n in range(3)]
    path = write(tmp_path / "d.csv", b"".join(["input;output;größe\n".encode("latin-1"), *rows]))
    hint = "name the file's encoding in `[dataset] encoding`"
    said = f"the header is not UTF-8, so none of its rows are read; {hint}"
    assert read(path, format="rows") == ([], [("line-1", 1, "bad-utf8", said)])
    assert len(read(path, encoding="latin-1")[0]) == 3
    path = write(tmp_path / "e.csv", "input,label,output,label\na,1,x,2\n")
    (drop,) = read(path, format="rows")[1]
    assert drop[2:] == ("invalid-csv", "columns have the same name: 'label', so none of its rows are read")


def test_broken_quoting_costs_the_row_it_is_in_and_no_other(tmp_path):
    rows = ["one,a", '"never closed,b', 'three,"c"', '"x"y,d', '"two\nlines",e', "too,many,f", '"the last,g']
    path = write(tmp_path / "d.csv", "\n".join(["input,output", *rows]) + "\n")
    found, drops = read(path)
    assert pairs(found) == [("one", "a"), ("three", "c"), ("two\nlines", "e")]
    assert [(line, reason) for _, line, reason, _ in drops] == [(n, "invalid-csv") for n in (3, 5, 8, 9)]
    settings = "`[dataset] delimiter` and `quote` say how it is written"
    assert drops[2][3] == f"the header has 2 columns, the row 3, separated by ','; {settings}"


def test_columns_with_other_names(tmp_path):
    records = [
        {"ticket": {"no": 7}, "subject": "Order", "body": "twice", "team": 3, "sum": "1.5", "who": ""},
        {"ticket": {"no": 8}, "subject": "", "body": None, "team": 1, "sum": "2", "who": "x"},
    ]
    path = write(tmp_path / "d.jsonl", records)
    columns = {"input": ["subject", "body"], "output": "team", "id": "ticket.no"}
    rows, drops = read(path, columns=columns)
    assert [(row.row_id, row.input, row.output) for row in rows] == [
        ("7", "subject: Order\nbody: twice", "3")
    ]
    assert drops == [("8", 2, "missing-input", "`input` is absent or empty")]
    several, _ = read(path, columns={"input": "team", "output": ["sum", "who"]})
    assert several == []  # the input is no text: a number is not taken for a document
    fields, _ = read(path, columns={"input": "subject", "output": ["sum", "who", "gone"]})
    assert fields[0].output == {"sum": "1.5", "who": None}
    assert source(path, columns=columns).reason == "columns as named in [dataset.columns]"


def test_unknown_columns_are_listed(tmp_path):
    path = write(tmp_path / "d.csv", "text,label\na,b\n")
    with pytest.raises(DataError) as error:
        source(path)
    assert error.value.code == "unknown-columns"
    assert error.value.details == ("Its columns: text, label.",)


def chat(*messages, **more):
    return {
        "messages": [{"role": role, "content": content, **extra} for role, content, extra in messages],
        **more,
    }


def test_chat_examples(tmp_path):
    turn = ("user", "doc", {})
    records = [
        chat(("system", "S", {}), turn, ("assistant", "yes", {}), tools=[]),
        chat(turn, ("assistant", "no", {"weight": 0})),
        chat(turn, ("assistant", None, {"tool_calls": [{"function": {"name": "f"}}]})),
        chat(turn, ("assistant", "first", {}), ("user", "again", {}), ("assistant", "second", {})),
        chat(turn),
        chat(
            turn, ("assistant", "kept", {"weight": 1}), ("user", "x", {}), ("assistant", "cut", {"weight": 0})
        ),
        {"messages": "none"},
        {
            "input": {"messages": [{"role": "user", "content": "q"}]},
            "preferred_output": [{"role": "assistant", "content": "better"}],
            "non_preferred_output": [{"role": "assistant", "content": "worse"}],
        },
        chat(
            ("user", [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}], {}),
            ("assistant", "a", {}),
        ),
    ]
    path = write(tmp_path / "d.jsonl", records)
    rows, drops = read(path)
    assert [(row.line, row.input, row.output, row.prompt) for row in rows] == [
        (1, "doc", "yes", "S"),
        (6, "doc", "kept", ""),
        (8, "q", "better", ""),
    ]
    assert [(line, reason) for _, line, reason, _ in drops] == [
        (2, "weight-zero"),
        (3, "tool-calls"),
        (4, "conversation"),
        (5, "missing-output"),
        (7, "missing-input"),
        (9, "not-text"),
    ]
    chosen = source(path)
    list(chosen.source)
    assert chosen.source.notes == ("Keys that Insource does not use were left out: tools (1 rows).",)
    assert pairs(read(path, conversations="last")[0])[1] == ("again", "second")
    assert pairs(read(path, conversations="render")[0])[1] == (
        "User: doc\n\nAssistant: first\n\nUser: again",
        "second",
    )


def test_prompts_with_completions(tmp_path):
    said = [{"role": "user", "content": "q"}]
    records = [
        {"prompt": "p", "completion": " c"},
        {"prompt": said, "completion": [{"role": "assistant", "content": "a"}]},
        {"prompt": said, "completion": "b"},
        {"prompt": "p", "completion": 3},
        {"prompt": "p"},
    ]
    rows, drops = read(write(tmp_path / "d.jsonl", records))
    assert pairs(rows) == [("p", " c"), ("q", "a"), ("q", "b")]
    assert [(line, reason) for _, line, reason, _ in drops] == [(4, "wrong-type"), (5, "missing-output")]


def test_who_vouches_for_the_labels(tmp_path):
    known = {"label": "teacher", "model": "small", "finish_reason": "length"}
    records = [
        {"input": "a", "output": "x"},
        {"input": "b", "output": "y", "provenance": known},
        {"input": "c", "output": "z", "provenance": {"label": "an angel"}},
    ]
    path = write(tmp_path / "d.jsonl", records)
    one, two = (row.provenance for row in read(path, teacher="openai/gpt-4o")[0])
    assert (one.label, one.provider, one.model) == ("teacher", "openai", "gpt-4o")
    assert (two.label, two.model, two.finish_reason, two.line) == ("teacher", "small", "length", 2)
    rows, drops = read(path)
    assert [row.provenance.label for row in rows] == ["checked", "teacher"]
    assert drops[0][2] == "wrong-type"


def test_parquet_and_gzip(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"input": ["a", "b", None], "output": [{"n": 1}, {"n": 2}, {"n": 3}]})
    parquet.write_table(table, tmp_path / "d.parquet")
    rows, drops = read(tmp_path / "d.parquet")
    assert pairs(rows) == [("a", {"n": 1}), ("b", {"n": 2})]
    assert [(line, reason) for _, line, reason, _ in drops] == [(3, "missing-input")]
    packed = write(tmp_path / "d.csv.gz", gzip.compress(CSV.encode()))
    assert pairs(read(packed)[0]) == [("one", "x"), ("two", "y")]


def test_a_damaged_parquet_file_is_one_bad_row(tmp_path):
    pytest.importorskip("pyarrow")
    path = write(tmp_path / "d.parquet", b"PAR1 and then nothing of the kind PAR1")
    assert [(line, reason) for _, line, reason, _ in read(path)[1]] == [(1, "unreadable-record")]
    arrow = write(tmp_path / "d.arrow", b"ARROW1\0\0 broken")
    assert [(line, reason) for _, line, reason, _ in read(arrow)[1]] == [(1, "unreadable-record")]


def test_a_shard_cut_short_keeps_its_rows_and_the_other_files_are_read(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"input": [f"text {n}" for n in range(4000)], "output": ["x", "y"] * 2000})
    for name in ("a", "b"):
        with (
            pyarrow.OSFile(str(tmp_path / f"{name}.arrow"), "wb") as file,
            pyarrow.ipc.new_stream(file, table.schema) as stream,
        ):
            for batch in table.to_batches(max_chunksize=1000):
                stream.write_batch(batch)
    whole = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(whole[: len(whole) * 6 // 10])
    rows, drops = read(tmp_path)
    assert [row.provenance.source for row in rows] == ["a.arrow"] * 2000 + ["b.arrow"] * 4000
    assert [(name, line, reason) for name, line, reason, _ in drops] == [
        ("a.arrow:2001", 2001, "unreadable-record")
    ]
    assert "the Arrow file is damaged" in drops[0][3]


def test_datasets_saved_to_disk(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    made = {
        split: datasets.Dataset.from_dict(
            {"text": [f"{split} {n}" for n in range(4)], "label": [0, 1, 0, 1]}, features
        )
        for split in ("train", "test")
    }
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "kept"), num_shards={"train": 2, "test": 1})
    chosen = source(tmp_path / "kept", columns={"input": "text", "output": "label"})
    rows = list(chosen.source)
    assert chosen.reason == "3 files of kept/: columns as named in [dataset.columns]"
    assert sorted((row.split, row.input, row.output) for row in rows) == [
        (split, f"{split} {n}", ("no", "yes")[n % 2]) for split in ("test", "train") for n in range(4)
    ]
    assert len({row.row_id for row in rows}) == 8
    made["test"].to_parquet(str(tmp_path / "test-00000-of-00001.parquet"))
    single, _ = read(tmp_path / "test-00000-of-00001.parquet", columns={"input": "text", "output": "label"})
    assert [row.output for row in single] == ["no", "yes", "no", "yes"]


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.json"])
def test_json_is_as_strict_in_every_container(tmp_path, name):
    rows = ['{"input": "a", "output": "x"}', '{"input": "b", "output": "x", "output": "y"}']
    text = f"[{', '.join(rows)}]" if name == "d.json" else "\n".join(rows)
    path = write(tmp_path / name, gzip.compress(text.encode()) if name.endswith("gz") else text)
    found, drops = read(path)
    assert pairs(found) == [("a", "x")]
    assert [reason for _, _, reason, _ in drops] == ["invalid-json"]
    assert "the key 'output' occurs twice" in drops[0][3]


def test_a_row_without_any_of_its_output_columns_has_no_output(tmp_path):
    path = write(tmp_path / "d.csv", "text,a,b\none,,\ntwo,1,\n")
    rows, drops = read(path, columns={"input": "text", "output": ["a", "b"]})
    assert [row.output for row in rows] == [{"a": "1", "b": None}]
    assert [(line, reason) for _, line, reason, _ in drops] == [(2, "missing-output")]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("test.csv", "test"),
        ("test-0000.csv", "test"),
        ("test-00000-of-00001.csv", "test"),
        ("dev.csv", "validation"),
        ("val/data-00000-of-00001.csv", "validation"),
        ("test_results_2024.csv", None),
        ("dev-notes.csv", None),
        ("orders.csv", None),
    ],
)
def test_a_split_is_named_by_the_whole_name(tmp_path, name, split):
    write(tmp_path / name, "input,output\na,x\n")
    assert [row.split for row in read(tmp_path)[0]] == [split]


def test_an_id_in_two_files_names_both(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "in" / f"{name}.jsonl", [{"id": "1", "input": name, "output": "x"}])
    with staged(source(tmp_path / "in").source, tmp_path / "work") as rows:
        (drop,) = rows.dropped
    assert (drop.reason, drop.line) == ("duplicate-id", 1)
    assert drop.detail == "b.jsonl: the id '1' is already taken in a.jsonl on line 1"


def test_a_folder_of_tables_names_file_and_line(tmp_path):
    write(tmp_path / "f" / "train.jsonl", [{"input": "a", "output": "x"}, {"input": "", "output": "x"}])
    write(tmp_path / "f" / "validation-00000-of-00001.csv", "input,output\nb,y\n")
    write(tmp_path / "f" / "testing.jsonl", [{"input": "c", "output": "z"}])
    write(tmp_path / "f" / "README.md", "a card")
    rows, drops = read(tmp_path / "f")
    assert [(row.row_id, row.split) for row in rows] == [
        ("testing.jsonl:1", None),
        ("train.jsonl:1", "train"),
        ("validation-00000-of-00001.csv:2", "validation"),
    ]
    assert drops == [("train.jsonl:2", 2, "missing-input", "train.jsonl: `input` is absent or empty")]


def test_a_file_among_several_that_may_not_be_read_is_one_drop(tmp_path, monkeypatch):
    for name in ("a", "b", "license"):
        write(tmp_path / f"{name}.jsonl", [{"input": name, "output": "x"}])
    opened = Path.open

    def refusing(path, *args, **more):
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **more)

    monkeypatch.setattr(Path, "open", refusing)
    rows, drops = read(tmp_path)
    assert [row.input for row in rows] == ["a", "license"]
    assert [(name, reason) for name, _, reason, _ in drops] == [("b.jsonl", "unreadable-path")]
    assert "Permission denied" in drops[0][3]


def test_folders_and_files_that_are_not_there_or_empty(tmp_path):
    with pytest.raises(DataError) as error:
        source(tmp_path / "nowhere.csv")
    assert error.value.code == "rows-unreadable"
    (tmp_path / "empty").mkdir()
    assert list(source(tmp_path / "empty").source) == []
    with pytest.raises(DataError) as error:
        source(tmp_path / "empty", format="rows")
    assert error.value.code == "no-rows"
    with pytest.raises(DataError) as error:
        list(source(write(tmp_path / "file.txt", "x"), format="documents").source)
    assert error.value.code == "rows-unreadable"

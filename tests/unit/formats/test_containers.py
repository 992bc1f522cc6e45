"""Records out of files: JSON Lines, JSON documents, CSV, Parquet, gzipped, torn, hostile."""

import gzip
import io
import json
import sys
import tracemalloc

import pytest
from support.import_samples import jsonl, table

from insource.formats import containers
from insource.formats.containers import records
from insource.formats.values import BadRecord
from insource.foundation.errors import PrerequisiteError

ROWS = [{"a": 1, "b": 'größe, {] \\ " \n'}, {"a": 2, "b": ""}, {"a": 3, "b": "x" * 50}]


def found(data):
    return [
        (line, f"bad: {record}" if isinstance(record, BadRecord) else record)
        for line, record in records(io.BytesIO(data))
    ]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (jsonl(*ROWS), [1, 2, 3]),
        (b"\xef\xbb\xbf" + jsonl(*ROWS), [1, 2, 3]),
        (jsonl(*ROWS).replace(b"\n", b"\r\n\r\n"), [1, 3, 5]),
        (gzip.compress(jsonl(*ROWS)), [1, 2, 3]),
        (json.dumps(ROWS).encode(), [1, 1, 1]),
        (json.dumps(ROWS, indent=1).encode(), [2, 6, 10]),
        ("\n".join(json.dumps(row, indent=1) for row in ROWS).encode(), [1, 5, 9]),
        (json.dumps({"object": "list", "data": ROWS, "has_more": False}).encode(), [1, 1, 1]),
    ],
    ids=["lines", "bom", "crlf", "gzip", "list", "indented", "one after another", "page"],
)
def test_json_in_every_arrangement(data, lines):
    assert found(data) == list(zip(lines, ROWS, strict=True))


def test_csv_has_the_line_on_which_a_record_starts():
    assert found(table(*ROWS)) == [
        (2, {"a": "1", "b": ROWS[0]["b"]}),
        (4, {"a": "2", "b": ""}),
        (5, {"a": "3", "b": "x" * 50}),
    ]
    assert found(b"a;b\n1;2,5\n") == [(2, {"a": "1", "b": "2,5"})]


def test_parquet_keeps_what_json_has_no_type_for():
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    from datetime import UTC, datetime
    from decimal import Decimal

    columns = {
        "id": [1, 2],
        "at": [datetime(2026, 1, 5, 10, tzinfo=UTC), None],
        "cost": [Decimal("0.10"), None],
        "score": [float("nan"), float("inf")],
        "nested": [{"x": [1]}, None],
        "bytes": [b"\xff", b"ok"],
    }
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    one, two = found(file.getvalue())
    assert one == (
        1,
        {
            "id": 1,
            "at": "2026-01-05T10:00:00+00:00",
            "cost": "0.10",
            "score": None,
            "nested": {"x": [1]},
            "bytes": "\\xff",
        },
    )
    assert two[0] == 2
    assert two[1]["score"] == "inf"
    [torn] = found(file.getvalue()[:100])
    assert torn[1].startswith("bad: the Parquet file is damaged")


def test_without_pyarrow_the_install_line_is_printed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PrerequisiteError) as raised:
        found(b"PAR1....")
    assert raised.value.code == "missing-extra"
    assert "pip install 'insource[parquet]'" in raised.value.hint


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}\n{"a": \n{"a": 3}\n', [1, "bad: not JSON", 3]),
        (b'{"a": 1}\n[2]\n"x"\n7\n', [1, "bad: not an object"] + ["bad: not an object"] * 2),
        (b'{"a": 1}\n{"b": "\xff"}\n', [1, "bad: not UTF-8 at byte"]),
        (b'{"a": 1}\n{"b": ' + b"[" * 200 + b"]" * 200 + b"}\n", [1, "bad: nested deeper"]),
        (b'{"a": 1}\n{"b": ' + b"[" * 9999 + b"]" * 9999 + b"}\n", [1, "bad: nested deeper"]),
        (b'{"a": 1}\n{"b": ' + b"9" * 9999 + b"}\n", [1, "bad: JSON that cannot be stored"]),
        (b'[{"a": 1}, {"b": }, 5, {"a": 3}]', [1, "bad: not JSON", "bad: not an object", 3]),
        (b'[{"a": 1}, {"a": 2', [1, "bad: the file ends"]),
        (b'[{"a": 1}, {"a": "x', [1, "bad: the file ends"]),
        (
            b'a,b\n1,2\n3\n4,5,6\n"7\n',
            [
                1,
                "bad: the header has 2 columns, the row 1",
                "bad: the header has 2 columns, the row 3",
                "bad: not CSV",
            ],
        ),
        (b"a,b\n1,\xff\n", ["bad: not UTF-8"]),
        (b'"', ["bad: not JSON"]),
        (b'"a"b,c\n1,2\n3,4\n', ["bad: not CSV", 3]),
        (b"a,a\n1,2\n", ["bad: columns have the same name: 'a'"]),
        ("a,größe\n1,2\n".encode("latin-1"), ["bad: the header is not UTF-8"]),
        ("{}".encode("utf-16"), ["bad: the file is UTF-16"]),
    ],
)
def test_what_cannot_be_read_is_told_in_its_place(data, expected):
    shown = [
        record if isinstance(record, str) else int(next(iter(record.values()))) for _, record in found(data)
    ]
    for have, want in zip(shown, expected, strict=True):
        assert have == want if isinstance(want, int) else have.startswith(want), (shown, want)


@pytest.mark.parametrize("keep", [-9, -1, -400, 0.5])
def test_a_cut_gzip_gives_what_came_before_the_cut(keep):
    rows = [{"a": number, "b": f"{number * 7919 % 1013}"} for number in range(2000)]
    packed = gzip.compress(jsonl(*rows[:1000])) + gzip.compress(jsonl(*rows[1000:]))
    *records, end = found(packed[: keep if isinstance(keep, int) else int(len(packed) * keep)])
    whole = [record for _, record in records if isinstance(record, dict)]
    assert whole == rows[: len(whole)]
    assert len(whole) > 900
    assert end[1].startswith("bad: the compressed file is damaged or cut short")
    assert found(packed + bytes(512)) == [(line, row) for line, row in enumerate(rows, 1)]


def test_a_damaged_gzip_gives_what_came_before_the_damage():
    packed = bytearray(
        gzip.compress(jsonl(*({"a": f"{number * number * 7919 % 1000003}"} for number in range(20000))))
    )
    packed[len(packed) // 2 :] = bytes(len(packed) // 2)
    *records, end = found(bytes(packed))
    assert sum(isinstance(record, dict) for _, record in records) > 5000
    assert end[1].startswith("bad: the compressed file is damaged or cut short")


def test_a_torn_first_line_does_not_make_json_lines_a_table():
    assert [line for line, record in found(b'ello", "b": 2}\n{"a": 1}\n') if isinstance(record, dict)] == [2]


def test_leniency_loses_nothing():
    [(_, record)] = found(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": "cut \\ud83d", "e": 1.5}\n')
    assert record == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": "cut ?", "e": 1.5}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_a_document_is_cut_the_same_however_it_is_read(monkeypatch, chunk):
    from insource.formats import json_document

    hostile = b'[{"a": 1, "b": "\\\\"},\n\n {"a": "]}\\"[{"}, 5, {"b": [[{"c": "\\\\\\""}]]},]  '
    whole = found(hostile)
    monkeypatch.setattr(json_document, "_CHUNK_BYTES", chunk)
    assert found(hostile) == whole
    assert [line for line, _ in whole] == [1, 3, 3, 3]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}\n{"a": "%s"}\n{"a": 3}\n', [1, 2, 3]),
        (b'[{"a": 1},\n{"a": [%s]},\n{"a": 3}]', [1, 2, 3]),
        (b'[{"a": 1},\n{"a": "%s"},\n{"a": 3}]', [1, 2]),
        (b'a,b\n1,1\n"%s",2\n3,3\n', [2, 3]),
    ],
    ids=["lines", "list", "one text", "csv"],
)
def test_a_record_without_end_is_passed_over_in_bounded_memory(monkeypatch, data, expected):
    from insource.formats import json_document

    monkeypatch.setattr(containers, "MAX_RECORD_BYTES", 1 << 16)
    monkeypatch.setattr(json_document, "_CHUNK_BYTES", 1 << 12)
    filler = b"1," * (2 << 20)
    file = io.BytesIO(data % filler[:-1])
    tracemalloc.start()
    try:
        shown = [(line, isinstance(record, BadRecord)) for line, record in records(file)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [line for line, _ in shown][: len(expected)] == expected
    assert (expected[1], True) in shown or (expected[0], False) in shown
    assert any(bad for _, bad in shown)
    assert peak < 2 << 20

"""What a program wrote into a table is read back the same, whatever dialect or types it chose."""

import codecs
import csv
import io
import json
import math
from collections import Counter

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insource.config.dataset import DatasetSection
from insource.dataset.rows.records import BadRow
from insource.dataset.sources.choose import choose_source
from insource.dataset.sources.containers import read_records, whole_columns
from insource.formats.csv_records import BLANK_ROWS, DETECTED, CsvDialect, likely_delimiter
from insource.types import Dropped, Row

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Python 3.11 writes a lone \r without quotes, and no reader can tell it from the end of a row.
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8)
delimiters = st.sampled_from([",", ";", "\t", "|"])
quoting = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


@st.composite
def tables(draw):
    """Headings and rows; a heading may hold delimiters, and a row says something."""
    width = draw(st.integers(2, 4))
    extra = draw(st.text('ab,;\t|"\n ', max_size=5))
    header = [f"name {place}" for place in range(width - 1)] + [f"last {extra}"]
    row = st.lists(cell, min_size=width, max_size=width).filter(
        lambda cells: any(one.strip() for one in cells)
    )
    return header, draw(st.lists(row, max_size=6))


def written(header, rows, *, delimiter, terminator="\n", quote='"', how=csv.QUOTE_MINIMAL):
    file = io.StringIO()
    kept = {"quotechar": quote} if quote else {}
    writer = csv.writer(file, delimiter=delimiter, lineterminator=terminator, quoting=how, **kept)
    writer.writerows([header, *rows])
    return file.getvalue()


def read_back(path, dialect=DETECTED, **more):
    found = [record for _, record in read_records(path, csv=dialect, **more)]
    assert [one.detail for one in found if isinstance(one, BadRow)] == []
    return found


def as_records(header, rows):
    return [dict(zip(header, row, strict=True)) for row in rows]


@QUICK
@given(tables(), delimiters, quoting, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_any_dialect_that_csv_writes_is_read_back(tmp_path, table, delimiter, how, terminator, marked, said):
    header, rows = table
    if terminator == "\r" and "\n" in "".join(map("".join, table[1] + [header])):
        how = (
            csv.QUOTE_ALL
        )  # Python 3.11 writes \n without quotes there, which is the end of a row to everyone
    content = written(header, rows, delimiter=delimiter, terminator=terminator, how=how)
    # Where the headings hold other delimiters outside quotes, only the file can say which one counts.
    outside = sum(sign in header[-1] for sign in ",;\t|" if sign != delimiter) and how == csv.QUOTE_MINIMAL
    if said or outside:
        content = f"sep={delimiter}{terminator}{content}"
    path = tmp_path / "d.csv"
    path.write_bytes((codecs.BOM_UTF8 if marked else b"") + content.encode())
    assert read_back(path) == as_records(header, rows)


@QUICK
@given(tables(), st.sampled_from([",", ";", "\t", "|", ":", "~", "^"]), st.sampled_from(["'", '"', "`"]))
def test_the_settings_say_the_rest(tmp_path, table, delimiter, quote):
    header, rows = table
    path = tmp_path / "d.csv"
    path.write_bytes(written(header, rows, delimiter=delimiter, quote=quote).encode())
    assert read_back(path, CsvDialect(delimiter, quote)) == as_records(header, rows)
    section = DatasetSection(
        format="rows", delimiter=delimiter, quote=quote, columns={"input": header[0], "output": header[1]}
    )
    items = list(choose_source(section, path, workspace=tmp_path, task="t").source)
    assert len(items) == len(rows)
    assert not [item for item in items if isinstance(item, Dropped) and item.reason == "invalid-csv"]


@QUICK
@given(st.lists(st.tuples(*2 * [st.text("ab\"' ", min_size=1, max_size=5)]), min_size=1, max_size=5))
def test_without_quoting_a_quote_is_a_character(tmp_path, rows):
    rows = [[first, f"{second}."] for first, second in rows]
    path = tmp_path / "d.csv"
    path.write_text("".join(f"{a};{b}\n" for a, b in [("x", "y"), *rows]), encoding="utf-8")
    assert read_back(path, CsvDialect(quote="")) == as_records(["x", "y"], rows)


@QUICK
@given(tables(), delimiters, st.integers(0, 3), *[st.integers(0, 2)] * 3)
def test_empty_columns_and_rows_around_a_table_are_no_part_of_it(
    tmp_path, table, delimiter, columns, above, between, below
):
    header, rows = table
    more = [""] * columns
    lines = written([*header, *more], [[*row, *more] for row in rows], delimiter=delimiter)
    last = written([*header, *more], [["last", *header[1:]]], delimiter=delimiter).removeprefix(
        written([*header, *more], [], delimiter=delimiter)
    )
    blank = delimiter * (len(header) + columns - 1) + "\n"
    path = tmp_path / "d.csv"
    content = f"sep={delimiter}\n{blank * above}{lines}{blank * between}{last}{blank * below}"
    path.write_bytes(content.encode())
    noted = Counter()
    assert read_back(path, noted=noted) == as_records(header, [*rows, ["last", *header[1:]]])
    assert noted[BLANK_ROWS] == above + between + below


def test_text_below_no_heading_and_text_behind_the_last_column_are_not_lost(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(
        ";input;output;;\n0;a;x;;checked by Ann\n1;b;y;;\n2;c;z;;;;\n3;d;w;;;;lost?\n4;e\n", encoding="utf-8"
    )
    found = [record for _, record in read_records(path)]
    assert found[0] == {"column 1": "0", "input": "a", "output": "x", "column 5": "checked by Ann"}
    assert found[1:3] == [
        {"column 1": "1", "input": "b", "output": "y"},
        {"column 1": "2", "input": "c", "output": "z"},
    ]
    settings = "`[dataset] delimiter` and `quote` say how it is written"
    assert [bad.detail for bad in found[3:]] == [
        f"the header has 5 columns, the row 7, separated by ';'; {settings}",
        f"the header has 5 columns, the row 2, separated by ';'; {settings}",
    ]


@pytest.mark.parametrize(
    ("lines", "delimiter"),
    [
        (['a;"b, c, d";e', "1;2;3"], ";"),
        (["a;b (x, y, z);e", "1, 1;2;3", "4;5, 5, 5;6"], ";"),
        (["a,b;c|d", "1,2;2;2|2|2", "3,4"], ","),
        (["a\tb", "1,5\t2,5", "3,5\t4,5"], "\t"),
        (["a|b|c", "1;2|3|4"], "|"),
        (["a;b", '"never closed;1', "2,2;3"], ";"),
        (['"a;b";c', '"1;1;1";2'], ";"),
        (["a,b", "only text; with, many; signs", "1,2"], ","),
    ],
)
def test_the_delimiter_is_the_one_that_fits_the_rows(lines, delimiter):
    assert likely_delimiter("\n".join([*lines, ""])) == delimiter


whole = st.integers(-(2**53) + 1, 2**53 - 1)
column = st.one_of(
    st.lists(st.one_of(st.none(), whole), min_size=1, max_size=6),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=32)), min_size=1, max_size=6),
)


@QUICK
@given(column, st.booleans(), st.sampled_from(["parquet", "arrow", "stream"]))
def test_missing_values_and_integers_of_pandas_come_back(tmp_path, values, nan, container):
    """pandas keeps integers beside a missing value as floats: NaN itself, or null with its own metadata."""
    by_pandas = [
        math.nan if value is None and nan else value if value is None else float(value) for value in values
    ]
    table = pyarrow.table({"v": pyarrow.array(by_pandas, pyarrow.float64())})
    path = saved(tmp_path, table.replace_schema_metadata({"pandas": "{}"}), container)
    noted = Counter()
    columns = whole_columns([path])
    found = [record["v"] for _, record in read_records(path, noted=noted, whole=columns)]
    known = [value for value in values if value is not None]
    integers = known and None in values and all(float(v).is_integer() and abs(v) < 2**53 for v in known)
    assert columns == ({"v"} if integers else set())
    expected = [v if v is None else int(v) if integers else float(v) for v in values]
    expected = [str(v) if isinstance(v, float) and math.isinf(v) else v for v in expected]
    assert [(type(v), v) for v in found] == [(type(v), v) for v in expected]
    missing = values.count(None) if nan else 0
    assert noted["NaN in the column v, read as missing"] == missing


def saved(folder, table, container):
    import pyarrow.parquet

    path = folder / f"d.{'parquet' if container == 'parquet' else 'arrow'}"
    if container == "parquet":
        pyarrow.parquet.write_table(table, path)
        return path
    open_writer = pyarrow.ipc.new_file if container == "arrow" else pyarrow.ipc.new_stream
    with open_writer(path, table.schema) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("value", [float("nan"), [1.0, math.nan], {"x": math.nan}])
def test_nan_is_missing_wherever_it_stands(tmp_path, value):
    path = saved(tmp_path, pyarrow.table({"v": [value]}), "parquet")
    ((_, record),) = read_records(path)
    assert "nan" not in json.dumps(record).lower()
    assert None in (
        record["v"],
        *(record["v"] if isinstance(record["v"], list) else (record["v"] or {"x": 0}).values()),
    )


def test_nulls_beside_floats_that_pandas_did_not_write_stay_floats(tmp_path):
    path = saved(tmp_path, pyarrow.table({"v": pyarrow.array([1.0, None])}), "parquet")
    assert whole_columns([path]) == set()


def test_a_label_is_the_same_integer_in_every_file_of_a_source(tmp_path):
    made = {"train": [0.0, 1.0], "test": [1.0, math.nan], "dev": [2.0, 0.0]}
    for name, labels in made.items():
        table = pyarrow.table({"input": [f"{name} {n}" for n in range(2)], "output": labels})
        saved(tmp_path, table, "parquet").rename(tmp_path / f"{name}.parquet")
    source = choose_source(DatasetSection(), tmp_path, workspace=tmp_path, task="t").source
    items = list(source)
    assert [item.output for item in items if isinstance(item, Row)] == ["2", "0", "1", "0", "1"]
    assert [item.reason for item in items if isinstance(item, Dropped)] == ["missing-output"]
    assert source.notes == (
        "NaN in the column output, read as missing: 1.",
        "Numbers of the column output that a missing value had made floats, read as integers: 5.",
    )


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_two_columns_of_one_name_are_no_reason_to_stop(tmp_path, kind):
    path = tmp_path / f"d.{kind}"
    columns = [pyarrow.array(one) for one in (["a", "b"], ["x", "y"], [1.0, None], [1.0, float("nan")])]
    table = pyarrow.Table.from_arrays(columns, names=["input", "output", "n", "n"])
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    source = choose_source(DatasetSection(), path, workspace=tmp_path, task="t").source
    assert [row.input for row in source] == ["a", "b"]
